use std::io;
use std::mem;
use std::task::{Poll, ready};
use std::time::Duration;

use socket_flow_frames::{CloseCode, ClosePayload};

use crate::closing::Closing;
use crate::driver::handed_in::{Accepts, Handed, HandedIn, cost};
use crate::driver::turn::Shutdown;
use crate::driver::{Failure, Next, Turn};
use crate::error::{ControlError, Expired, SendError};
use crate::message::Payload;
use crate::outgoing::Outgoing;
use crate::queue::WriteQueue;

/// The sending half of a driver: what is queued, and how it is written.
#[derive(Debug)]
pub struct Sending {
    pub(super) outgoing: Outgoing,
    /// Why bytes that were queued are not sent and never will be.
    lost: Option<Box<Failure>>,
    /// Bytes are written that the transport may not have flushed.
    is_dirty: bool,
    /// Whether others hand in messages.
    takes_over: bool,
    /// Whether the last room in the queue was theirs: they and the answers to
    /// messages that are held back have it in turns.
    others_were_last: bool,
    /// How many messages, or KiB, are left to take over in this turn; none while
    /// others had their share.
    left: i16,
    /// What was taken over since others had nothing more or had to wait, in
    /// [`SHARE`]ths of what they can hand in at once; counted where they have more.
    /// From [`SHARE`] on they had it, and what is beyond is left of the turn.
    taken: u16,
}

/// What a call that only sends waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Goal {
    /// The write queue has room for a message.
    Room,
    /// Everything queued, and what others have handed in until they
    /// [had their share](Sending::had_share), is compressed, written and flushed.
    Flushed,
    /// A Close is queued, by whomever, and everything is compressed, written and
    /// flushed.
    Closed,
    /// The connection is dropped: one attempt to write what is queued and to
    /// shut the write side down. It never waits: of a message that is compressed
    /// by turns nothing is sent, nor of what comes after it, the Close included.
    Gone,
}

impl Sending {
    pub(super) fn new(outgoing: Outgoing) -> Self {
        Self {
            outgoing,
            lost: None,
            is_dirty: false,
            takes_over: false,
            others_were_last: false,
            left: TURN,
            taken: 0,
        }
    }

    /// What to do next until `goal` is reached. It says neither `Read` nor
    /// `Found`.
    pub fn next(&mut self, goal: Goal, turn: &Turn) -> Next {
        let next = match goal {
            Goal::Gone => return self.gone(turn),
            Goal::Room if !self.outgoing.is_full() => None,
            Goal::Room => self.write(turn),
            Goal::Flushed => self.next_output_by_shares(turn),
            Goal::Closed => self.next_output(turn),
        };
        if let Some(next) = next {
            return next;
        }
        if self.is_held_up() {
            return self.yields();
        }
        if goal == Goal::Room && !self.outgoing.is_full() {
            return self.reached();
        }
        if self.has_output() {
            return self.blocked(turn);
        }
        if goal == Goal::Closed && !self.closing().is_sent() {
            return Next::Wait(None);
        }
        self.reached()
    }

    /// What is to be written before the connection waits: what others have
    /// handed in, as far as there is room, and everything queued. `None`: that
    /// is done, or the transport is blocked.
    #[inline]
    pub fn next_output(&mut self, turn: &Turn) -> Option<Next> {
        if self.had_share() {
            // They wait for nothing else.
            self.renew_share();
        }
        if self.takes_over(turn) {
            return Some(Next::TakeOver);
        }
        if let Some(next) = self.write(turn) {
            return Some(next);
        }
        self.takes_more(turn).then_some(Next::TakeOver)
    }

    /// The same, but nothing is taken over while others [had](Self::had_share)
    /// their share.
    #[inline]
    pub(super) fn next_output_by_shares(&self, turn: &Turn) -> Option<Next> {
        if self.takes_over(turn) && !self.had_share() {
            return Some(Next::TakeOver);
        }
        if let Some(next) = self.write(turn) {
            return Some(next);
        }
        (self.takes_more(turn) && !self.had_share()).then_some(Next::TakeOver)
    }

    /// Queues a message; see [`Outgoing::queue`].
    ///
    /// # Errors
    ///
    /// Gives the message back; see [`Outgoing::queue`].
    #[inline(always)]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.outgoing.queue(message)
    }

    /// Queues a Close (RFC 6455 §7.1.2), after all that is queued and all that
    /// others have handed in: who was told that a message was taken finds it
    /// in front of the Close. A second call changes nothing.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes; then
    /// nothing has changed.
    pub fn start_close(
        &mut self,
        code: CloseCode,
        reason: &str,
        handed_in: &mut impl HandedIn,
    ) -> Result<(), ControlError> {
        let payload = ClosePayload::new(code, reason)?;
        if !self.closing().is_sent() {
            self.take_last(handed_in);
            self.outgoing.queue_close(&payload);
        }
        handed_in.close();
        Ok(())
    }

    /// The connection is dropped: queues a Close, usually with 1001, unless one
    /// is queued. Then run [`Goal::Gone`].
    pub fn leave(&mut self, code: CloseCode, handed_in: &mut impl HandedIn) {
        // The reason is empty, so it cannot be too long.
        let _ = self.start_close(code, "", handed_in);
    }

    /// Others may hand messages in from now on: the driver says
    /// [`Next::TakeOver`].
    pub fn expect_handed_in(&mut self) {
        self.takes_over = true;
        self.outgoing.watch();
    }

    /// Whether a shell has to look, before it hands a message out by
    /// [`Receiving::quick`](super::Receiving::quick), at what others have handed
    /// in.
    #[inline(always)]
    pub fn is_watched(&self) -> bool {
        self.outgoing.is_watched()
    }

    /// Whether [`next`](Self::next) has to say [`Next::Yield`] before more is
    /// taken over: the turn's work is used up by taking over or by compressing, or
    /// a message is compressed by turns.
    pub fn is_held_up(&self) -> bool {
        self.outgoing.is_used_up() || self.outgoing.is_compressing() || self.has_taken_all()
    }

    /// Whether as much was taken over as others can hand in at once, or 32,768
    /// messages, and they have more. All that they had handed in before is in the
    /// write queue: the driver hands the next message out, or reads, before it takes
    /// over more.
    #[inline]
    pub fn had_share(&self) -> bool {
        self.taken >= SHARE
    }

    /// Moves what others have handed in into the write queue, until it is
    /// full or the turn's work is used up; whether that is why it stopped.
    #[inline(never)]
    pub fn take_over(&mut self, handed_in: &mut impl HandedIn) -> bool {
        if self.closing().is_sent() {
            handed_in.close();
            return false;
        }
        // Inside a message nothing but a Close may stand.
        let only_close = self.outgoing.is_unfinished();
        let mut left = self.left;
        while only_close || !(self.outgoing.is_full() || self.outgoing.is_used_up()) {
            // One at a time, so that nobody waits for a lock while a message is
            // compressed.
            match handed_in.next(only_close) {
                Some(Handed::Message(message)) => {
                    // It is neither full nor closed, and between messages.
                    let _ = self.outgoing.queue(message);
                    self.others_were_last = true;
                    left = left.wrapping_sub(1);
                    if left <= 0 {
                        break;
                    }
                }
                Some(Handed::Close(frame)) => {
                    // Its reason was found to be short enough.
                    let _ = self.start_close(frame.code, &frame.reason, handed_in);
                    return false;
                }
                None => {
                    // They paused: what they handed in is counted by what came
                    // before it, a message or a read.
                    self.taken = 0;
                    return false;
                }
            }
        }
        self.stopped(left);
        true
    }

    /// What is taken over now.
    #[inline]
    pub fn accepts(&self) -> Accepts {
        if self.closing().is_sent() {
            Accepts::Nothing
        } else if self.outgoing.is_unfinished() {
            Accepts::Close
        } else if self.outgoing.is_full() {
            Accepts::Nothing
        } else {
            Accepts::All
        }
    }

    /// What waits to be written.
    #[inline]
    pub fn queued(&mut self) -> &mut WriteQueue {
        self.outgoing.queued()
    }

    /// Whether anything waits to be written or to be flushed now: a message that
    /// is compressed by turns does not yet.
    #[inline]
    pub fn has_output(&self) -> bool {
        self.outgoing.has_queued() || self.is_dirty
    }

    /// Bytes that left the queue since the connection began: the transport took
    /// them, or they were dropped.
    #[inline]
    pub fn written(&self) -> u64 {
        self.outgoing.taken()
    }

    /// Where the write queue ends, in bytes since the connection began: what is
    /// in it now is written once [`written`](Self::written) has come so far. A
    /// pong that waits for room is not in it, for a newer one may take its place,
    /// nor is what is [compressed](Self::is_compressing) by turns.
    pub fn queued_to(&self) -> u64 {
        self.outgoing.queued_to()
    }

    /// Whether a message is compressed by turns, and so not in the write queue:
    /// the last one that was queued, but for those that were promised to be sent
    /// in front of a Close, which wait for it.
    pub fn is_compressing(&self) -> bool {
        self.outgoing.is_compressing()
    }

    /// Whether all that was written is flushed.
    pub fn is_flushed(&self) -> bool {
        !self.is_dirty
    }

    /// Whether all that is left is to flush the transport.
    #[inline]
    pub fn wants_flush(&self) -> bool {
        self.is_dirty && !self.outgoing.has_queued()
    }

    /// Reports a write from [`queued`](Self::queued). A failure ends the sending
    /// half, and is told by whatever ends next. Pending: the transport is
    /// blocked.
    #[inline(always)]
    pub fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<()> {
        match ready!(written) {
            Ok(count) if count > 0 => {
                self.outgoing.wrote(count);
                self.is_dirty = true;
                Poll::Ready(())
            }
            Ok(_) => self.failed(io::ErrorKind::WriteZero.into()),
            Err(error) => self.failed(error),
        }
    }

    /// Reports a flush. Pending: the transport is blocked.
    #[inline(always)]
    pub fn flushed(&mut self, flushed: Poll<io::Result<()>>) -> Poll<()> {
        match flushed {
            Poll::Ready(Ok(())) => {
                self.is_dirty = false;
                self.outgoing.set_unflushed(false);
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => self.failed(error),
            Poll::Pending => {
                self.outgoing.set_unflushed(true);
                Poll::Pending
            }
        }
    }

    /// Why bytes that were queued are not sent and never will be, if any: every
    /// call that promises them to be sent fails with it, whoever met it first.
    /// The first who asks is told the error itself, all others a
    /// [copy](Failure::copy).
    pub fn loss(&mut self) -> Option<Failure> {
        let lost = self.lost.as_deref_mut()?;
        let copy = lost.copy();
        Some(mem::replace(lost, copy))
    }

    /// How far the closing handshake has come.
    #[inline]
    pub fn closing(&self) -> Closing {
        self.outgoing.closing()
    }

    /// What is sent.
    #[inline]
    pub fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// What is sent, to queue parts of messages and pings.
    #[inline]
    pub fn outgoing_mut(&mut self) -> &mut Outgoing {
        &mut self.outgoing
    }

    /// Moves it out; the one left behind sends nothing.
    #[must_use]
    pub fn take(&mut self) -> Self {
        Self {
            outgoing: self.outgoing.take(),
            lost: self.lost.take(),
            is_dirty: mem::take(&mut self.is_dirty),
            takes_over: mem::take(&mut self.takes_over),
            others_were_last: self.others_were_last,
            left: TURN,
            taken: 0,
        }
    }

    /// Whether what others have handed in is to be taken over first.
    #[inline]
    pub(super) fn takes_over(&self, turn: &Turn) -> bool {
        self.takes_over && turn.asks_others()
    }

    /// Whether others have more, and there is room for it again.
    #[inline]
    pub(super) fn takes_more(&self, turn: &Turn) -> bool {
        turn.others_have_more() && !(self.outgoing.is_full() || self.is_used_up())
    }

    /// Others may have more, and so much is left of the turn, but for bytes.
    #[cold]
    fn stopped(&mut self, left: i16) {
        let count = usize::try_from(self.left - left).unwrap_or(0);
        if count == 0 || self.had_share() {
            return;
        }
        // What was queued before is work as well, but no share of theirs: the first
        // time it may be all there is.
        let bytes = self.outgoing.queued_len();
        let spent = i16::try_from(bytes >> 10).unwrap_or(TURN).min(TURN);
        self.left = left.saturating_sub(spent).max(0);
        let all = self.outgoing.config().limits().high_water.max(1);
        let theirs = if self.taken > 0 { bytes } else { 0 };
        let cost = theirs.saturating_add(count * cost(0) as usize);
        let share = cost.saturating_mul(SHARE.into()) / all;
        self.taken += share.clamp(1, SHARE.into()) as u16;
        if self.had_share() {
            // Nothing is taken over until it is renewed.
            (self.left, self.taken) = (0, SHARE + self.left.unsigned_abs());
        }
    }

    /// Others wait no longer for something else to be done.
    pub(super) fn renew_share(&mut self) {
        if self.had_share() {
            let left = (self.taken - SHARE).min(TURN.unsigned_abs());
            (self.left, self.taken) = (left as i16, 0);
        }
    }

    /// Whether this turn has done its share by what is sent.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        // Nothing is compressed or taken over where nothing is watched.
        self.outgoing.is_watched() && (self.outgoing.is_used_up() || self.has_taken_all())
    }

    /// Whether this turn takes nothing more over, whatever share others had.
    #[inline]
    fn has_taken_all(&self) -> bool {
        self.left == 0 && !self.had_share()
    }

    /// Whether others are to have the room there is before a message that is
    /// held back is handed out.
    pub(super) fn others_are_next(&self, turn: &Turn) -> bool {
        (!self.others_were_last || turn.drains_others)
            && (self.takes_over(turn) || self.takes_more(turn))
    }

    /// A message that was held back is handed out: its answer has the room.
    pub(super) fn answer_is_next(&mut self) {
        self.others_were_last = false;
    }

    /// Writes as far as the transport takes it.
    #[inline]
    pub(super) fn write(&self, turn: &Turn) -> Option<Next> {
        (self.has_output() && !turn.writes_blocked).then_some(Next::Write)
    }

    /// Others have their turn. What is compressed by turns had its share of this
    /// one.
    pub(super) fn yields(&mut self) -> Next {
        self.outgoing.compress_some();
        self.outgoing.renew_work();
        match self.had_share() {
            true => self.taken = SHARE + TURN.unsigned_abs(),
            false => self.left = TURN,
        }
        Next::Yield
    }

    /// Gives up on a transport that takes no more bytes. What waits to be
    /// compressed, written, or flushed is lost for this reason.
    pub(super) fn abandon(&mut self, cause: impl FnOnce() -> Failure) {
        let loses = self.has_output() || self.outgoing.is_compressing();
        if loses && self.lost.is_none() {
            self.lost = Some(Box::new(cause()));
        }
        self.outgoing.abandon();
        self.is_dirty = false;
    }

    /// Why writing failed, if it did.
    pub(super) fn write_failure(&mut self) -> Option<Failure> {
        matches!(self.lost.as_deref(), Some(Failure::Io(_))).then(|| self.loss())?
    }

    /// Whether a Close is queued, and all is compressed, written and flushed.
    pub(super) fn is_done(&self) -> bool {
        self.closing().is_sent() && !self.has_output() && !self.outgoing.is_compressing()
    }

    /// Whether others are to be told that nothing is sent any more.
    pub(super) fn tells_others(&mut self) -> bool {
        mem::take(&mut self.takes_over)
    }

    /// The goal is reached, unless something queued was lost.
    fn reached(&mut self) -> Next {
        self.renew_share();
        Next::Over(self.loss().map_or(Ok(()), Err))
    }

    /// Gives memory back that a connection does not need while its transport is
    /// blocked.
    #[inline]
    pub(super) fn release_memory(&mut self) {
        if self.outgoing.has_queued() {
            self.outgoing.release_memory();
        }
    }

    /// Waits for a transport that is blocked, as long as that may take.
    fn blocked(&mut self, turn: &Turn) -> Next {
        self.release_memory();
        match self.judge(turn) {
            Ok(at) => Next::Wait(at),
            Err(expired) => {
                self.abandon(|| Failure::Expired(expired));
                self.reached()
            }
        }
    }

    /// The deadline of a blocked write, judged where the time was told.
    pub(super) fn judge(&mut self, turn: &Turn) -> Result<Option<Duration>, Expired> {
        let at = self.outgoing.poll_timeout();
        match turn.now {
            Some(now) if at.is_some_and(|at| at <= now) => {
                self.outgoing.handle_timeout(now)?;
                Ok(self.outgoing.poll_timeout())
            }
            _ => Ok(at),
        }
    }

    fn gone(&mut self, turn: &Turn) -> Next {
        if let Some(next) = self.write(turn) {
            return next;
        }
        if !self.has_output() && matches!(turn.shutdown, Shutdown::Untried) {
            return Next::ShutDown;
        }
        Next::Over(Ok(()))
    }

    /// Takes over all there is, in front of a Close of ours. Nothing more is
    /// handed in meanwhile, so it is bounded by what may be handed in at once.
    fn take_last(&mut self, handed_in: &mut impl HandedIn) {
        handed_in.refuse();
        // Inside a message nothing but a Close may stand.
        while !self.outgoing.is_unfinished() {
            match handed_in.next(false) {
                Some(Handed::Message(message)) => {
                    let _ = self.outgoing.queue_promised(message);
                }
                Some(Handed::Close(frame)) => {
                    // It came first. Its reason was found to be short enough.
                    let _ = self.outgoing.close(frame.code, &frame.reason);
                    return;
                }
                None => return,
            }
        }
    }

    /// A write failed: unless it was merely interrupted nothing more is
    /// written.
    #[cold]
    fn failed(&mut self, error: io::Error) -> Poll<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            // A socket that does not wait says so.
            io::ErrorKind::WouldBlock => {
                self.outgoing.set_unflushed(self.wants_flush());
                return Poll::Pending;
            }
            _ => {
                self.is_dirty = true;
                self.abandon(|| Failure::Io(error));
            }
        }
        Poll::Ready(())
    }
}

/// The messages, or KiB, that are taken over in a turn.
const TURN: i16 = 512;

/// All that others can hand in at once.
const SHARE: u16 = 1 << 15;
