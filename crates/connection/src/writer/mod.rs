mod driving;
mod feed;
mod heir;
mod sent;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use socket_flow_protocol::driver::{Goal, Sending};
use socket_flow_protocol::{CloseCode, Closing, ControlError, Outgoing, Payload, SendError};
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::{Span, debug};

use crate::error::{ABNORMAL, Error};
use crate::sender::outbox::{Outbox, Taking, panic_code};
use crate::timer::Timer;

pub use heir::Heir;

/// The sending half of a connection, next to its [`Reader`](crate::Reader).
///
/// [`queue`](Writer::queue) is the call for replies: it copies a message
/// after others that wait and returns; what is queued is written when the
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

    /// Begins the closing handshake (RFC 6455 §7.1.2): queues a Close, after
    /// all that is queued and all that [`Sender`](crate::Sender)s have handed
    /// in. No message can be queued after it; go on receiving until `None`
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

/// Why the stream is there: see the invariant of [`Writer`].
const PRESENT: &str = "only what consumes the writer takes the stream";
