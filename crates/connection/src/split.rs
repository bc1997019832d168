use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_core::Stream;
use socket_flow_protocol::{
    CloseCode, CloseFrame, Closing, ControlError, Event, Found, Message, MessageRef, Negotiated,
    Outgoing, Payload, SendError,
};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::error::Error;
use crate::half::{self, ReadSide, WriteSide};
use crate::reader::{Reader, Shell, Wants};
use crate::sender::Sender;
use crate::sync::{Mutex, MutexGuard};
use crate::wakers::Wakers;
use crate::writer::Writer;

pub(crate) fn split<S>(reader: Reader, writer: Writer<S>) -> (OwnedReader<S>, OwnedWriter<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (read, writer) = writer.split(half::split);
    let wakers = Arc::new(Wakers::default());
    let shared = Arc::new(Shared {
        writer: Mutex::new(writer),
        transport: Waker::from(wakers.clone()),
        wakers,
    });
    let reader = OwnedReader {
        reader,
        io: read,
        shared: shared.clone(),
    };
    (reader, OwnedWriter { shared })
}

/// The receiving half of a split connection; it can live in a task of its
/// own.
///
/// It answers pings and the peer's Close and keeps the deadlines, so keep
/// receiving while the other half sends.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # use bytes::BytesMut;
/// # use socket_flow_connection::{CloseCode, Config, Message, Negotiated, Role, WebSocket};
/// # let (near, far) = tokio::io::duplex(1024);
/// # let open = |io, role| {
/// #     WebSocket::from_parts(io, BytesMut::new(), role, Negotiated::default(), Config::new())
/// # };
/// # let (client, mut server) = (open(near, Role::Client), open(far, Role::Server));
/// # let echo = tokio::spawn(async move {
/// #     while let Some(message) = server.recv().await? { server.queue(message)?; }
/// #     Ok::<_, socket_flow_connection::Error>(())
/// # });
/// let (mut reader, mut writer) = client.into_split();
/// let receiving = tokio::spawn(async move { reader.recv().await });
/// writer.send("hello").await?;
/// assert_eq!(receiving.await??, Some(Message::from("hello")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct OwnedReader<S: AsyncWrite + Unpin> {
    reader: Reader,
    io: ReadSide<S>,
    shared: Arc<Shared<S>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> OwnedReader<S> {
    /// The next message; see [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    pub async fn recv(&mut self) -> Result<Option<Message>, Error> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next message, lent until the next call.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    pub async fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>, Error> {
        let found = poll_fn(|cx| self.poll_found(cx, Wants::Message)).await?;
        Ok(found.and_then(|found| self.reader.receiving.lend_message(found)))
    }

    /// The next event, control frames included; see
    /// [`WebSocket::recv_event`](crate::WebSocket::recv_event).
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing received lives in the future.
    pub async fn recv_event(&mut self) -> Result<Option<Event>, Error> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// Polls for the next event.
    ///
    /// # Errors
    ///
    /// As [`WebSocket::recv`](crate::WebSocket::recv).
    pub fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, Error>> {
        let found = ready!(self.poll_found(cx, Wants::Event))?;
        Poll::Ready(Ok(found.map(|found| self.reader.receiving.take(found))))
    }

    /// The peer's Close, once it has arrived with a code.
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.reader.close_frame()
    }

    /// What the opening handshake agreed on.
    pub fn negotiated(&self) -> &Negotiated {
        self.reader.negotiated()
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Message>, Error>> {
        let found = ready!(self.poll_found(cx, Wants::Message))?;
        let receiving = &mut self.reader.receiving;
        Poll::Ready(Ok(found.and_then(|found| receiving.take_message(found))))
    }

    fn poll_found(
        &mut self,
        cx: &mut Context<'_>,
        wants: Wants,
    ) -> Poll<Result<Option<Found>, Error>> {
        let shared = &*self.shared;
        shared.wakers.set_reader(cx.waker());
        let mut writer = shared.lock();
        let (was_sent, written) = (writer.closing().is_sent(), writer.sending.written());
        let was_open = self.reader.receiving.is_open();
        let found = self.reader.poll_found(&mut Shell {
            source: &mut self.io,
            writer: &mut writer,
            wants,
            holds: false,
            read_waker: cx.waker(),
            write_waker: &shared.transport,
        });
        // Once when it begins to end and once when it is over: two halves in one
        // task would never let it rest.
        let receiving = &self.reader.receiving;
        let ended = !receiving.is_open() && (was_open || receiving.is_over());
        let closed = writer.closing().is_sent() != was_sent;
        let wrote = writer.sending.written() != written;
        drop(writer);
        if ended || closed || wrote {
            // Whoever waits for room, or for a flush, must see it, or the end.
            shared.wakers.wake_writer();
        }
        found
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for OwnedReader<S> {
    type Item = Result<Message, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.reader.receiving.is_over() {
            return Poll::Ready(None);
        }
        Poll::Ready(ready!(self.poll_recv(cx)).transpose())
    }
}

/// The sending half of a split connection; it can live in a task of its own.
///
/// It is a `Sink` of messages, with inherent methods that say more.
///
/// Dropping it leaves the connection open; dropping both halves ends it as
/// dropping a [`WebSocket`](crate::WebSocket) does. There is an example at
/// [`OwnedReader`].
#[derive(Debug)]
pub struct OwnedWriter<S: AsyncWrite + Unpin> {
    pub(crate) shared: Arc<Shared<S>>,
}

impl<S: AsyncWrite + Unpin> OwnedWriter<S> {
    /// Queues a message; nothing is written yet. It leaves with
    /// [`flush`](OwnedWriter::flush), or when the reading half next runs out
    /// of input.
    ///
    /// # Errors
    ///
    /// Gives the message back at the high-water mark, and while a message of more
    /// than 64 KiB is compressed by turns ([`SendError::Full`]: wait with
    /// [`ready`](OwnedWriter::ready)), once the connection is closing
    /// ([`SendError::Closed`]), and while a message is sent part by part
    /// ([`SendError::Unfinished`]). The reading half goes on
    /// while the queue is full, so that two peers that both send without pause
    /// cannot block each other.
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        self.shared.lock().queue(message)
    }

    /// Queues a message and writes everything queued.
    ///
    /// # Errors
    ///
    /// As [`Writer::send`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the message is queued whole or not at all, and frames
    /// are never cut.
    pub async fn send<P: Payload>(&mut self, message: P) -> Result<(), Error> {
        let mut message = Some(message);
        poll_fn(|cx| {
            self.poll(cx, |writer, waker| {
                writer.poll_send(Outgoing::queue, &mut message, waker)
            })
        })
        .await
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
        poll_fn(|cx| self.poll(cx, Writer::poll_flush)).await
    }

    /// Waits until [`queue`](OwnedWriter::queue) takes a message.
    ///
    /// # Errors
    ///
    /// As [`Writer::ready`].
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn ready(&mut self) -> Result<(), Error> {
        poll_fn(|cx| self.poll(cx, Writer::poll_ready)).await
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
        let mut data = Some(data);
        poll_fn(|cx| self.poll(cx, |writer, waker| writer.poll_ping(&mut data, waker))).await
    }

    /// A handle for sending on this connection from other tasks; the reading
    /// half takes over what it is given.
    pub fn sender(&mut self) -> Sender {
        let sender = self.shared.lock().sender();
        // It waits for what senders hand in only once there is one.
        self.shared.wakers.wake_reader();
        sender
    }

    /// Begins the closing handshake: queues a Close. The reading half
    /// receives what is still under way, and then `None`.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn start_close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.shared.lock().start_close(code, reason)?;
        // The reader writes it, and keeps the deadline of the peer's answer.
        self.shared.wakers.wake_reader();
        Ok(())
    }

    /// Begins the closing handshake and writes everything queued, the Close
    /// included. Its outcome is for the reading half, which ends with `None`.
    ///
    /// # Errors
    ///
    /// [`Error::Control`] when `reason` is over 123 bytes. Why something queued was
    /// not sent: any error that [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what is not written stays queued.
    pub async fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), Error> {
        self.start_close(code, reason)?;
        self.flush().await
    }

    /// How many bytes wait to be written, frame headers included. A message that is
    /// compressed by turns counts with its length before compression, until all of
    /// it is compressed.
    pub fn buffered_amount(&self) -> usize {
        self.shared.lock().buffered_amount()
    }

    /// How far the closing handshake has come.
    pub fn closing(&self) -> Closing {
        self.shared.lock().closing()
    }

    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Writer<WriteSide<S>>, &Waker) -> Poll<T>,
    ) -> Poll<T> {
        let shared = &*self.shared;
        shared.wakers.set_writer(cx.waker());
        let mut writer = shared.lock();
        let was_sent = writer.closing().is_sent();
        let result = poll(&mut writer, &shared.transport);
        let ended = writer.closing().is_sent() != was_sent;
        drop(writer);
        if ended {
            // A write failed or stalled: the reader keeps the deadline of
            // what the peer may still say.
            shared.wakers.wake_reader();
        }
        result
    }
}

/// What both halves of a connection use: the queue and the write side.
#[derive(Debug)]
pub(crate) struct Shared<S: AsyncWrite + Unpin> {
    /// Locked inside one poll at a time, never across a wait.
    writer: Mutex<Writer<WriteSide<S>>>,
    pub(crate) wakers: Arc<Wakers>,
    /// `wakers` as the one waker the write side is given.
    transport: Waker,
}

impl<S: AsyncWrite + Unpin> Shared<S> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Writer<WriteSide<S>>> {
        // No code of ours panics while it holds the lock; a transport's might,
        // and then its next call reports what it makes of that.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
