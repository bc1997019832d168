mod member;
pub(crate) mod outbox;
mod outlet;
mod published;

use std::fmt;
use std::sync::Arc;

use socket_flow_protocol::{CloseCode, CloseFrame, ControlError, Payload, SendError, Utf8Bytes};
use tokio::time::Instant;

use crate::error::Error;
use crate::sender::outbox::Outbox;
use crate::writer::Heir;

pub use member::Patience;
pub use outlet::Outlet;
pub use published::{Publications, Published};

/// A handle for sending on a connection from anywhere: cloneable, bounded,
/// and of one type for every transport.
///
/// Messages wait in a queue that all senders of the connection share, until
/// the task that runs the connection takes them over: in its next `recv`,
/// `flush` or [`drive`](crate::WebSocket::drive), all that fit at once,
/// so that they leave together. That task is woken once for any number of
/// messages.
///
/// The queue holds [`Limits::high_water`](crate::Limits::high_water) bytes,
/// each message counted as its payload and 64 bytes more; one larger message
/// fits an empty queue. Where the connection has a
/// [budget](crate::Config::budget), what is beyond a message of 1 KiB is charged to
/// it until it is taken over, and the queue is full where that does not fit. An empty one
/// takes a message all the same. Dropping all senders changes nothing for the
/// connection; once that has ended, or begun to close, senders take no more
/// messages and hold no memory.
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
/// # let (mut client, mut ws) = (open(near, Role::Client), open(far, Role::Server));
/// let sender = ws.sender();
/// for number in 0..3 {
///     let sender = sender.clone();
///     tokio::spawn(async move { sender.send(format!("task {number}")).await });
/// }
/// # let client = tokio::spawn(async move {
/// #     for _ in 0..3 { assert!(client.recv().await.unwrap().unwrap().is_text()); }
/// #     client.close(CloseCode::NORMAL, "").await.unwrap();
/// # });
/// // Receiving runs the connection, and so sends what the tasks hand in.
/// while let Some(message) = ws.recv().await? {
///     println!("{message:?}");
/// }
/// assert!(sender.is_closed());
/// # client.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Sender {
    pub(crate) outbox: Arc<Outbox>,
}

impl Sender {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        Self { outbox }
    }

    /// Hands a message in; waits for room. Those who wait get it in the order
    /// they came. What was handed in is sent, also where this end begins to
    /// close then; unless the peer closes first, or the connection fails.
    ///
    /// A handler that waits here for its own connection does not run it
    /// meanwhile. One reply for each message that it receives finds room; more may
    /// wait for the stall time. A handler that sends more does so by
    /// [`queue`](crate::WebSocket::queue) or [`send`](crate::WebSocket::send),
    /// which need no room here.
    ///
    /// # Errors
    ///
    /// Both give the message back:
    ///
    /// - [`SendError::Closed`] once the connection has ended or begun to close;
    /// - [`SendError::Stalled`] once the connection has taken nothing over for
    ///   [`Timeouts::stall`](crate::Timeouts::stall), 30 s by default, in whole
    ///   milliseconds. Whatever it takes over starts that time anew. Outside
    ///   of a tokio runtime, which keeps the time, there is no limit. A sender of an
    ///   [`Outlet`](crate::Outlet), such as a reconnecting client's, waits as long as
    ///   the owner runs the outlet. Once the owner does not, it fails after that time,
    ///   or up to a quarter later.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: a message is handed in whole, or not at all where the
    /// future is dropped before it is ready.
    pub async fn send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        self.outbox.send(message).await
    }

    /// Hands a message in if there is room.
    ///
    /// # Errors
    ///
    /// Gives the message back: [`SendError::Full`] where there is no room,
    /// [`SendError::Closed`] once the connection has ended or begun to close.
    #[inline]
    pub fn try_send<P: Payload>(&self, message: P) -> Result<(), SendError<P>> {
        self.outbox.try_send(message, false)
    }

    /// Waits until everything that the connection's senders have handed in
    /// before is sent: the transport's write took it, and a flush after it was
    /// ready. It says nothing about the peer.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use bytes::BytesMut;
    /// # use socket_flow_connection::{Config, Negotiated, Role, WebSocket};
    /// # let (near, _far) = tokio::io::duplex(1024);
    /// # let (read, config) = (BytesMut::new(), Config::new());
    /// # let mut ws =
    /// #     WebSocket::from_parts(near, read, Role::Server, Negotiated::default(), config);
    /// let sender = ws.sender();
    /// tokio::spawn(async move { while let Ok(Some(_)) = ws.recv().await {} });
    /// sender.send("hello").await?;
    /// sender.flush().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - Why something that was queued is not sent, as
    ///   [`recv`](crate::WebSocket::recv) tells it.
    /// - [`Error::Send`] with [`SendError::Closed`]: something that was handed in
    ///   was dropped, because the connection began to close before it was taken
    ///   over. Also where the connection was dropped, or had ended before the call
    ///   without having sent everything. After an end by which everything was sent
    ///   it is `Ok`.
    /// - [`Error::Send`] with [`SendError::Stalled`]: nobody ran the connection
    ///   for [`Timeouts::stall`](crate::Timeouts::stall). A connection's own
    ///   handler that waits here holds it up.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: what was handed in stays so.
    pub async fn flush(&self) -> Result<(), Error> {
        self.outbox.flush().await
    }

    /// Hands in a message that only counts while it is new: where there is no
    /// room for it, the oldest messages that were handed in like this, and
    /// still wait, are dropped. Tells how many.
    ///
    /// # Errors
    ///
    /// As [`try_send`](Sender::try_send); [`SendError::Full`] where dropping
    /// them all would not make room.
    #[inline]
    pub fn send_newest<P: Payload>(&self, message: P) -> Result<usize, SendError<P>> {
        self.outbox.replace(message)
    }

    /// Begins the closing handshake after everything that was handed in; no
    /// message is taken any more. A second call changes nothing.
    ///
    /// The Close is queued when the connection next runs, also where its write
    /// queue is full. From then on
    /// [`Timeouts::close`](crate::Timeouts::close) bounds its life: what the
    /// peer has not taken by then is lost.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn close(&self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.outbox.ask_to_close(frame(code, reason)?, false);
        Ok(())
    }

    /// Begins the closing handshake and drops what was handed in and not yet
    /// taken over: for a peer that does not keep up.
    ///
    /// # Errors
    ///
    /// [`ControlError::ReasonTooLong`] when `reason` is over 123 bytes.
    pub fn close_now(&self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.outbox.ask_to_close(frame(code, reason)?, true);
        Ok(())
    }

    /// Bytes of payload that were handed in and not yet taken over by the
    /// connection, whose own write queue is not counted.
    pub fn buffered_amount(&self) -> usize {
        self.outbox.buffered_amount()
    }

    /// How much may wait, in bytes, with 64 for each message.
    pub fn capacity(&self) -> usize {
        self.outbox.capacity()
    }

    /// How much room is left, in bytes; where there is a budget, as far as that has
    /// room for all of it.
    pub fn room(&self) -> usize {
        self.outbox.room()
    }

    /// How much room a message takes whose payload has this many bytes: 64
    /// bytes more, and at most all there is.
    pub fn cost(&self, payload: usize) -> usize {
        self.outbox.room_for(payload) as usize
    }

    /// Whether the connection has ended or begun to close: no message is
    /// taken any more.
    pub fn is_closed(&self) -> bool {
        self.outbox.is_closed()
    }

    /// Since when the connection ends, that is when its Close was queued; `None`
    /// while it is open and once it has ended. For who ends the transport of a
    /// connection that was dropped meanwhile.
    #[doc(hidden)]
    pub fn ends_since(&self) -> Option<Instant> {
        self.outbox.ends_since()
    }

    /// Waits for what the connection leaves when it is dropped. The transport it
    /// leaves has to be found by other means.
    #[doc(hidden)]
    pub fn heir(&self) -> Heir {
        Heir::new(Arc::clone(&self.outbox))
    }

    /// Whether both belong to the same connection.
    pub fn same_connection(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.outbox, &other.outbox)
    }

    /// A number that no other connection with a living sender has, to find
    /// this one's by.
    pub fn key(&self) -> usize {
        Arc::as_ptr(&self.outbox).addr()
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("buffered", &self.buffered_amount())
            .field("capacity", &self.capacity())
            .field("closed", &self.is_closed())
            .finish()
    }
}

/// RFC 6455 §5.5: a control frame carries 125 bytes, the code takes two.
pub(crate) fn frame(code: CloseCode, reason: &str) -> Result<CloseFrame, ControlError> {
    if reason.len() > MAX_REASON {
        return Err(ControlError::ReasonTooLong);
    }
    Ok(CloseFrame {
        code,
        reason: Utf8Bytes::from(reason),
    })
}

const MAX_REASON: usize = 123;
