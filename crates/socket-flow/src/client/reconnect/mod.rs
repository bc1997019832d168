mod backoff;
mod cause;
mod cycle;
mod link;
mod sending;
mod worth;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use http::Response;
use socket_flow_connection::{Outlet, Sender, WebSocket};
use socket_flow_handshake::header::HeaderNames;
use socket_flow_protocol::{Message, Parcel};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

use crate::client::builder::ClientBuilder;
use crate::client::error::ConnectError;
use crate::stream::ClientStream;

pub use backoff::Backoff;
pub use cause::{DisconnectCause, Retry};

use link::Link;
use sending::Ahead;

/// A client that connects again when its connection is lost: a stream of
/// [`ReconnectEvent`]s, and a [`Sender`] that outlives the connections.
///
/// [`ClientBuilder::reconnect`] makes one. Like a connection it moves only
/// while it is polled, and spawns nothing; dropping it drops its connection.
///
/// # Messages to send
///
/// They wait in the sender's queue until a connection takes them, also while
/// there is none: up to 64 KiB, then `try_send` is refused and `send` waits.
/// The loop of events sends by [`send`](Self::send), or by
/// [`queue`](Self::queue) and [`ready`](Self::ready), which run the connection
/// while they wait; [`Sender::send`] does not, is for other tasks, and fails once
/// nobody has run the client for 30 s ([`Timeouts::stall`](crate::Timeouts::stall)).
///
/// With [`drop_unsent`](Self::drop_unsent) those that cannot be sent at once
/// are dropped instead. A message that a connection took is not sent again by
/// the next one: whether the peer saw it, only the peer can say.
///
/// # The end
///
/// The stream ends when it is not worth trying again
/// ([`DisconnectCause::is_worth_retrying`] has the table of all causes), after a
/// `Disconnected` that says so, or because the application asked for it with
/// [`Sender::close`]. From then on no message is taken.
pub struct Reconnecting<S: AsyncRead + AsyncWrite + Unpin = ClientStream> {
    connect: Box<dyn FnMut() -> Connecting<S> + Send + Sync>,
    backoff: Backoff,
    /// How long senders wait while nobody runs this.
    stall: Duration,
    classify: Box<dyn Fn(&DisconnectCause) -> Retry + Send + Sync>,
    sender: Sender,
    outlet: Outlet,
    /// A message that left the queue for a connection that had no room.
    pending: Option<Parcel>,
    drops_unsent: bool,
    /// Events that came while messages waited to be sent.
    ahead: Ahead,
    state: State<S>,
    /// Failures in a row.
    failures: usize,
    /// The application wants no further connection.
    is_closing: bool,
}

type Connecting<S> = Pin<Box<dyn Future<Output = Connected<S>> + Send>>;

type Connected<S> = Result<(WebSocket<S>, Response<()>), ConnectError>;

/// ```text
///   Start ─────────┐
///                  ▼
///   Waiting ──▶ Connecting ──▶ Open ──▶ Waiting …
///                  │             │
///                  └──▶ Over ◀───┘   not worth retrying, or closed
/// ```
enum State<S: AsyncRead + AsyncWrite + Unpin> {
    Start,
    Waiting(Pin<Box<Sleep>>),
    /// Behind a lock that is never contended, which makes it `Sync`.
    Connecting(Mutex<Connecting<S>>),
    Open(Box<Link<S>>),
    Over,
}

/// What happens to a reconnecting client.
#[non_exhaustive]
pub enum ReconnectEvent {
    /// There is a connection. With the server's 101.
    Connected(Response<()>),
    /// A message has arrived.
    Message(Message),
    /// There is no connection, or none any more.
    Disconnected {
        /// Why.
        cause: DisconnectCause,
        /// When the next attempt begins, from now; `None` where there is
        /// none, and this is the last event.
        retry_in: Option<Duration>,
    },
}

impl fmt::Debug for ReconnectEvent {
    /// Shows no header value and no payload: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected(response) => f
                .debug_tuple("Connected")
                .field(&HeaderNames::new(response.headers()))
                .finish(),
            Self::Message(message) => f.debug_tuple("Message").field(message).finish(),
            Self::Disconnected { cause, retry_in } => f
                .debug_struct("Disconnected")
                .field("cause", cause)
                .field("retry_in", retry_in)
                .finish(),
        }
    }
}

impl ClientBuilder {
    /// A client that connects again when its connection is lost; see
    /// [`Reconnecting`]. The first attempt begins with the first
    /// [`next`](Reconnecting::next).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use socket_flow::{Backoff, ClientBuilder, CloseCode, ReconnectEvent};
    ///
    /// # let server = socket_flow::Server::bind("127.0.0.1:0")
    /// #     .serve_with(|mut ws, _| async move {
    /// #         while let Some(message) = ws.recv().await? { ws.queue(message)?; }
    /// #         Ok::<_, socket_flow::Error>(())
    /// #     })
    /// #     .await?;
    /// # let url = format!("ws://{}", server.local_addr()?);
    /// let mut client = ClientBuilder::new(url).reconnect(Backoff::default());
    /// let sender = client.sender();
    /// sender.try_send("hello")?; // leaves with the first connection
    /// while let Some(event) = client.next().await {
    ///     match event {
    ///         ReconnectEvent::Connected(_) => println!("connected"),
    ///         ReconnectEvent::Message(message) => {
    ///             println!("{message:?}");
    ///             sender.close(CloseCode::NORMAL, "that is all")?;
    ///         }
    ///         ReconnectEvent::Disconnected { cause, retry_in } => {
    ///             println!("{cause}, next attempt: {retry_in:?}");
    ///         }
    ///         _ => {}
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn reconnect(self, backoff: Backoff) -> Reconnecting {
        let stall = self.stall();
        Reconnecting::new(backoff, stall, move || Box::pin(self.clone().connect()))
    }

    /// As [`reconnect`](Self::reconnect), on streams of the caller's: `dial`
    /// opens one for each attempt; see [`connect_on`](Self::connect_on).
    ///
    /// ```
    /// use socket_flow::{Backoff, ClientBuilder};
    /// use tokio::net::TcpStream;
    ///
    /// let client = ClientBuilder::new("ws://localhost/")
    ///     .reconnect_on(Backoff::default(), || TcpStream::connect("127.0.0.1:9001"));
    /// # drop(client);
    /// ```
    pub fn reconnect_on<S, F, R>(self, backoff: Backoff, mut dial: F) -> Reconnecting<S>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        F: FnMut() -> R + Send + Sync + 'static,
        R: Future<Output = std::io::Result<S>> + Send + 'static,
    {
        let stall = self.stall();
        Reconnecting::new(backoff, stall, move || {
            let (builder, dialling) = (self.clone(), dial());
            Box::pin(async move {
                let stream = dialling.await.map_err(ConnectError::Io)?;
                builder.connect_on(stream).await
            })
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Reconnecting<S> {
    fn new(
        backoff: Backoff,
        stall: Duration,
        connect: impl FnMut() -> Connecting<S> + Send + Sync + 'static,
    ) -> Self {
        let (sender, outlet) = Outlet::with_stall(QUEUE, stall);
        Self {
            connect: Box::new(connect),
            backoff,
            stall,
            classify: Box::new(|cause| match cause.is_worth_retrying() {
                true => Retry::Yes,
                false => Retry::No,
            }),
            sender,
            outlet,
            pending: None,
            drops_unsent: false,
            ahead: Ahead::default(),
            state: State::Start,
            failures: 0,
            is_closing: false,
        }
    }

    /// Sets what is worth another attempt. Default:
    /// [`DisconnectCause::is_worth_retrying`].
    #[must_use]
    pub fn retry_if(
        mut self,
        classify: impl Fn(&DisconnectCause) -> Retry + Send + Sync + 'static,
    ) -> Self {
        self.classify = Box::new(classify);
        self
    }

    /// Sets how many bytes of messages may wait, with 64 for each message; see
    /// [`Sender`]. Senders made before are closed. Default: 64 KiB.
    #[must_use]
    pub fn queue_capacity(mut self, bytes: usize) -> Self {
        (self.sender, self.outlet) = Outlet::with_stall(bytes, self.stall);
        self
    }

    /// Sets whether messages are dropped that wait while there is no
    /// connection: for what only counts while it is new. Default: they wait
    /// for the next one.
    #[must_use]
    pub fn drop_unsent(mut self, drops: bool) -> Self {
        self.drops_unsent = drops;
        self
    }

    /// A handle for sending over whatever connection there is, and for the end
    /// of all: [`Sender::close`] closes the connection, and no other follows.
    ///
    /// It is for other tasks. Its [`send`](Sender::send) waits for room, also while
    /// there is no connection: until one is there and takes a message over, or none
    /// follows, which is [`SendError::Closed`]. Its [`flush`](Sender::flush) waits
    /// until a connection has taken everything over; what becomes of that when the
    /// connection is lost, [`ReconnectEvent::Disconnected`] tells. It fails where
    /// messages that it waited for were [dropped](Self::drop_unsent), or no connection
    /// follows.
    ///
    /// Both end with [`SendError::Stalled`] once nobody has run this client for
    /// [`Timeouts::stall`](crate::Timeouts::stall), 30 s by default, or up to a quarter
    /// longer. So does a wait of the task that should run it.
    ///
    /// [`SendError::Closed`]: crate::SendError::Closed
    /// [`SendError::Stalled`]: crate::SendError::Stalled
    pub fn sender(&self) -> Sender {
        self.sender.clone()
    }

    /// The next event; `None` once it has ended.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped: the attempt under way, the
    /// delay and the connection live in the client.
    pub async fn next(&mut self) -> Option<ReconnectEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The connection, while there is one.
    pub fn get_ref(&self) -> Option<&WebSocket<S>> {
        match &self.state {
            State::Open(link) => Some(link.get_ref()),
            _ => None,
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        match self.ahead.pop() {
            Some(event) => Poll::Ready(Some(event)),
            None => self.poll_new(cx, true),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for Reconnecting<S> {
    type Item = ReconnectEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ReconnectEvent>> {
        self.poll_event(cx)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> fmt::Debug for Reconnecting<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Start => "start",
            State::Waiting(_) => "waiting",
            State::Connecting(_) => "connecting",
            State::Open(_) => "open",
            State::Over => "over",
        };
        f.debug_struct("Reconnecting")
            .field("state", &state)
            .field("failures", &self.failures)
            .field("backoff", &self.backoff)
            .field("sender", &self.sender)
            .finish_non_exhaustive()
    }
}

/// How much may wait to be sent, in bytes: what a connection lets wait.
const QUEUE: usize = 64 << 10;
