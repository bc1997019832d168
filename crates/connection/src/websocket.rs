use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use socket_flow_protocol::driver::{Failure, drive};
use socket_flow_protocol::{
    CloseCode, CloseFrame, Closing, Config, ControlError, Event, Expired, Found, Input, Message,
    Negotiated, Outgoing, Payload, Protocol, Role, SendError,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::{Span, debug_span, field};

use crate::error::Error;
use crate::outcome::CloseOutcome;
use crate::parts::Parts;
use crate::reader::{Joined, Reader, Shell, Wants};
use crate::sender::Sender;
use crate::split::{OwnedReader, OwnedWriter};
use crate::wakers::Wakers;
use crate::writer::Writer;

/// A WebSocket connection over any tokio stream.
///
/// It is a `Stream` of messages and a `Sink` of them, with inherent methods
/// that do the same with less ceremony. Pings and the peer's Close are
/// answered by the connection itself.
///
/// # Sending
///
/// [`queue`](WebSocket::queue) is the call for replies: it is a plain
/// function, and what it queues is written when
/// [`recv`](WebSocket::recv) runs out of messages that have arrived. The
/// answers to a batch of small messages leave in one write, which is worth
/// more than any other optimisation. [`send`](WebSocket::send) writes at
/// once.
///
/// # Nothing moves unless it is polled
///
/// The connection owns no task. Pings are answered, deadlines judged and
/// Closes completed in the next `recv`, `send` or `flush`. So receive, also
/// where only sending is of interest: [`into_split`](WebSocket::into_split) it, or
/// `select!`; every future is cancel safe.
///
/// # Time
///
/// Deadlines, and waiting for the memory of a [`Budget`](crate::Budget), need a
/// tokio runtime with its time driver enabled. Without a budget, and with all
/// timeouts turned off, nothing does.
///
/// # Dropping
///
/// Dropping it makes one attempt, without waiting, to write what is queued and a
/// Close with 1001, or with 1011 during a panic, and then drops the stream. A message
/// of more than 64 KiB is compressed by turns: if it is not compressed by then, it is
/// not sent, nor is anything after it, the Close included. Under a server of the
/// facade that is left to the server's task, with a code that says how the handler
/// ended; see `ServerBuilder::serve_with` there. To be sure that the Close arrives,
/// call [`close`](WebSocket::close) or receive to the end.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use bytes::BytesMut;
/// use socket_flow_connection::{CloseCode, Config, Message, Negotiated, Role, WebSocket};
///
/// let (near, far) = tokio::io::duplex(1024);
/// let open = |io, role| {
///     WebSocket::from_parts(io, BytesMut::new(), role, Negotiated::default(), Config::new())
/// };
/// let (mut client, mut server) = (open(near, Role::Client), open(far, Role::Server));
///
/// let echo = tokio::spawn(async move {
///     while let Some(message) = server.recv().await? {
///         server.queue(message)?;
///     }
///     Ok::<_, socket_flow_connection::Error>(())
/// });
///
/// client.send("hello").await?;
/// assert_eq!(client.recv().await?, Some(Message::from("hello")));
/// let outcome = client.close(CloseCode::NORMAL, "bye").await?;
/// assert!(outcome.clean);
/// echo.await??;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct WebSocket<S: AsyncWrite + Unpin> {
    reader: Reader,
    pub(crate) writer: Writer<S>,
    /// Made when the sink first has to wait: then the stream may be polled by
    /// another task, and a transport remembers one waker for writing.
    wakers: Option<Arc<Wakers>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// A connection whose opening handshake is done. `read` holds the bytes
    /// that were read behind the handshake; they are the connection's first.
    ///
    /// A client's masking keys are seeded by the operating system.
    ///
    /// Should the operating system give none, the connection sends nothing
    /// and reports [`Error::Io`] when it is received from.
    pub fn from_parts(
        io: S,
        read: BytesMut,
        role: Role,
        negotiated: Negotiated,
        config: impl Into<Arc<Config>>,
    ) -> Self {
        let span = debug_span!(
            "websocket",
            role = ?role,
            peer = field::Empty,
            subprotocol = negotiated.subprotocol().map(|_| true),
        );
        let mut seed = [0; 32];
        let mut no_seed = None;
        let protocol = match role {
            Role::Client => {
                no_seed = getrandom::fill(&mut seed).err();
                Protocol::client(config, negotiated, seed)
            }
            Role::Server => Protocol::server(config, negotiated),
        };
        let (mut receiving, mut sending) = drive(protocol, Input::from(read));
        if let Some(error) = no_seed {
            // Frames with predictable keys must not reach the wire.
            receiving.abort(error.into(), &mut sending);
        }
        let reader = Reader::new(receiving);
        let writer = Writer::new(io, sending, span);
        Self {
            reader,
            writer,
            wakers: None,
        }
    }

    /// The next message. `None` after a complete closing handshake, whatever
    /// its code; [`close_frame`](WebSocket::close_frame) then tells code and
    /// reason.
    ///
    /// What is queued is written once the messages that have arrived are used
    /// up.
    ///
    /// # Errors
    ///
    /// Any error is the end of the connection, and by then the closing
    /// sequence has run: the Close that says why is written and the transport
    /// ended (at most [`Timeouts::close`](crate::Timeouts::close)).
    ///
    /// - [`Error::Protocol`]: the peer broke the protocol or a limit.
    /// - [`Error::Timeout`]: a deadline passed.
    /// - [`Error::Memory`]: the memory of its [`Budget`](crate::Budget) was used up,
    ///   and this connection had to go.
    /// - [`Error::Closed`]: the transport ended without a Close, 1006.
    /// - [`Error::Io`]: the transport failed.
    /// - [`Error::Unsent`]: the peer's Close arrived, but what was queued, our Close
    ///   included, could not be sent.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        if let Some(found) = self.reader.quick(&self.writer) {
            return Ok(self.reader.receiving.take_message(found));
        }
        poll_fn(|cx| self.poll_recv(cx, true)).await
    }

    /// The next event, control frames included. Pings and Closes have been
    /// answered. `None` after a complete closing handshake.
    ///
    /// # Errors
    ///
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Polls for the next event; what [`recv_event`](WebSocket::recv_event)
    /// awaits.
    ///
    /// # Errors
    ///
    /// As [`recv`](WebSocket::recv).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        let found = ready!(self.poll_found(Wants::Event, true, cx.waker()))?;
        Poll::Ready(Ok(found.map(|found| self.reader.receiving.take(found))))
    }

    /// Queues a message; nothing is written yet. It leaves when
    /// [`recv`](WebSocket::recv) runs out of messages that have arrived, or
    /// with [`flush`](WebSocket::flush).
    ///
    /// # Errors
    ///
    /// Gives the message back at the high-water mark, and while a message of more
    /// than 64 KiB is compressed by turns ([`SendError::Full`]: wait with
    /// [`ready`](WebSocket::ready)), once the connection is closing
    /// ([`SendError::Closed`]), and while a message is sent part by part
    /// ([`SendError::Unfinished`]). A loop that queues one reply for each message
    /// received never sees `Full`.
    #[inline]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.writer.queue(message)
    }

    /// Waits until [`queue`](WebSocket::queue) takes a message.
    ///
    /// # Errors
    ///
    /// As [`Writer::ready`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn ready(&mut self) -> Result<(), Error> {
        self.writer.ready().await
    }

    /// Queues a message and writes everything queued. Waits while the queue
    /// is at its high-water mark.
    ///
    /// # Errors
    ///
    /// As [`Writer::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is queued whole or not at all, and frames
    /// are never cut. Dropped while it waits for room, the message is not
    /// sent; afterwards it stays queued and leaves with the next flush.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), Error> {
        let (writer, mut message) = (&mut self.writer, Some(message));
        poll_fn(|cx| writer.poll_send(Outgoing::queue, &mut message, cx.waker())).await
    }

    /// Writes everything queued. A message that is compressed by turns is
    /// compressed first.
    ///
    /// # Errors
    ///
    /// Why something queued was not sent: any error that
    /// [`recv`](WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush().await
    }

    /// Queues a ping with up to 125 bytes of application data and writes
    /// everything queued.
    ///
    /// # Errors
    ///
    /// As [`Writer::ping`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the ping is queued whole or not at all.
    pub async fn ping(&mut self, data: &[u8]) -> Result<(), Error> {
        self.writer.ping(data).await
    }

    /// A handle for sending on this connection from other tasks.
    pub fn sender(&mut self) -> Sender {
        self.writer.sender()
    }

    /// Drives the connection while no message can be dealt with: writes what is
    /// queued and what [`Sender`]s hand in, answers pings, keeps the deadlines
    /// and notices the peer's end. Ready once the connection begins to end, or a
    /// Close is queued, by whomever, and everything is written; go on with
    /// [`recv`](WebSocket::recv), which tells how it ended.
    ///
    /// The first message that arrives is kept for `recv`, and nothing is read
    /// after it: from then on only a blocked write has a deadline.
    ///
    /// ```no_run
    #[doc = include_str!("../loops/drive.rs")]
    /// ```
    ///
    /// # Errors
    ///
    /// Why something that was queued is not sent; `recv` tells it too.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn drive(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll_drive(cx.waker())).await
    }

    /// Begins the closing handshake: queues a Close. Go on with
    /// [`recv`](WebSocket::recv) until `None` to get what is still under way.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.writer.start_close(code, reason)
    }

    /// Closes the connection: sends a Close, waits for the peer's and for the
    /// end of the transport, at most
    /// [`Timeouts::close`](crate::Timeouts::close). Messages that still
    /// arrive are dropped; use [`start_close`](WebSocket::start_close) to get
    /// them.
    ///
    /// # Errors
    ///
    /// - [`Error::Control`] when `reason` is over 123 bytes.
    /// - [`Error::Protocol`] when the peer broke the protocol meanwhile.
    /// - Why something queued was not sent: any error that
    ///   [`recv`](WebSocket::recv) can give.
    ///
    /// Where everything queued was sent, a peer that is gone or does not answer is
    /// no error but an outcome that is not [`clean`](CloseOutcome::clean).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: call it again, or receive, to go on.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<CloseOutcome, Error> {
        self.start_close(code, reason)?;
        poll_fn(|cx| self.poll_close(cx)).await
    }

    /// The peer's Close, once it has arrived with a code.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.reader.close_frame()
    }

    /// How far the closing handshake has come.
    pub fn closing(&self) -> Closing {
        self.writer.closing()
    }

    /// What the opening handshake agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        self.reader.negotiated()
    }

    /// The limits and timeouts of the connection.
    pub fn config(&self) -> &Config {
        self.reader.receiving.incoming().config()
    }

    /// How many bytes wait to be written, frame headers included: the
    /// `bufferedAmount` of browsers, which leave headers out. A message that is
    /// compressed by turns counts with its length before compression, until all of
    /// it is compressed.
    pub fn buffered_amount(&self) -> usize {
        self.writer.buffered_amount()
    }

    /// The connection's `tracing` span, disabled where nobody listens. Its
    /// field `peer` is empty until it is recorded.
    pub fn span(&self) -> Span {
        self.writer.span()
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        self.writer.io()
    }

    /// The stream, to change its options; reading or writing corrupts the
    /// connection.
    pub fn get_mut(&mut self) -> &mut S {
        self.writer.io_mut()
    }

    /// The two halves side by side, for the lending read and for feeding one
    /// connection from another.
    #[inline]
    pub fn halves(&mut self) -> (&mut Reader, &mut Writer<S>) {
        (&mut self.reader, &mut self.writer)
    }

    /// Splits the connection into halves that two tasks can own and use at
    /// once. No task is spawned, and no lock is held while anything waits.
    ///
    /// `StreamExt::split` of `futures` works as well. Its halves are the other
    /// way round, the sink first, know nothing but messages, and take turns:
    /// each waits for a lock while the other one is polled.
    #[doc(alias = "split")]
    pub fn into_split(self) -> (OwnedReader<S>, OwnedWriter<S>)
    where
        S: 'static,
    {
        crate::split::split(self.reader, self.writer)
    }

    /// Takes the connection apart without closing it, best between messages:
    /// what was received of an unfinished message is lost. A large message that
    /// is not compressed yet is compressed now.
    pub fn into_parts(self) -> Parts<S> {
        let (io, mut sending) = self.writer.into_inner();
        Parts {
            io,
            read: self.reader.receiving.into_input().into_unread(),
            write: sending.outgoing_mut().take_output(),
        }
    }

    /// Polls for the next message.
    #[inline]
    pub(crate) fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
        holds: bool,
    ) -> Poll<Result<Option<Message>, Error>> {
        let found = ready!(self.poll_found(Wants::Message, holds, cx.waker()))?;
        let receiving = &mut self.reader.receiving;
        Poll::Ready(Ok(found.and_then(|found| receiving.take_message(found))))
    }

    /// Polls for what is wanted next.
    #[inline(always)]
    fn poll_found(
        &mut self,
        wants: Wants,
        holds: bool,
        waker: &Waker,
    ) -> Poll<Result<Option<Found>, Error>> {
        let reader = &mut self.reader;
        let shell = &mut Shell::joined(&mut self.writer, wants, holds, waker);
        match &self.wakers {
            None => reader.poll_found(shell),
            Some(wakers) => beside_sink(wakers, reader, shell, Reader::poll_found),
        }
    }

    /// Polls the connection without handing a message out.
    fn poll_drive(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        let reader = &mut self.reader;
        let shell = &mut Shell::joined(&mut self.writer, Wants::Nothing, false, waker);
        ready!(match &self.wakers {
            None => reader.poll_drive(shell),
            Some(wakers) => beside_sink(wakers, reader, shell, Reader::poll_drive),
        });
        let unsent = self.writer.loss().or_else(|| self.unsent());
        Poll::Ready(unsent.map_or(Ok(()), Err))
    }

    /// Why something is still queued while the connection ends, if it is: it is lost
    /// unless the one attempt that is left gets rid of it.
    fn unsent(&self) -> Option<Error> {
        let sending = &self.writer.sending;
        if !sending.has_output() && !sending.is_compressing() {
            return None;
        }
        let failure = self.reader.receiving.failure().map(Failure::copy);
        Some(Error::from(
            failure.unwrap_or(Failure::Expired(Expired::Close)),
        ))
    }

    /// Whether the end of the connection has been reported.
    pub(crate) fn is_over(&self) -> bool {
        self.reader.receiving.is_over()
    }

    /// Polls the writer for the sink.
    pub(crate) fn poll_writer<T>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(&mut Writer<S>, &Waker) -> Poll<T>,
    ) -> Poll<T> {
        let polled = poll(&mut self.writer, cx.waker());
        if polled.is_ready() {
            return polled;
        }
        // It waits: now register for both.
        let wakers = self.wakers.get_or_insert_default();
        wakers.set_writer(cx.waker());
        poll(&mut self.writer, &Waker::from(wakers.clone()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Result<CloseOutcome, Error>> {
        loop {
            match ready!(self.poll_recv(cx, false)) {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error @ Error::Protocol(_)) => return Poll::Ready(Err(error)),
                // A peer that did not answer is no error; that something queued
                // was not sent is.
                Err(Error::Unsent(cause)) => return Poll::Ready(Err(*cause)),
                Err(_) => match self.writer.loss() {
                    Some(cause) => return Poll::Ready(Err(cause)),
                    None => break,
                },
            }
        }
        Poll::Ready(Ok(CloseOutcome {
            clean: self.reader.receiving.is_clean(),
            frame: self.close_frame().cloned(),
        }))
    }
}

/// Polls where a sink may wait elsewhere, which is woken as well.
#[inline(never)]
fn beside_sink<S: AsyncRead + AsyncWrite + Unpin, T>(
    wakers: &Arc<Wakers>,
    reader: &mut Reader,
    shell: &mut Shell<'_, Joined, S>,
    poll: impl FnOnce(&mut Reader, &mut Shell<'_, Joined, S>) -> T,
) -> T {
    wakers.set_reader(shell.read_waker);
    let writer = &mut *shell.writer;
    let before = (writer.closing().is_sent(), writer.sending.written());
    let was_open = reader.receiving.is_open();
    let polled = poll(
        reader,
        &mut Shell {
            source: Joined,
            writer,
            write_waker: &Waker::from(wakers.clone()),
            ..*shell
        },
    );
    let ended = was_open != reader.receiving.is_open();
    if ended || (writer.closing().is_sent(), writer.sending.written()) != before {
        wakers.wake_writer();
    }
    polled
}
