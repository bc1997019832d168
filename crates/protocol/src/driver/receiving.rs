use std::io;

use socket_flow_frames::Spare;

use crate::driver::ending::Ending;
use crate::driver::sending::Sending;
use crate::driver::{Failure, Next, Turn};
use crate::error::AbnormalClosure;
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
                    if !sending.had_share() || turn.drains_others {
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
                        let holds = is_pressed && turn.holds && sending.outgoing.is_full();
                        if (holds || turn.withholds) && found.is_message() {
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
            if !turn.reads_blocked && !self.is_used_up(sending) {
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
        if let Phase::Open { is_parsed } = &mut self.phase {
            *is_parsed = false;
        }
        self.input.make_room(&self.incoming.config);
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
        self.input.release();
        self.incoming.work.renew();
    }

    /// The same where something was put together, or is there in part.
    #[inline(never)]
    pub(super) fn release_more(&mut self) {
        // First what may lie in the input's memory.
        self.incoming.release();
        let incoming = &mut self.incoming;
        self.input.settle(|own| incoming.try_reserve_input(own));
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
                if turn.withholds || (turn.holds && sending.outgoing.is_full()) {
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
            Phase::Over { .. } if turn.withholds => Some(Next::Over(Ok(()))),
            Phase::Ending(ending) if turn.withholds && !ending.writes(sending) => {
                Some(Next::Over(Ok(())))
            }
            Phase::Ending(ending) => {
                Some(match ending.next(sending, turn, &mut self.incoming.work) {
                    Some(next) => next,
                    None if turn.withholds => Next::Over(Ok(())),
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

    /// Keeps what was found for later.
    pub(super) fn hold(&mut self, found: Found) {
        self.incoming.pause();
        self.phase = Phase::Held(found);
    }
}
