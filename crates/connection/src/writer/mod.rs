mod feed;
mod heir;
mod sent;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Buf;
use socket_flow_protocol::driver::{Goal, Next, Sending, Turn};
use socket_flow_protocol::{
    CloseCode, Closing, ControlError, Outgoing, Payload, SendError, WriteQueue,
};
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::{Span, debug};

use crate::error::{ABNORMAL, Error};
use crate::give_way::give_way;
use crate::sender::outbox::{Outbox, Taking, panic_code};
use crate::timer::Timer;

pub use heir::Heir;

/// The sending half of a connection, next to its [`Reader`](crate::Reader).
///
/// [`queue`](Writer::queue) is the call for replies: it copies a message
/// behind others that wait and returns; what is queued is written when the
/// reader runs out of input, in one write for many messages.
/// [`send`](Writer::send) writes at once.
///
/// What one connection receives may be queued on another:
///
/// ```no_run
#[doc = include_str!("../../loops/relay.rs")]
/// ```
///
/// Dropping it makes one attempt, without waiting, to write what is queued
/// and a Close with 1001, with 1011 during a panic, then drops the transport. Under a server of the
/// facade the server's task does that, see `ServerBuilder::serve_with` there.
#[derive(Debug)]
pub struct Writer<S: AsyncWrite + Unpin> {
    /// Invariant: `Some` until the writer is consumed; an `Option` only
    /// because a type with a destructor cannot be taken apart.
    io: Option<S>,
    pub(crate) sending: Sending,
    /// Where the connection's time line begins.
    pub(crate) epoch: Instant,
    /// The deadline of a write that blocks.
    timer: Timer,
    pub(crate) span: Option<Box<Span>>,
    /// What senders hand in, once there is one.
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    pub(crate) fn new(io: S, sending: Sending, span: Span) -> Self {
        Self {
            io: Some(io),
            sending,
            epoch: Instant::now(),
            timer: Timer::default(),
            span: (!span.is_disabled()).then(|| Box::new(span)),
            outbox: None,
        }
    }

    /// Queues a message; nothing is written yet. It leaves when the reader
    /// runs out of input, or with [`flush`](Writer::flush).
    ///
    /// ```no_run
    #[doc = include_str!("../../loops/lent.rs")]
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the message back at the high-water mark, and while a message of more
    /// than 64 KiB is compressed by turns ([`SendError::Full`]: wait with
    /// [`ready`](Writer::ready)), once the connection is closing
    /// ([`SendError::Closed`]), and while a message is sent part by part
    /// ([`SendError::Unfinished`]). A loop that queues one reply for each message
    /// received never sees `Full`.
    #[inline]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.sending.queue(message)
    }

    /// Queues a message and writes everything queued. Waits while the queue
    /// is at its high-water mark.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] once the connection is closing and while a message is
    /// sent part by part. Why something queued was not sent: any error that
    /// [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is queued whole or not at all, and frames
    /// are never cut. Dropped while it waits for room, the message is not
    /// sent; afterwards it stays queued and leaves with the next flush.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| self.poll_send(Outgoing::queue, &mut message, cx.waker())).await
    }

    /// Writes everything queued. A message that is compressed by turns is
    /// compressed first.
    ///
    /// # Errors
    ///
    /// Why something queued was not sent: any error that
    /// [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx.waker())).await
    }

    /// Waits until [`queue`](Writer::queue) takes a message: writes until the
    /// queue is below its high-water mark, and nothing is compressed by turns.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] once the connection is closing. Why something queued was not
    /// sent: any error that [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_ready(cx.waker())).await
    }

    /// Queues a ping with up to 125 bytes of application data and writes
    /// everything queued. The pong is seen by
    /// [`recv_event`](crate::WebSocket::recv_event).
    ///
    /// # Errors
    ///
    /// [`Error::Control`] for a ping that is too long, or once the connection is
    /// closing; [`Error::Send`] where it begins to close while the ping waits for
    /// room. Why something queued was not sent: any error that
    /// [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the ping is queued whole or not at all.
    pub async fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        let mut data = Some(data);
        poll_fn(|cx| self.poll_ping(&mut data, cx.waker())).await
    }

    /// Begins the closing handshake (RFC 6455 §7.1.2): queues a Close, behind
    /// all that is queued and all that [`Sender`](crate::Sender)s have handed
    /// in. No message can be queued behind it; go on receiving until `None`
    /// for what the peer still sends. A second call changes nothing.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        let was_sent = self.closing().is_sent();
        let mut taking = Taking::of(&self.outbox);
        self.sending.start_close(code, reason, &mut taking)?;
        if !was_sent {
            self.event("close queued", code.as_u16());
        }
        Ok(())
    }

    /// How many bytes wait to be written, frame headers included. A message that is
    /// compressed by turns counts with its length before compression, until all of
    /// it is compressed.
    #[inline]
    pub fn buffered_amount(&self) -> usize {
        self.sending.outgoing().buffered()
    }

    /// How far the closing handshake has come.
    #[inline]
    pub fn closing(&self) -> Closing {
        self.sending.closing()
    }

    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect(PRESENT)
    }

    pub(crate) fn io_mut(&mut self) -> &mut S {
        self.io.as_mut().expect(PRESENT)
    }

    /// How long the closing handshake may take.
    #[doc(hidden)]
    pub fn close_timeout(&self) -> Duration {
        self.sending.outgoing().config().timeouts().close
    }

    /// The transport alone: nothing more is written.
    #[doc(hidden)]
    pub fn into_transport(self) -> S {
        self.into_inner().0
    }

    /// Takes it apart; nothing is written on drop.
    pub(crate) fn into_inner(mut self) -> (S, Sending) {
        let io = self.io.take().expect(PRESENT);
        (io, self.sending.take())
    }

    /// Goes on writing to a part of the transport; the other part comes back.
    pub(crate) fn split<R, W>(mut self, split: impl FnOnce(S) -> (R, W)) -> (R, Writer<W>)
    where
        W: AsyncWrite + Unpin,
    {
        let (read, write) = split(self.io.take().expect(PRESENT));
        let writer = Writer {
            io: Some(write),
            sending: self.sending.take(),
            epoch: self.epoch,
            timer: Timer::default(),
            span: self.span.take(),
            outbox: self.outbox.take(),
        };
        (read, writer)
    }

    pub(crate) fn span(&self) -> Span {
        self.span.as_deref().cloned().unwrap_or_else(Span::none)
    }

    /// A debug event in the connection's span.
    pub(crate) fn event(&self, what: &'static str, code: u16) {
        if let Some(span) = &self.span {
            debug!(parent: &**span, code, "{what}");
        }
    }

    /// Tells `tracing` why the connection failed.
    pub(crate) fn tell(&self, error: &Error) {
        let what = match error {
            Error::Timeout(_) => "connection timed out",
            _ => "connection failed",
        };
        self.event(what, error.close_code().unwrap_or(ABNORMAL));
    }

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

    /// Does what [`Sending::next_output`] would say, until all is written and
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
        let io = self.io.as_mut().expect(PRESENT);
        let queued = self.sending.queued();
        if !queued.is_empty() {
            let written = poll_write_some(io, cx, queued);
            ready!(self.sending.wrote(written));
            if !self.sending.wants_flush() {
                return Poll::Ready(());
            }
        }
        let flushed = Pin::new(io).poll_flush(cx);
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

impl<S: AsyncWrite + Unpin> Drop for Writer<S> {
    fn drop(&mut self) {
        if self.io.is_none() {
            if let Some(outbox) = &self.outbox {
                outbox.discard();
                outbox.leave();
            }
            return;
        }
        if self.bequeath() {
            return;
        }
        let was_sent = self.closing().is_sent();
        let told = self.outbox.as_ref().and_then(|outbox| outbox.drop_code());
        let code = panic_code().or(told).unwrap_or(CloseCode::GOING_AWAY);
        self.sending.leave(code, &mut Taking::of(&self.outbox));
        if !was_sent {
            self.event("close queued", code.as_u16());
        }
        let _ = self.poll_goal(Goal::Gone, Waker::noop());
        if let Some(outbox) = &self.outbox {
            outbox.leave();
        }
    }
}

/// Writes once: what is contiguous, as small messages are, without the detour
/// of a vectored write.
fn poll_write_some<S: AsyncWrite + Unpin>(
    io: &mut S,
    cx: &mut Context<'_>,
    output: &WriteQueue,
) -> Poll<io::Result<usize>> {
    let io = Pin::new(io);
    let chunk = output.chunk();
    if chunk.len() == output.len() || !io.is_write_vectored() {
        return io.poll_write(cx, chunk);
    }
    let mut slices = [IoSlice::new(&[]); SLICES];
    let count = output.chunks_vectored(&mut slices);
    io.poll_write_vectored(cx, slices.get(..count).unwrap_or_default())
}

/// The most segments in one write: 16 large payloads with what lies between.
const SLICES: usize = 32;

/// Why the stream is there: see the invariant of [`Writer`].
const PRESENT: &str = "only what consumes the writer takes the stream";
