use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use socket_flow_protocol::{
    CloseCode, Closing, ControlError, Expired, Outgoing, Payload, SendError, WriteQueue,
};
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::{Span, debug};

use crate::error::{ABNORMAL, Error};
use crate::outbox::Outbox;
use crate::timer::Timer;

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
/// # use socket_flow_connection::{Error, WebSocket};
/// # use tokio::net::TcpStream;
/// # async fn example(
/// #     mut from: WebSocket<TcpStream>,
/// #     mut to: WebSocket<TcpStream>,
/// # ) -> Result<(), Error> {
/// let (reader, own) = from.halves();
/// let (_, other) = to.halves();
/// while let Some(message) = reader.recv(own).await? {
///     other.send(message).await?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping it makes one attempt, without waiting, to write what is queued
/// and a Close with 1001, then drops the transport.
#[derive(Debug)]
pub struct Writer<S: AsyncWrite + Unpin> {
    /// Invariant: `Some` until the writer is consumed; an `Option` only
    /// because a type with a destructor cannot be taken apart.
    io: Option<S>,
    pub(crate) outgoing: Outgoing,
    /// Bytes are written that the transport may not have flushed.
    dirty: bool,
    /// Why the transport takes no more bytes, until it is reported.
    error: Option<io::Error>,
    /// Where the connection's time line begins.
    pub(crate) epoch: Instant,
    /// The deadline of a write that blocks.
    timer: Timer,
    span: Option<Box<Span>>,
    /// What senders hand in, once there is one.
    pub(crate) outbox: Option<Arc<Outbox>>,
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    pub(crate) fn new(io: S, outgoing: Outgoing, span: Span) -> Self {
        Self {
            io: Some(io),
            outgoing,
            dirty: false,
            error: None,
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
    /// # async fn example(ws: &mut socket_flow_connection::WebSocket<tokio::net::TcpStream>)
    /// # -> Result<(), socket_flow_connection::Error> {
    /// let (reader, writer) = ws.halves();
    /// while let Some(message) = reader.recv(writer).await? {
    ///     writer.queue(message)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the message back at the high-water mark
    /// ([`SendError::Full`]: wait with [`ready`](Writer::ready)), and once
    /// the connection is closing ([`SendError::Closed`]) or a message is sent
    /// part by part ([`SendError::Unfinished`]). A loop that queues one reply
    /// for each message received never sees `Full`.
    #[inline]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.outgoing.queue(message)
    }

    /// Queues a message and writes everything queued. Waits while the queue
    /// is at its high-water mark.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] once the connection is closing and while a message is
    /// sent part by part, [`Error::Io`] and [`Error::Timeout`] when the
    /// transport fails or makes no progress.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is queued whole or not at all, and frames
    /// are never cut. Dropped while it waits for room, the message is not
    /// sent; afterwards it stays queued and leaves with the next flush.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| self.poll_send(&mut message, cx.waker())).await
    }

    /// Writes everything queued.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] and [`Error::Timeout`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_flush(cx.waker())).await
    }

    /// Waits until [`queue`](Writer::queue) takes a message: writes until the
    /// queue is below its high-water mark.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] once the connection is closing, [`Error::Io`] and
    /// [`Error::Timeout`].
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
    /// [`Error::Control`], [`Error::Io`] and [`Error::Timeout`].
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
        if !self.outgoing.closing().is_sent() {
            // A reason that is refused must not close the senders.
            let frame = crate::sender::frame(code, reason)?;
            self.take_last_of_outbox();
            self.event("close queued", frame.code.as_u16());
        }
        self.outgoing.close(code, reason)?;
        self.shut_outbox();
        Ok(())
    }

    /// How many bytes wait to be written.
    #[inline]
    pub fn buffered(&self) -> usize {
        self.outgoing.buffered()
    }

    /// How far the closing handshake has come.
    #[inline]
    pub fn closing(&self) -> Closing {
        self.outgoing.closing()
    }

    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect(PRESENT)
    }

    pub(crate) fn io_mut(&mut self) -> &mut S {
        self.io.as_mut().expect(PRESENT)
    }

    /// Takes it apart; nothing is written on drop.
    pub(crate) fn into_inner(mut self) -> (S, Outgoing) {
        let io = self.io.take().expect(PRESENT);
        (io, self.outgoing.take())
    }

    /// Goes on writing to a part of the transport; the other part comes back.
    pub(crate) fn split<R, W>(mut self, split: impl FnOnce(S) -> (R, W)) -> (R, Writer<W>)
    where
        W: AsyncWrite + Unpin,
    {
        let (read, write) = split(self.io.take().expect(PRESENT));
        let writer = Writer {
            io: Some(write),
            outgoing: self.outgoing.take(),
            dirty: self.dirty,
            error: self.error.take(),
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

    /// The failure of an earlier write, once.
    pub(crate) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    pub(crate) fn poll_send<P: Payload>(
        &mut self,
        message: &mut Option<P>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        self.poll_send_by(Outgoing::queue, message, waker)
    }

    /// Queues a message, or a part of one, by the given call and writes
    /// everything queued.
    pub(crate) fn poll_send_by<P>(
        &mut self,
        queue: fn(&mut Outgoing, P) -> Result<(), SendError<P>>,
        message: &mut Option<P>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        while let Some(next) = message.take() {
            match queue(&mut self.outgoing, next) {
                Ok(()) => {}
                Err(SendError::Full(next)) => {
                    *message = Some(next);
                    ready!(self.poll_ready(waker))?;
                }
                Err(error) => return Poll::Ready(Err(self.closed(error))),
            }
        }
        self.poll_flush(waker)
    }

    pub(crate) fn poll_ping(
        &mut self,
        data: &mut Option<&[u8]>,
        waker: &Waker,
    ) -> Poll<Result<(), Error>> {
        while let Some(next) = *data {
            match self.outgoing.ping(next) {
                Ok(()) => *data = None,
                Err(ControlError::Full) => ready!(self.poll_ready(waker))?,
                Err(error) => return Poll::Ready(Err(error.into())),
            }
        }
        self.poll_flush(waker)
    }

    /// A closed queue reports the transport's failure first, if that is why.
    fn closed<P>(&mut self, error: SendError<P>) -> Error {
        self.error.take().map_or_else(|| error.into(), Error::Io)
    }

    pub(crate) fn poll_ready(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        while self.outgoing.is_full() {
            if self.poll_write(waker).is_pending() && self.outgoing.is_full() {
                return self.poll_stall(waker).map(Err);
            }
        }
        if self.outgoing.closing().is_sent() {
            return Poll::Ready(Err(self.closed(SendError::Closed(()))));
        }
        Poll::Ready(Ok(()))
    }

    pub(crate) fn poll_flush(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        if self.poll_output(waker).is_pending() {
            return self.poll_stall(waker).map(Err);
        }
        Poll::Ready(self.error.take().map_or(Ok(()), |error| Err(error.into())))
    }

    /// Writes what is queued until it is all written and flushed, or the
    /// transport is blocked. A failure ends the sending half and is kept for
    /// whoever asks.
    #[inline]
    pub(crate) fn poll_write(&mut self, waker: &Waker) -> Poll<()> {
        while self.outgoing.has_output() || self.dirty {
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
        let output = self.outgoing.output();
        if !output.is_empty() {
            match ready!(poll_write_some(io, cx, output)) {
                Ok(count) if count > 0 => {
                    output.advance(count);
                    self.dirty = true;
                    if self.outgoing.has_output() {
                        return Poll::Ready(());
                    }
                }
                result => {
                    let error = result.err();
                    self.fail(error.unwrap_or_else(|| io::ErrorKind::WriteZero.into()));
                    return Poll::Ready(());
                }
            }
        }
        match Pin::new(self.io_mut()).poll_flush(cx) {
            Poll::Ready(Ok(())) => {
                self.dirty = false;
                self.outgoing.set_unflushed(false);
            }
            Poll::Ready(Err(error)) => self.fail(error),
            Poll::Pending => {
                self.outgoing.set_unflushed(true);
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    /// A write failed: unless it was merely interrupted nothing more is
    /// written.
    #[cold]
    fn fail(&mut self, error: io::Error) {
        if error.kind() != io::ErrorKind::Interrupted {
            self.error = Some(error);
            self.dirty = false;
            self.outgoing.abandon();
        }
    }

    /// Shuts the write side down; failures do not matter any more.
    pub(crate) fn poll_shutdown(&mut self, waker: &Waker) -> Poll<()> {
        Pin::new(self.io_mut())
            .poll_shutdown(&mut Context::from_waker(waker))
            .map(|_| ())
    }

    /// Watches a write that blocks, when nobody receives meanwhile.
    pub(crate) fn poll_stall(&mut self, waker: &Waker) -> Poll<Error> {
        let mut timer = mem::take(&mut self.timer);
        let expired = self.poll_blocked(&mut timer, waker);
        self.timer = timer;
        expired.map(|expired| {
            self.event("write stalled", ABNORMAL);
            self.outgoing.abandon();
            self.dirty = false;
            Error::Timeout(expired)
        })
    }

    /// Arms and judges the deadline of a write that blocks, with the timer of
    /// whoever waits for it.
    pub(crate) fn poll_blocked(&mut self, timer: &mut Timer, waker: &Waker) -> Poll<Expired> {
        while let Some(at) = self.outgoing.poll_timeout() {
            if !at.is_zero() {
                let Some(at) = self.epoch.checked_add(at) else {
                    break;
                };
                ready!(timer.poll(at, waker));
            }
            if let Err(expired) = self.outgoing.handle_timeout(self.epoch.elapsed()) {
                return Poll::Ready(expired);
            }
        }
        Poll::Pending
    }
}

impl<S: AsyncWrite + Unpin> Drop for Writer<S> {
    fn drop(&mut self) {
        if self.io.is_none() {
            self.shut_outbox();
            return;
        }
        if !self.outgoing.closing().is_sent() {
            // The reason is empty, so that it cannot be too long.
            let _ = self.start_close(CloseCode::GOING_AWAY, "");
        }
        self.shut_outbox();
        if self.poll_write(Waker::noop()).is_ready() {
            let _ = self.poll_shutdown(Waker::noop());
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
