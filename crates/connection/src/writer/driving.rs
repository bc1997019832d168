//! The write side of a shell: does what the driver says until a call that sends is done.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use socket_flow_protocol::driver::{Goal, Next, Turn};
use socket_flow_protocol::{ControlError, Outgoing, SendError};
use tokio::io::AsyncWrite;

use crate::error::Error;
use crate::give_way::give_way;
use crate::sender::outbox::Outbox;
use crate::writer::{PRESENT, Writer};

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// Queues a message, or a part of one, by the given call and writes
    /// everything queued.
    pub(crate) fn poll_send<P>(
        &mut self,
        queue: fn(&mut Outgoing, P) -> Result<(), SendError<P>>,
        message: &mut Option<P>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        while let Some(next) = message.take() {
            match queue(self.sending.outgoing_mut(), next) {
                Ok(()) => {}
                Err(SendError::Full(next)) => {
                    *message = Some(next);
                    ready!(self.poll_ready(waker))?;
                }
                Err(error) => return Poll::Ready(Err(self.closed(error))),
            }
        }
        self.poll_goal(Goal::Flushed, waker)
    }

    pub(crate) fn poll_ping(
        &mut self,
        data: &mut Option<&[u8]>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        while let Some(next) = *data {
            match self.sending.outgoing_mut().ping(next) {
                Ok(()) => *data = None,
                Err(ControlError::Full) => ready!(self.poll_ready(waker))?,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        self.poll_flush(waker)
    }

    /// Why bytes that were queued are not sent, if any.
    pub(crate) fn loss(&mut self) -> Option<Error> {
        self.sending.loss().map(Error::from)
    }

    /// A closed queue tells first why what it had was lost, if it was.
    fn closed<P>(&mut self, error: SendError<P>) -> Error {
        self.loss().unwrap_or_else(|| error.into())
    }

    pub(crate) fn poll_ready(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        ready!(self.poll_goal(Goal::Room, waker))?;
        if self.closing().is_sent() {
            return Poll::Ready(Err(self.closed(SendError::Closed(()))));
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_flush(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        self.poll_goal(Goal::Flushed, waker)
    }

    /// Does what the driver says until the goal is reached, without receiving.
    pub(crate) fn poll_goal(&mut self, goal: Goal, waker: &Waker) -> Poll<Result<(), Error>> {
        let mut turn = Turn::new();
        // Whether a deadline is judged while the connection is open.
        let mut is_judged = false;
        loop {
            match self.sending.next(goal, &turn) {
                Next::Wait(at) => {
                    if !self.timer.has_passed(self.epoch, at, &mut turn, waker) {
                        self.tell_flushes(waker);
                        self.had_turn();
                        return Poll::Pending;
                    }
                    is_judged = !self.closing().is_sent();
                }
                Next::Over(result) => {
                    self.tell_flushes(waker);
                    let Err(failure) = result else {
                        return Poll::Ready(Ok(()));
                    };
                    let error = Error::from(failure);
                    if is_judged && matches!(error, Error::Timeout(_)) {
                        self.tell(&error);
                    }
                    // The transport takes nothing more.
                    self.end_outbox();
                    return Poll::Ready(Err(error));
                }
                Next::Yield => {
                    self.tell_flushes(waker);
                    return give_way(waker);
                }
                next => ready!(self.poll_step(&next, &mut turn, waker)),
            }
        }
    }

    /// Tells those who wait for it what has been sent, or never will be.
    #[inline]
    pub(crate) fn tell_flushes(&mut self, waker: &Waker) {
        let outbox = self.outbox.as_deref();
        if outbox.is_some_and(Outbox::is_flushing) {
            self.answer_flushes(waker);
        }
    }

    /// Does what the driver's `next_output` would say, until all is written and
    /// flushed. Pending: the transport is blocked, or only the driver can go on.
    #[inline(always)]
    pub(crate) fn poll_output(&mut self, waker: &Waker) -> Poll<()> {
        match self.sending.is_watched() && self.has_handed_in() {
            true => self.poll_handed_in(waker),
            false => self.poll_write(waker),
        }
    }

    #[inline(never)]
    fn poll_handed_in(&mut self, waker: &Waker) -> Poll<()> {
        loop {
            let is_more = self.take_over();
            ready!(self.poll_write(waker));
            if self.sending.is_held_up() {
                return Poll::Pending;
            }
            if !is_more {
                return Poll::Ready(());
            }
            if self.sending.had_share() {
                return Poll::Pending;
            }
        }
    }

    /// Does one thing the driver says about the write side. Pending: it says
    /// something that this shell does not know.
    #[inline(always)]
    pub(crate) fn poll_step(&mut self, next: &Next, turn: &mut Turn, waker: &Waker) -> Poll<()> {
        match next {
            Next::Write => {
                if self.poll_write(waker).is_pending() {
                    turn.block_writes();
                }
            }
            Next::TakeOver => turn.taken_over(self.take_over()),
            Next::ShutDown => turn.shut_down(self.poll_shutdown(waker).is_ready()),
            _ => return Poll::Pending,
        }
        Poll::Ready(())
    }

    /// Writes what is queued until it is all written and flushed, or the
    /// transport is blocked.
    #[inline]
    fn poll_write(&mut self, waker: &Waker) -> Poll<()> {
        while self.sending.has_output() {
            ready!(self.poll_write_once(waker));
        }
        Poll::Ready(())
    }

    /// Writes once, and flushes when that was the last of it. Ready when
    /// there is another try, or nothing left.
    #[inline(never)]
    fn poll_write_once(&mut self, waker: &Waker) -> Poll<()> {
        let cx = &mut Context::from_waker(waker);
        let mut io = Pin::new(self.io.as_mut().expect(PRESENT));
        let queued = self.sending.queued();
        let chunk = queued.chunk();
        if !chunk.is_empty() {
            // What is contiguous, as small messages are, without the detour of a
            // vectored write.
            let written = if !io.is_write_vectored() || chunk.len() == queued.len() {
                io.as_mut().poll_write(cx, chunk)
            } else {
                let mut slices = [IoSlice::new(&[]); SLICES];
                let count = queued.chunks_vectored(&mut slices);
                let slices = slices.get(..count).unwrap_or_default();
                io.as_mut().poll_write_vectored(cx, slices)
            };
            ready!(self.sending.wrote(written));
            if !self.sending.wants_flush() {
                return Poll::Ready(());
            }
        }
        let flushed = io.poll_flush(cx);
        self.sending.flushed(flushed)
    }

    /// Why the transport failed, if it did, as an empty write tells: it reaches a
    /// socket, which then says that its peer has reset the connection.
    pub(crate) fn failure(&mut self, waker: &Waker) -> Option<io::Error> {
        let cx = &mut Context::from_waker(waker);
        match Pin::new(self.io_mut()).poll_write(cx, &[]) {
            Poll::Ready(Err(error)) => Some(error),
            Poll::Ready(Ok(_)) | Poll::Pending => None,
        }
    }

    /// Flushes the transport; whether that went through. A failure is met again
    /// by whatever is written next.
    pub(crate) fn poll_flush_io(&mut self, waker: &Waker) -> bool {
        let flushed = Pin::new(self.io_mut()).poll_flush(&mut Context::from_waker(waker));
        matches!(flushed, Poll::Ready(Ok(())))
    }

    /// Shuts the write side down; failures do not matter any more.
    fn poll_shutdown(&mut self, waker: &Waker) -> Poll<()> {
        Pin::new(self.io_mut())
            .poll_shutdown(&mut Context::from_waker(waker))
            .map(|_| ())
    }
}

/// The most segments in one write: 16 large payloads with what lies between.
const SLICES: usize = 32;
