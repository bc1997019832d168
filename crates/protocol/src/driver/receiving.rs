use std::io;
use std::task::Poll;
use std::time::Duration;

use bytes::BufMut;
use bytes::buf::Limit;
use socket_flow_frames::{CloseCode, Role, Spare};

use crate::deadlines::after;
use crate::driver::ending::Ending;
use crate::driver::input_memory;
use crate::driver::read::Read;
use crate::driver::sending::Sending;
use crate::driver::{Failure, Next, Turn};
use crate::error::{AbnormalClosure, Expired, OutOfMemory};
use crate::event::{Event, EventRef, Found};
use crate::incoming::Incoming;
use crate::input::Input;
use crate::message::{Message, MessageRef};

/// The receiving half of a driver: it runs the connection.
#[derive(Debug)]
pub struct Receiving {
    pub(super) input: Input,
    pub(super) incoming: Incoming,
    pub(super) phase: Phase,
}

/// Where a connection stands; see the [diagram](super).
#[derive(Debug)]
pub(super) enum Phase {
    Open {
        /// Whether all input was parsed, and nothing was read since.
        is_parsed: bool,
    },
    /// This waits to be handed out: a message, until its reply has room in the
    /// write queue; a Close, until the time is told. Nothing is parsed or read
    /// meanwhile.
    Held(Found),
    /// The closing sequence; its result is the last that is reported.
    Ending(Box<Ending>),
    Over {
        clean: bool,
    },
}

impl Phase {
    pub(super) const OPEN: Self = Self::Open { is_parsed: false };
}

impl Receiving {
    pub(super) fn new(incoming: Incoming, mut input: Input) -> Self {
        input.use_buffers();
        Self {
            input,
            incoming,
            phase: Phase::OPEN,
        }
    }

    /// What to do next.
    ///
    /// What is buffered is parsed first, then what is queued is written, then
    /// more is read; and only a read that finds nothing looks at the deadlines.
    #[inline(always)]
    pub fn next(&mut self, sending: &mut Sending, turn: &Turn) -> Next {
        loop {
            let Phase::Open { is_parsed } = self.phase else {
                match self.next_unless_open(sending, turn) {
                    Some(next) => return next,
                    None => continue,
                }
            };
            if !is_parsed {
                // What was handed in before a message leaves before its answer.
                if sending.takes_over(turn) || sending.takes_more(turn) {
                    if !sending.had_share() || turn.drains_others() {
                        return Next::TakeOver;
                    }
                    if !sending.is_used_up() {
                        // Now it is the turn of what was read.
                        sending.renew_share();
                    }
                }
                let is_pressed = sending.outgoing.is_pressed();
                if is_pressed {
                    if let Some(next) = sending.next_output_by_shares(turn) {
                        return next;
                    }
                }
                if sending.is_used_up() {
                    match self.give_way(sending, turn) {
                        Some(next) => return next,
                        None => continue,
                    }
                }
                let (input, outgoing) = (&mut self.input, &mut sending.outgoing);
                match self.incoming.step_in_turn(input, outgoing) {
                    Ok(Some(found)) if found.is_close() => {
                        return self.hand_out_close(found, turn);
                    }
                    Ok(Some(found)) => {
                        // Backpressure: a peer that does not read is not read
                        // from. One message is, because two peers that each wait
                        // for the other to read first would wait for ever.
                        let holds = is_pressed && turn.holds() && sending.outgoing.is_full();
                        if (holds || turn.withholds()) && found.is_message() {
                            self.hold(found);
                            continue;
                        }
                        return Next::Found(found);
                    }
                    Ok(None) if self.incoming.work.is_used_up() => {
                        match self.give_way(sending, turn) {
                            Some(next) => return next,
                            None => continue,
                        }
                    }
                    Ok(None) if self.incoming.lacks_memory() => {
                        match self.wait_for_memory(sending, turn) {
                            Some(next) => return next,
                            None => continue,
                        }
                    }
                    Ok(None) => {
                        self.phase = Phase::Open { is_parsed: true };
                        if self.incoming.owes_time {
                            if let Some(next) = self.tell_time(sending, turn) {
                                return next;
                            }
                            continue;
                        }
                    }
                    Err(error) => {
                        self.fail(Failure::Protocol(error));
                        continue;
                    }
                }
            }

            // The input has run dry: now everything queued leaves at once.
            // Where that blocks, reading goes on.
            if let Some(next) = sending.next_output_by_shares(turn) {
                return next;
            }
            if !turn.are_reads_blocked() && !self.is_used_up(sending) {
                if !self.incoming.has_claim() || self.reserve_read() {
                    return Next::Read;
                }
                match self.wait_for_memory(sending, turn) {
                    Some(next) => return next,
                    None => continue,
                }
            }
            if let Some(next) = self.wait(sending, turn) {
                return next;
            }
        }
    }

    /// Where [`Next::Read`] reads to: the rest of a large message, or the
    /// input.
    #[inline]
    pub fn space(&mut self) -> Limit<Spare<'_>> {
        if self.incoming.is_direct(&self.input) {
            return self.incoming.direct_space();
        }
        input_memory::make_room(&mut self.input, self.incoming.config());
        self.input.spare().limit(usize::MAX)
    }

    /// Reports a read into [`space`](Self::space), or one that was thrown away.
    /// Pending: there is nothing to read.
    pub fn read(
        &mut self,
        sending: &mut Sending,
        turn: &mut Turn,
        result: Poll<io::Result<usize>>,
    ) {
        match (&mut self.phase, Read::from(result)) {
            (_, Read::Blocked) => turn.block_reads(),
            (_, Read::Interrupted) => {}
            (Phase::Open { is_parsed }, Read::Some(count)) => {
                *is_parsed = false;
                turn.arrived();
                if !self.input.is_empty() {
                    self.incoming.work.read(count);
                } else {
                    // It was read into its message.
                    let read = self.incoming.direct_done(count, &mut sending.outgoing);
                    if let Err(error) = read {
                        self.fail(Failure::Protocol(error));
                    }
                }
            }
            (Phase::Open { .. }, Read::End) => self.receive_eof(None, sending),
            (Phase::Open { .. }, Read::Failed(error)) => self.receive_eof(Some(error), sending),
            (Phase::Ending(ending), Read::Some(count)) => {
                self.incoming.work.read(count);
                ending.received();
            }
            (Phase::Ending(ending), Read::End) => ending.receive_eof(),
            (Phase::Ending(ending), Read::Failed(_)) => ending.break_off(),
            // Nothing is read there.
            (Phase::Held(_) | Phase::Over { .. }, _) => {}
        }
    }

    /// The shell cannot run the connection. Nothing is sent, no frame reaches
    /// the wire, and this is what the connection fails with.
    pub fn abort(&mut self, error: io::Error, sending: &mut Sending) {
        let failure = Failure::Io(error);
        sending.abandon(|| failure.copy());
        self.fail(failure);
    }

    /// Whether anything was read that is not parsed.
    #[inline(always)]
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// The next message at once, if it is a small one that has arrived and
    /// nothing has to be written first. `None` tells nothing: ask
    /// [`next`](Self::next), which finds the same.
    #[inline(always)]
    pub fn quick(&mut self, sending: &Sending) -> Option<Found> {
        let outgoing = &sending.outgoing;
        if self.input.is_empty() || outgoing.is_at_high_water() {
            return None;
        }
        if outgoing.is_watched() && (outgoing.is_pressed() || outgoing.is_used_up()) {
            return None;
        }
        self.incoming.quick(&mut self.input)
    }

    /// Whether [`next`](Self::next) would say to write what is queued and then
    /// to read into [`room`](Self::room): nothing has begun, all input is
    /// parsed, and nothing is to be compressed.
    #[inline(always)]
    pub fn is_idle(&mut self, sending: &Sending) -> bool {
        !self.incoming.owes_time
            && self.incoming.is_idle(&self.input)
            && !(sending.is_watched() && sending.outgoing.is_compressing())
    }

    /// As [`space`](Self::space), where [`is_idle`](Self::is_idle).
    #[inline(always)]
    pub fn room(&mut self) -> Spare<'_> {
        self.phase = Phase::OPEN;
        input_memory::make_room(&mut self.input, self.incoming.config());
        self.input.spare()
    }

    /// The message that a read of so many bytes into [`room`](Self::room)
    /// brought, if it is a small one; otherwise ask [`next`](Self::next).
    #[inline(always)]
    pub fn quick_after_read(&mut self, count: usize) -> Option<Found> {
        self.incoming.work.read_message(count);
        let found = self.incoming.quick(&mut self.input);
        if found.is_none() {
            self.incoming.begin_slowly(&self.input);
        }
        found
    }

    /// Gives memory back that a connection does not need while it waits. A
    /// message that was lent is gone.
    #[inline(always)]
    pub fn release_memory(&mut self) {
        if self.incoming.holds() || !self.input.is_empty() {
            return self.release_more();
        }
        input_memory::release(&mut self.input);
        self.incoming.work.renew();
    }

    /// The same where something was put together, or is there in part.
    #[inline(never)]
    pub(super) fn release_more(&mut self) {
        // First what may lie in the input's memory.
        self.incoming.release();
        let incoming = &mut self.incoming;
        input_memory::settle(&mut self.input, |own| incoming.try_reserve_input(own));
        if self.incoming.has_claim() {
            self.incoming.settle_memory(&self.input);
        }
        self.incoming.work.renew();
    }

    /// Calls `call` once there may be memory for what waits for it; at once where
    /// there is.
    pub fn when_there_is_memory(&self, call: impl FnOnce() + Send + 'static) {
        self.incoming.when_there_is_memory(Box::new(call));
    }

    /// Whether no deadline has come up since the time was last told, so that
    /// [`Next::Wait`] would name the same or a later one.
    #[inline(always)]
    pub fn is_quiet(&self, sending: &Sending) -> bool {
        self.incoming.is_quiet(&sending.outgoing)
    }

    /// Whether a shell is to see, on [`Next::Yield`], if its transport has failed:
    /// messages are inflated, and the next read, which would tell, may be far. An
    /// empty write shows it on a socket. Report a failure to [`read`](Self::read),
    /// and go on with the turn: what was read before is dropped.
    pub fn doubts_transport(&mut self) -> bool {
        self.is_receiving() && self.incoming.doubts_transport()
    }

    /// Lends what was found; valid until the next call.
    #[inline]
    pub fn lend(&self, found: Found) -> EventRef<'_> {
        self.incoming.lend(found, &self.input)
    }

    /// Lends what was found if it is a message; valid until the next call.
    #[inline]
    pub fn lend_message(&self, found: Found) -> Option<MessageRef<'_>> {
        self.incoming.lend_message(found, &self.input)
    }

    /// Takes what was found, owned; see [`Incoming::take`].
    #[inline]
    pub fn take(&mut self, found: Found) -> Event {
        self.incoming.take(found, &mut self.input)
    }

    /// Takes what was found if it is a message, owned.
    #[inline]
    pub fn take_message(&mut self, found: Found) -> Option<Message> {
        self.incoming.take_message(found, &mut self.input)
    }

    /// What is received: what was negotiated, and the peer's Close.
    #[inline]
    pub fn incoming(&self) -> &Incoming {
        &self.incoming
    }

    /// The bytes that are not parsed yet, to hand on with the transport.
    #[must_use]
    pub fn into_input(self) -> Input {
        self.input
    }

    /// Whether nothing has ended or begun to end.
    #[inline]
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. } | Phase::Held(_))
    }

    /// Whether the connection has ended and reported how.
    #[inline]
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over { .. })
    }

    /// Whether it has ended with a complete closing handshake.
    pub fn is_clean(&self) -> bool {
        matches!(self.phase, Phase::Over { clean: true })
    }

    /// Why the connection fails, while its closing sequence runs.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.phase {
            Phase::Ending(ending) => ending.failure.as_ref(),
            _ => None,
        }
    }

    /// Whether nothing is held back, has ended, or is ending.
    #[inline]
    pub(super) fn is_receiving(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    /// What to do next where something is held back, has ended, or is ending.
    /// `None`: look again.
    #[inline(never)]
    fn next_unless_open(&mut self, sending: &mut Sending, turn: &Turn) -> Option<Next> {
        match &mut self.phase {
            Phase::Open { .. } => None,
            Phase::Held(found) => {
                let found = *found;
                if found.is_close() {
                    return Some(self.hand_out_close(found, turn));
                }
                if turn.withholds() || (turn.holds() && sending.outgoing.is_full()) {
                    return self.wait_for_room(sending, turn);
                }
                if !sending.outgoing.is_full() && sending.others_are_next(turn) {
                    return Some(Next::TakeOver);
                }
                sending.answer_is_next();
                self.phase = Phase::OPEN;
                self.incoming.resume();
                Some(Next::Found(found))
            }
            // How it ends is for the next call that receives, once what is queued has
            // left.
            Phase::Over { .. } if turn.withholds() => Some(Next::Over(Ok(()))),
            Phase::Ending(ending) if turn.withholds() && !ending.writes(sending) => {
                Some(Next::Over(Ok(())))
            }
            Phase::Ending(ending) => {
                Some(match ending.next(sending, turn, &mut self.incoming.work) {
                    Some(next) => next,
                    None if turn.withholds() => Next::Over(Ok(())),
                    None => {
                        let result = ending.over(sending);
                        let clean = result.is_ok();
                        self.phase = Phase::Over { clean };
                        Next::Over(result)
                    }
                })
            }
            Phase::Over { clean } => Some(Next::Over(match clean {
                true => Ok(()),
                false => Err(Failure::Abnormal(AbnormalClosure)),
            })),
        }
    }

    /// The peer's Close has arrived and is answered: what is left is to end the
    /// transport, and that has a deadline.
    #[cold]
    fn hand_out_close(&mut self, found: Found, turn: &Turn) -> Next {
        let timeout = self.close_timeout();
        // Where we began the closing handshake its time is running already.
        let running = self.incoming.close_deadline();
        let starting = || turn.now().map(|now| after(now, timeout, timeout));
        let Some(deadline) = running.or_else(starting) else {
            self.hold(found);
            return Next::TIME;
        };
        let is_server = self.incoming.role() == Role::Server;
        self.end(Ending::clean(is_server, timeout, deadline));
        Next::Found(found)
    }

    /// The connection fails; the Close that says why is queued.
    #[cold]
    fn fail(&mut self, failure: Failure) {
        let running = self.incoming.close_deadline();
        self.end(Ending::failed(failure, self.close_timeout(), running));
    }

    #[cold]
    pub(super) fn expire(&mut self, expired: Expired, sending: &mut Sending) {
        match expired {
            Expired::Pong | Expired::Close | Expired::Write | Expired::Memory => {
                // There is no Close that would keep messages from being taken.
                sending.outgoing.send_close();
                self.end(Ending::silent(expired));
            }
            Expired::Idle | Expired::Read => self.fail(Failure::Expired(expired)),
        }
    }

    /// Makes sure of memory for what is read next; whether it is there.
    fn reserve_read(&mut self) -> bool {
        if self.incoming.is_direct(&self.input) {
            return self.incoming.make_room(0, &self.input);
        }
        let Some(budget) = self.incoming.config().memory() else {
            return true;
        };
        let Some(own) = input_memory::needed_within(&mut self.input, budget) else {
            // It may have found a buffer instead.
            self.incoming.stop_waiting();
            return true;
        };
        let is_reserved = self.incoming.reserve_input(own.capacity());
        if is_reserved {
            input_memory::use_own(own, &mut self.input);
        }
        is_reserved
    }

    /// The message is let go.
    #[cold]
    pub(super) fn run_out_of_memory(&mut self, error: OutOfMemory, sending: &mut Sending) {
        let outgoing = &mut sending.outgoing;
        outgoing.fail_with(CloseCode::TRY_AGAIN_LATER, "out of memory");
        self.fail(Failure::Memory(error));
    }

    /// The transport ended, or failed, before the closing handshake was
    /// complete.
    #[cold]
    fn receive_eof(&mut self, error: Option<io::Error>, sending: &mut Sending) {
        // The reason to give is why writing failed, if it did: what a read
        // reports afterwards is only its consequence.
        let failure = sending.write_failure().or(error.map(Failure::Io));
        let failure = failure.unwrap_or(Failure::Abnormal(AbnormalClosure));
        let _ = self.incoming.receive_eof(&sending.outgoing);
        sending.abandon(|| failure.copy());
        self.end(Ending::broken(failure, self.close_timeout()));
    }

    /// Keeps what was found for later.
    fn hold(&mut self, found: Found) {
        self.incoming.pause();
        self.phase = Phase::Held(found);
    }

    /// Begins the closing sequence: nothing is parsed any more.
    fn end(&mut self, ending: Ending) {
        input_memory::release(&mut self.input);
        self.incoming.give_up(&self.input);
        self.phase = Phase::Ending(Box::new(ending));
    }

    fn close_timeout(&self) -> Duration {
        self.incoming.config().timeouts().close
    }
}
