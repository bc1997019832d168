use std::io;
use std::mem;
use std::task::{Poll, ready};
use std::time::Duration;

use bytes::Buf;
use socket_flow_frames::{CloseCode, ClosePayload};

use crate::closing::Closing;
use crate::driver::handed_in::HandedIn;
use crate::driver::others::Others;
use crate::driver::turn::Shutdown;
use crate::driver::{Failure, Next, Turn};
use crate::error::{ControlError, Expired, SendError};
use crate::message::Payload;
use crate::outgoing::Outgoing;
use crate::queue::{Flush, WriteQueue};

/// The sending half of a driver: what is queued, and how it is written.
#[derive(Debug)]
pub struct Sending {
    pub(super) outgoing: Outgoing,
    /// Why bytes that were queued are not sent and never will be.
    lost: Option<Box<Failure>>,
    /// What others hand in, where any do.
    pub(super) others: Option<Others>,
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
            others: None,
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
        match goal {
            _ if self.is_held_up() => self.yields(),
            Goal::Room if !self.outgoing.is_full() => self.reached(),
            _ if self.has_output() => self.blocked(turn),
            Goal::Closed if !self.outgoing.is_closed() => Next::Wait(None),
            _ => self.reached(),
        }
    }

    /// What is to be written before the connection waits: what others have
    /// handed in, as far as there is room, and everything queued. `None`: that
    /// is done, or the transport is blocked.
    #[inline]
    pub fn next_output(&mut self, turn: &Turn) -> Option<Next> {
        // They wait for nothing else.
        self.renew_share();
        self.next_output_by_shares(turn)
    }

    /// The same, but nothing is taken over while others [had](Self::had_share)
    /// their share.
    #[inline]
    pub(super) fn next_output_by_shares(&self, turn: &Turn) -> Option<Next> {
        let takes = self.others.as_ref().is_some_and(Others::may_hand_in);
        if takes && turn.asks_others() {
            return Some(Next::TakeOver);
        }
        if let Some(next) = self.write(turn) {
            return Some(next);
        }
        (takes && self.takes_more(turn)).then_some(Next::TakeOver)
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
        if !self.outgoing.is_closed() {
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

    /// Whether a shell has to look, before it hands a message out by
    /// [`Receiving::quick`](super::Receiving::quick), at what others have handed
    /// in.
    #[inline(always)]
    pub fn is_watched(&self) -> bool {
        self.outgoing.watched
    }

    /// Whether [`next`](Self::next) has to say [`Next::Yield`] before more is
    /// taken over: the turn's work is used up by taking over or by compressing, or
    /// a message is compressed by turns.
    #[inline]
    pub fn is_held_up(&self) -> bool {
        self.outgoing.watched && (self.is_used_up() || self.outgoing.is_compressing())
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
        self.outgoing.has_queued() || !matches!(self.outgoing.frames.queue.flush, Flush::Done)
    }

    /// Bytes that left the queue since the connection began: the transport took
    /// them, or they were dropped.
    #[inline]
    pub fn written(&self) -> u64 {
        self.outgoing.frames.queue.taken()
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
        matches!(self.outgoing.frames.queue.flush, Flush::Done)
    }

    /// Whether all that is left is to flush the transport.
    #[inline]
    pub fn wants_flush(&self) -> bool {
        !matches!(self.outgoing.frames.queue.flush, Flush::Done) && !self.outgoing.has_queued()
    }

    /// Reports a write from [`queued`](Self::queued). A failure ends the sending
    /// half, and is told by whatever ends next. Pending: the transport is
    /// blocked.
    #[inline(always)]
    pub fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<()> {
        match ready!(written) {
            Ok(count) if count > 0 => {
                let queue = &mut self.outgoing.frames.queue;
                queue.advance(count);
                queue.flush = Flush::Due;
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
                self.outgoing.frames.queue.flush = Flush::Done;
                Poll::Ready(())
            }
            Poll::Ready(Err(error)) => self.failed(error),
            Poll::Pending => {
                self.outgoing.frames.queue.flush = Flush::Blocked;
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
            others: self.others.take().map(|_| Others::default()),
        }
    }

    /// Whether this turn has done its share by what is sent.
    #[inline]
    pub(super) fn is_used_up(&self) -> bool {
        // Nothing is compressed or taken over where nothing is watched.
        self.outgoing.watched
            && (self.outgoing.is_used_up() || self.others.as_ref().is_some_and(Others::had_turn))
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
        if let Some(others) = &mut self.others {
            others.renew_turn();
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
    }

    /// Why writing failed, if it did.
    pub(super) fn write_failure(&mut self) -> Option<Failure> {
        matches!(self.lost.as_deref(), Some(Failure::Io(_))).then(|| self.loss())?
    }

    /// Whether a Close is queued, and all is compressed, written and flushed.
    pub(super) fn is_done(&self) -> bool {
        self.outgoing.is_closed() && !self.has_output() && !self.outgoing.is_compressing()
    }

    /// The goal is reached, unless something queued was lost.
    fn reached(&mut self) -> Next {
        if let Some(others) = &mut self.others {
            others.renew_share();
        }
        Next::Over(self.loss().map_or(Ok(()), Err))
    }

    /// Gives memory back that a connection does not need while its transport is
    /// blocked.
    #[inline]
    pub(super) fn release_memory(&mut self) {
        if self.outgoing.has_queued() {
            self.outgoing.frames.queue.settle();
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

    /// A write failed: unless it was merely interrupted nothing more is
    /// written.
    #[cold]
    fn failed(&mut self, error: io::Error) -> Poll<()> {
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            // A socket that does not wait says so.
            io::ErrorKind::WouldBlock => {
                if self.wants_flush() {
                    self.outgoing.frames.queue.flush = Flush::Blocked;
                } else if !self.is_flushed() {
                    self.outgoing.frames.queue.flush = Flush::Due;
                }
                return Poll::Pending;
            }
            _ => {
                // What the transport has of it is lost, too.
                self.outgoing.frames.queue.flush = Flush::Due;
                self.abandon(|| Failure::Io(error));
            }
        }
        Poll::Ready(())
    }
}
