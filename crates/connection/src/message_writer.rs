use std::future::poll_fn;

use socket_flow_protocol::{Outgoing, Payload, SendError};
use tokio::io::AsyncWrite;

use crate::error::Error;
use crate::split::OwnedWriter;
use crate::websocket::WebSocket;
use crate::writer::Writer;

/// Sends one message part by part, while its rest is still being made: a
/// file, or text as it is generated. The peer receives one message.
///
/// Each part is text or bytes like any message, all of one message alike, and
/// leaves in a frame of its own, compressed on its own where compression was
/// agreed on; see [`queue_part`](Writer::queue_part). The first part
/// decides whether it is.
///
/// # An unfinished message
///
/// Dropping the handle ends nothing: the message stays open, pings and pongs
/// go on, any other message is refused with [`SendError::Unfinished`], and
/// what a [`Sender`](crate::Sender) hands in waits. Take another handle, which
/// goes on with the same message, or close the connection: nothing else can
/// end a message that has begun.
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
/// # let (mut client, mut server) = (open(near, Role::Client), open(far, Role::Server));
/// let mut message = server.message_writer();
/// for word in ["one ", "two "] {
///     message.write(word).await?;
/// }
/// message.finish("three").await?;
/// assert_eq!(client.recv().await?, Some(Message::from("one two three")));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct MessageWriter<'a, S: AsyncWrite + Unpin> {
    to: To<'a, S>,
}

impl<S: AsyncWrite + Unpin> MessageWriter<'_, S> {
    /// Queues a part and writes everything queued. Waits while the queue is at
    /// its high-water mark. An empty part is an empty frame.
    ///
    /// # Errors
    ///
    /// [`Error::Send`] once the connection is closing, and where text would
    /// be continued with bytes or the other way round. Why something queued was
    /// not sent: any error that [`recv`](crate::WebSocket::recv) can give.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: the part is queued whole or not at all, and frames are
    /// never cut. Dropped while it waits for room, the part is not sent;
    /// afterwards it stays queued and leaves with the next flush.
    pub async fn write<P: Payload>(&mut self, part: P) -> Result<(), Error> {
        self.to.send(Outgoing::queue_part, part).await
    }

    /// Queues the last part, which may be empty, and writes everything
    /// queued. Without any part before it, it is the whole message.
    ///
    /// # Errors
    ///
    /// As [`write`](MessageWriter::write).
    ///
    /// # Cancel safety
    ///
    /// Cancel safe, as [`write`](MessageWriter::write); dropped while it waits
    /// for room, the message stays unfinished.
    pub async fn finish<P: Payload>(mut self, part: P) -> Result<(), Error> {
        self.to.send(Outgoing::queue_last_part, part).await
    }
}

/// Sending part by part.
impl<S: AsyncWrite + Unpin> Writer<S> {
    /// Queues a part of a message whose rest is not known yet; nothing is
    /// written yet. The first one begins the message, further ones continue
    /// it, [`queue_last_part`](Writer::queue_last_part) ends it.
    /// [`message_writer`](Writer::message_writer) queues and writes.
    ///
    /// Each part leaves in a frame of its own and is compressed as it is
    /// queued, if the first part would be as a message of its own: from the
    /// threshold on, or as [`Compressed`](crate::Compressed) and
    /// [`Uncompressed`](crate::Uncompressed) say.
    ///
    /// # Errors
    ///
    /// Gives the part back at the high-water mark, and while a part of more than
    /// 64 KiB is compressed by turns ([`SendError::Full`]: wait with
    /// [`ready`](Writer::ready)), once the connection is closing
    /// ([`SendError::Closed`]), and where text would be continued with bytes
    /// or the other way round ([`SendError::WrongKind`]).
    pub fn queue_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.sending.outgoing_mut().queue_part(part)
    }

    /// Queues the last part of a message, which may be empty; nothing is
    /// written yet. Without any part before it, it is the whole message.
    ///
    /// # Errors
    ///
    /// As [`queue_part`](Writer::queue_part).
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.sending.outgoing_mut().queue_last_part(part)
    }

    /// A handle that sends one message part by part, or goes on with the one
    /// that is unfinished.
    pub fn message_writer(&mut self) -> MessageWriter<'_, S> {
        MessageWriter {
            to: To::Writer(self),
        }
    }

    /// Whether a message was begun part by part and its last part may follow: none may
    /// once a Close is queued.
    pub fn is_unfinished(&self) -> bool {
        self.sending.outgoing().is_unfinished()
    }
}

/// Sending part by part.
impl<S: AsyncWrite + Unpin> OwnedWriter<S> {
    /// Queues a part of a message; see [`Writer::queue_part`].
    ///
    /// # Errors
    ///
    /// As [`Writer::queue_part`].
    pub fn queue_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.shared.lock().queue_part(part)
    }

    /// Queues the last part of a message; see [`Writer::queue_last_part`].
    ///
    /// # Errors
    ///
    /// As [`Writer::queue_part`].
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        let mut writer = self.shared.lock();
        let queued = writer.queue_last_part(part);
        let waits = writer.has_outbox_waiting();
        drop(writer);
        if waits {
            // The reader takes it over: it could not do so before.
            self.shared.wakers.wake_reader();
        }
        queued
    }

    /// A handle that sends one message part by part, or goes on with the one
    /// that is unfinished.
    pub fn message_writer(&mut self) -> MessageWriter<'_, S> {
        MessageWriter {
            to: To::Owned(self),
        }
    }

    /// Whether a message was begun part by part and its last part may follow: none may
    /// once a Close is queued.
    pub fn is_unfinished(&self) -> bool {
        self.shared.lock().is_unfinished()
    }
}

/// Sending part by part.
impl<S: AsyncWrite + Unpin> WebSocket<S> {
    /// Queues a part of a message; see [`Writer::queue_part`].
    ///
    /// # Errors
    ///
    /// As [`Writer::queue_part`].
    pub fn queue_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.writer.queue_part(part)
    }

    /// Queues the last part of a message; see [`Writer::queue_last_part`].
    ///
    /// # Errors
    ///
    /// As [`Writer::queue_part`].
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.writer.queue_last_part(part)
    }

    /// A handle that sends one message part by part, or goes on with the one
    /// that is unfinished.
    pub fn message_writer(&mut self) -> MessageWriter<'_, S> {
        self.writer.message_writer()
    }

    /// Whether a message was begun part by part and its last part may follow: none may
    /// once a Close is queued.
    pub fn is_unfinished(&self) -> bool {
        self.writer.is_unfinished()
    }
}

/// Whose queue the parts go to.
#[derive(Debug)]
enum To<'a, S: AsyncWrite + Unpin> {
    Writer(&'a mut Writer<S>),
    Owned(&'a mut OwnedWriter<S>),
}

impl<S: AsyncWrite + Unpin> To<'_, S> {
    async fn send<P>(
        &mut self,
        queue: fn(&mut Outgoing, P) -> Result<(), SendError<P>>,
        part: P,
    ) -> Result<(), Error> {
        let mut part = Some(part);
        poll_fn(|cx| match self {
            Self::Writer(writer) => writer.poll_send(queue, &mut part, cx.waker()),
            Self::Owned(writer) => writer.poll(cx, |writer, waker| {
                writer.poll_send(queue, &mut part, waker)
            }),
        })
        .await
    }
}
