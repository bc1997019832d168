//! When the receiving half has nothing to do, or has done its share: what it waits for, and which
//! deadlines are judged then.

use std::time::Duration;

use crate::driver::receiving::{Phase, Receiving};
use crate::driver::sending::Sending;
use crate::driver::{Next, Turn};

impl Receiving {
    /// [`release_memory`](Self::release_memory) and then [`is_quiet`](Self::is_quiet), in one
    /// call: only where the connection [is idle](Self::is_idle), all is written and flushed, and
    /// a read found nothing. Most of what the two ask is known there, and is not asked again.
    /// Input that is not parsed would be lost.
    #[inline(always)]
    pub fn rest(&mut self, sending: &Sending) -> bool {
        if self.incoming.holds() {
            self.release_more();
            return self.is_quiet(sending);
        }
        self.input.release();
        self.incoming.work.renew();
        let is_quiet = self.incoming.has_deadlines() && !sending.closing().is_sent();
        debug_assert_eq!(is_quiet, self.is_quiet(sending), "idle, and all is written");
        is_quiet
    }

    /// There is nothing to read, or others have their turn: waits for the
    /// transport or the next deadline. `None`: look again.
    #[inline(never)]
    pub(super) fn wait(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        let goes_on = self.is_used_up(sending) || sending.outgoing.is_compressing();
        if turn.reads_blocked && !goes_on {
            if sending.had_share() {
                // Nothing came in between, so the others go on.
                sending.renew_share();
                return None;
            }
            self.release_memory();
            sending.release_memory();
            if turn.withholds && sending.is_done() {
                return Some(Next::Over(Ok(())));
            }
            return self.wait_for_deadline(sending, turn);
        }
        // A flood that never runs dry must keep nobody from a deadline.
        match self.wait_for_deadline(sending, turn)? {
            Next::Wait(Some(_)) if turn.now.is_none() => Some(Next::TIME),
            _ => Some(self.yields(sending)),
        }
    }

    /// The turn's work is used up in the middle of the input. `None`: look
    /// again.
    ///
    /// The peer's pong may be in what was not parsed: nothing is judged before
    /// that but the end.
    #[cold]
    #[inline(never)]
    pub(super) fn give_way(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        if !sending.closing().is_sent() {
            self.incoming.owes_time = true;
            return Some(self.yields(sending));
        }
        let Some(now) = turn.now else {
            return Some(Next::TIME);
        };
        self.judge(now, sending);
        self.is_receiving().then(|| self.yields(sending))
    }

    /// The input of a turn that ended in the middle of it is parsed: the
    /// deadlines are judged. `None`: look again.
    #[cold]
    #[inline(never)]
    pub(super) fn tell_time(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        match turn.now {
            None if self.deadline(sending).is_some() => {
                // Asked again with the time, it comes back here.
                self.phase = Phase::OPEN;
                return Some(Next::TIME);
            }
            None => {}
            Some(now) => self.judge(now, sending),
        }
        self.incoming.owes_time = false;
        None
    }

    /// Whether this turn has done its share.
    #[inline]
    pub(super) fn is_used_up(&self, sending: &Sending) -> bool {
        self.incoming.work.is_used_up() || sending.is_used_up()
    }

    /// Others have their turn, and then this one goes on.
    fn yields(&mut self, sending: &mut Sending) -> Next {
        self.incoming.renew_turn();
        sending.yields()
    }

    fn wait_for_deadline(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        let at = self.deadline(sending);
        match turn.now {
            Some(now) if at.is_some_and(|at| at <= now) => {
                self.judge(now, sending);
                None
            }
            _ => Some(Next::Wait(at)),
        }
    }

    /// A message is held back and nothing is read: waits for the transport to
    /// take bytes. `None`: look again.
    pub(super) fn wait_for_room(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        if let Some(next) = self.next_without_reading(sending, turn) {
            return Some(next);
        }
        if sending.closing().is_sent() {
            return self.wait_for_deadline(sending, turn);
        }
        // The peer's pong, or the rest of its frame, may wait unread: only the
        // blocked write itself can be late.
        match sending.judge(turn) {
            Ok(at) => Some(Next::Wait(at)),
            Err(expired) => {
                self.expire(expired, sending);
                None
            }
        }
    }

    /// A message, or a read, waits for memory: nothing is parsed or read meanwhile.
    /// `None`: look again.
    #[cold]
    #[inline(never)]
    pub(super) fn wait_for_memory(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        if let Some(next) = self.next_without_reading(sending, turn) {
            return Some(next);
        }
        // What the peer has sent waits unread: of its deadlines only that of the
        // closing handshake is judged.
        let close = self.incoming.poll_close(&sending.outgoing);
        let memory = self.incoming.poll_memory();
        let at = close.into_iter().chain(memory).min();
        match turn.now {
            None if at == Some(Duration::ZERO) => return Some(Next::TIME),
            Some(now) if at.is_some_and(|at| at <= now) => {
                if let Err(expired) = self.incoming.judge_close(now, &sending.outgoing) {
                    self.expire(expired, sending);
                } else if let Err(error) = self.incoming.judge_memory(now, self.input.len()) {
                    self.run_out_of_memory(error, sending);
                }
                return None;
            }
            _ => {}
        }
        self.incoming.reads_nothing();
        match sending.judge(turn) {
            Ok(write) => Some(Next::Memory(at.into_iter().chain(write).min())),
            Err(expired) => {
                self.expire(expired, sending);
                None
            }
        }
    }

    /// What there is to do while nothing is parsed or read. `None`: to wait.
    fn next_without_reading(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        // A Close that others hand in is taken over also inside a message.
        if let Some(next) = sending.next_output(turn) {
            return Some(next);
        }
        if self.is_used_up(sending) || sending.outgoing.is_compressing() {
            return Some(self.yields(sending));
        }
        sending.release_memory();
        (turn.withholds && sending.is_done()).then_some(Next::Over(Ok(())))
    }

    /// The next deadline of both halves.
    #[inline]
    fn deadline(&self, sending: &Sending) -> Option<Duration> {
        let incoming = self.incoming.poll_timeout(&sending.outgoing);
        let incoming = match self.incoming.poll_memory() {
            Some(memory) => Some(incoming.map_or(memory, |at| at.min(memory))),
            None => incoming,
        };
        match (incoming, sending.outgoing.poll_timeout()) {
            (Some(incoming), Some(outgoing)) => Some(incoming.min(outgoing)),
            (incoming, outgoing) => incoming.or(outgoing),
        }
    }

    /// Judges all deadlines.
    fn judge(&mut self, now: Duration, sending: &mut Sending) {
        if let Err(error) = self.incoming.judge_memory(now, self.input.len()) {
            return self.run_out_of_memory(error, sending);
        }
        let outgoing = &mut sending.outgoing;
        let judged = self
            .incoming
            .handle_timeout(now, outgoing)
            .and_then(|()| outgoing.handle_timeout(now));
        if let Err(expired) = judged {
            self.expire(expired, sending);
        }
    }
}
