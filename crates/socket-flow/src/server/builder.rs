mod handshake;

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use socket_flow_connection::WebSocket;
use socket_flow_protocol::Budget;
use tokio::net::ToSocketAddrs;
use tokio::sync::mpsc;
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ServerConfig;

use crate::server::acceptor::Acceptor;
use crate::server::budget_error::share_out;
use crate::server::control::{Alive, Control};
use crate::server::event_memory::EventMemory;
use crate::server::event_session::EventSession;
use crate::server::event_stream::Events;
use crate::server::handle::ServerHandle;
use crate::server::listener::Listener;
use crate::server::opening::Opening;
use crate::server::paced::SERVER_STALL;
use crate::server::pending::Pending;
use crate::server::serving;
use crate::server::session::{HandlerResult, HandlerSession, Session};
use crate::stream::ServerStream;

/// A WebSocket server that owns its tasks: plug and play.
///
/// [`bind`](Self::bind) it, say what it accepts, then take its connections as
/// [events](ServerBuilder::serve) or in a [function](ServerBuilder::serve_with).
/// Every client has a task of its own from its first byte on, the TLS handshake
/// included, so that a silent or slow one keeps nobody else waiting. For
/// servers that own their tasks themselves there are [`Listener`] and
/// [`Acceptor`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use socket_flow::{Server, ServerEvent};
///
/// let (handle, mut events) = Server::bind("127.0.0.1:0").serve().await?;
/// # let url = format!("ws://{}", handle.local_addr()?);
/// # let client = tokio::spawn(async move {
/// #     let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
/// #     ws.send("hello").await.unwrap();
/// #     ws.close(socket_flow::CloseCode::NORMAL, "").await.unwrap();
/// # });
/// while let Some(event) = events.next().await {
///     match event {
///         ServerEvent::Open { id, peer, .. } => println!("{id} is open, from {peer}"),
///         ServerEvent::Message { id, message } => println!("{id} says {message:?}"),
///         ServerEvent::Close { id, code, .. } => {
///             println!("{id} is closed with {code}");
///             break;
///         }
///         _ => {}
///     }
/// }
/// handle.shutdown(Duration::from_secs(5)).await;
/// # client.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[allow(clippy::exhaustive_enums)] // without values: a place for functions
pub enum Server {}

impl Server {
    /// A server that will listen on the first of these addresses that can be
    /// bound; port 0 lets the system choose.
    pub fn bind(addr: impl ToSocketAddrs + Send + Sync + 'static) -> ServerBuilder {
        ServerBuilder::new(|| Box::pin(async move { Listener::bind(addr).await }))
    }

    /// A server on a socket that listens already: a tokio `TcpListener`, a
    /// `UnixListener`, or a [`Listener`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use socket_flow::Server;
    ///
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    /// let (handle, events) = Server::with_listener(listener).serve().await?;
    /// # drop(events);
    /// # handle.closed().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_listener(listener: impl Into<Listener>) -> ServerBuilder {
        let listener = listener.into();
        ServerBuilder::new(|| Box::pin(async move { Ok(listener) }))
    }
}

/// A server about to be started; see [`Server`].
///
/// What is not set here is as [`Acceptor::new`] has it: browsers from the
/// server's own origin only, any path, 10 s for the handshake.
#[must_use = "nothing listens until it serves"]
pub struct ServerBuilder {
    listener: Box<dyn FnOnce() -> Binding + Send + Sync>,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ServerConfig>>,
    opening: Opening,
    event_capacity: usize,
    event_memory: usize,
}

impl ServerBuilder {
    fn new(listener: impl FnOnce() -> Binding + Send + Sync + 'static) -> Self {
        Self {
            listener: Box::new(listener),
            #[cfg(feature = "rustls")]
            tls: None,
            opening: Opening {
                acceptor: Acceptor::new().answer_stall(SERVER_STALL),
                paths: Vec::new(),
                respond: None,
                admit: None,
                max_connections: usize::MAX,
                retry_after: RETRY_AFTER,
            },
            event_capacity: EVENT_CAPACITY,
            event_memory: EVENT_MEMORY,
        }
    }

    /// Binds and serves: connections, messages and closes come as a stream of
    /// [`ServerEvent`](crate::ServerEvent)s, to be answered by the
    /// [`Sender`](crate::Sender) of each `Open`.
    ///
    /// While nobody reads the events, at most
    /// [`event_capacity`](Self::event_capacity) of them wait, with messages of
    /// [`event_memory`](Self::event_memory) bytes together, and 64 KiB of each
    /// connection or one larger message; then connections are not read from, and
    /// go on sending.
    ///
    /// # Replies
    ///
    /// A message becomes an event once a reply of its size has room in the
    /// queue of the connection's senders
    /// ([`Limits::high_water`](crate::Limits::high_water), 64 KiB), beside
    /// what waits there and the replies to the messages before it. So one
    /// [`try_send`](crate::Sender::try_send) for each message, of up to its
    /// size and before the next event is read, is never refused as
    /// [`Full`](crate::SendError::Full): a peer that does not read its replies
    /// is not read from, and 30 s without a byte are the end of its connection
    /// ([`Timeouts::stall`](crate::Timeouts::stall)).
    ///
    /// That is the room for one reply until the next event is read. An
    /// application that keeps messages to reply later, replies at greater
    /// length, or sends more than replies, may find the queue full: it drops
    /// the message, or waits with [`send`](crate::Sender::send) in a task of its
    /// own.
    ///
    /// # Errors
    /// No address can be resolved or bound, or the [`budget`](Self::budget) is too
    /// small ([`BudgetError`](crate::BudgetError)).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Nothing runs when the future is dropped before it is ready.
    ///
    /// # Examples
    ///
    /// An echo server. Replies to messages that arrive together leave together:
    ///
    /// ```no_run
    #[doc = include_str!("../../loops/events.rs")]
    /// ```
    pub async fn serve(self) -> io::Result<(ServerHandle, Events)> {
        let (sender, receiver) = mpsc::channel(self.event_capacity.clamp(1, MAX_EVENT_CAPACITY));
        let budget = self.opening.acceptor.settings.config.memory().cloned();
        let session = EventSession {
            events: sender,
            memory: EventMemory::new(self.event_memory, budget),
        };
        let (handle, alive) = self.start(session).await?;
        Ok((handle, Events::new(receiver, alive)))
    }

    /// Binds and serves: each open connection is given to `handler`, in a task
    /// of its own, with the request it began with. The connection is as fast
    /// as any: read it with [`recv`](WebSocket::recv), reply with
    /// [`queue`](WebSocket::queue).
    ///
    /// # Memory
    ///
    /// The request is the handler's, and may be 16 KiB and more: what holds it
    /// between messages keeps it in memory as long as the connection. A closure
    /// that returns an `async move` block, as in the example, drops it at once,
    /// and the connection is used where it lies: 1.6 KB for each that is idle.
    /// An `async fn` that takes both by value has to `drop` the request by its
    /// name (`_` keeps it too), and has place for both twice: 2.2 KB. The URI
    /// and each header value, also as a clone, hold the whole head: copy the text
    /// that has to stay.
    ///
    /// The handler's future is dropped where a
    /// [`shutdown`](ServerHandle::shutdown) takes longer than it may; until
    /// then a `recv` in it returns `None` once the closing handshake is
    /// complete.
    ///
    /// # How a handler ends
    ///
    /// A handler need not close: the server's task ends a connection that was
    /// dropped, within [`Timeouts::close`](crate::Timeouts::close). It writes
    /// what is queued and was handed in by senders, then a Close that says how
    /// the handler ended and no more, then it gives the client the time to
    /// read them:
    ///
    /// | the handler | code |
    /// |---|---|
    /// | returned, with `Ok` or nothing | 1000 |
    /// | returned an error, or panicked | 1011 |
    /// | dropped the connection long before it ends | 1000, at once |
    /// | had it dropped by a panic in another task | 1011, at once |
    /// | was dropped by a shutdown | 1001, one attempt |
    ///
    /// A Close that was begun before stands: by the handler, by a
    /// [`Sender`](crate::Sender), by the peer, or because the connection failed.
    /// A connection that outlives its handler in another task is closed by the
    /// drop itself with the code of the table, or 1011 if a panic drops it, in
    /// one attempt.
    ///
    /// The error is told to `tracing` at level debug, in its own words; of a
    /// panic only that there was one, for its words are the panic hook's.
    ///
    /// # Errors
    /// No address can be resolved or bound, or the [`budget`](Self::budget) is too
    /// small ([`BudgetError`](crate::BudgetError)).
    ///
    /// # Panics
    /// Outside a tokio runtime.
    ///
    /// # Cancel safety
    /// Nothing runs when the future is dropped before it is ready.
    ///
    /// # Examples
    ///
    /// ```no_run
    #[doc = include_str!("../../loops/lent.rs")]
    /// ```
    pub async fn serve_with<F, R>(self, handler: F) -> io::Result<ServerHandle>
    where
        F: Fn(WebSocket<ServerStream>, Request<()>) -> R + Send + Sync + 'static,
        R: Future<Output: HandlerResult> + Send + 'static,
    {
        let (handle, _) = self.start(HandlerSession(Arc::new(handler))).await?;
        Ok(handle)
    }

    /// Speaks TLS on every connection, for `wss://`:
    /// [`ServerTls`](crate::tls::ServerTls) makes common configurations, rustls
    /// any. What was agreed on is among the extensions of each request, as a
    /// [`TlsInfo`](crate::tls::TlsInfo).
    /// `h2` in its ALPN is left out, as in [`Listener::tls`].
    ///
    /// ```no_run
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use socket_flow::Server;
    /// use socket_flow::tls::{Identity, ServerTls};
    ///
    /// let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
    /// let (handle, events) = Server::bind("[::]:443")
    ///     .tls(ServerTls::new(identity).build()?)
    ///     .serve()
    ///     .await?;
    /// # drop((handle, events));
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: impl Into<Arc<ServerConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Sets the paths that WebSockets are served on, such as `/chat`; any
    /// other is answered with 404. They are compared as they are written,
    /// without the query. Default: any path.
    pub fn paths<I>(mut self, paths: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.opening.paths = paths.into_iter().map(Into::into).collect();
        self
    }

    /// Decides about each request that could be accepted, in its own time:
    /// [`Pending::header`], [`Pending::subprotocol`] and [`Pending::config`]
    /// say how it is answered, [`Pending::deny`] refuses it, and what
    /// [`Pending::extensions_mut`] is given reaches the handler or the event.
    /// The [`handshake_timeout`](Self::handshake_timeout) goes on meanwhile. A
    /// panic is answered with 500.
    ///
    /// ```
    /// use http::Response;
    /// use socket_flow::Server;
    ///
    /// # async fn user_of(request: &http::Request<()>) -> Option<String> { None }
    /// let builder = Server::bind("127.0.0.1:0").admit(|mut pending| async move {
    ///     match user_of(pending.request()).await {
    ///         Some(user) => {
    ///             pending.extensions_mut().insert(user);
    ///             pending
    ///         }
    ///         None => {
    ///             let mut answer = Response::new("who are you?");
    ///             *answer.status_mut() = http::StatusCode::UNAUTHORIZED;
    ///             pending.deny(answer)
    ///         }
    ///     }
    /// });
    /// # let _ = builder;
    /// ```
    pub fn admit<F, R>(mut self, admit: F) -> Self
    where
        F: Fn(Pending<ServerStream>) -> R + Send + Sync + 'static,
        R: Future<Output = Pending<ServerStream>> + Send + 'static,
    {
        self.opening.admit = Some(Arc::new(move |pending| Box::pin(admit(pending))));
        self
    }

    /// Answers ordinary HTTP requests on the same port: health checks, a small
    /// page. Where a page is served on loopback, set
    /// [`hosts_local`](Self::hosts_local) as well. `None` leaves the request to
    /// the default, 426 or 405, and a panic is answered with 500. One request is
    /// answered for each connection, and a body it brings is not read.
    ///
    /// A server that is [full](Self::max_connections) answers too, so that a
    /// health check sees it alive; and an answer takes as long as its client
    /// needs, who keeps to [`answer_stall`](Self::answer_stall) and
    /// [`answer_rate`](Self::answer_rate).
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Response;
    /// use socket_flow::Server;
    ///
    /// let builder = Server::bind("127.0.0.1:0").respond(|request| {
    ///     (request.uri().path() == "/health").then(|| Response::new(Bytes::from("ok")))
    /// });
    /// # let _ = builder;
    /// ```
    pub fn respond<F>(mut self, respond: F) -> Self
    where
        F: Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync + 'static,
    {
        self.opening.respond = Some(Arc::new(respond));
        self
    }

    /// Sets how many clients may be connected at once, those in their opening
    /// handshake, or with a page, included. Up to 64 more at once are answered: by
    /// [`respond`](Self::respond), else with 503 and `Retry-After`. Any beyond these
    /// are dropped without an answer. Default: [`usize::MAX`], as many as the
    /// process has descriptors.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.opening.max_connections = count;
        self
    }

    /// Sets what the 503 of a full server says in `Retry-After`, in whole
    /// seconds. Default: 5 s.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.opening.retry_after = delay;
        self
    }

    /// Sets how many events may wait to be read, from 1 to a million. Default: 256.
    pub fn event_capacity(mut self, count: usize) -> Self {
        self.event_capacity = count;
        self
    }

    /// Sets how many bytes of messages may wait to be read as events, those of all
    /// connections together. A message that is larger than all of it waits alone;
    /// 0 counts as 1. Default: 16 MiB.
    pub fn event_memory(mut self, bytes: usize) -> Self {
        self.event_memory = bytes;
        self
    }

    async fn start<S: Session>(mut self, session: S) -> io::Result<(ServerHandle, Arc<Alive>)> {
        let listener = (self.listener)().await?;
        #[cfg(feature = "rustls")]
        let listener = match self.tls {
            Some(config) => listener.tls(config),
            None => listener,
        };
        let share = Budget::SHARE + listener.tls_share();
        let max_connections = &mut self.opening.max_connections;
        let set_aside = share_out(
            &self.opening.acceptor.settings.config,
            max_connections,
            share,
        )?;
        let local_addr = listener.local_addr().ok();
        let control = Arc::new(Control::new());
        let alive = Arc::new(Alive::new(Arc::clone(&control)));
        let opening = Arc::new(self.opening);
        tokio::spawn(serving::run(listener, opening, control, session, set_aside));
        Ok((ServerHandle::new(Arc::clone(&alive), local_addr), alive))
    }
}

impl fmt::Debug for ServerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerBuilder")
            .field("opening", &self.opening)
            .field("event_capacity", &self.event_capacity)
            .field("event_memory", &self.event_memory)
            .finish_non_exhaustive()
    }
}

type Binding = Pin<Box<dyn Future<Output = io::Result<Listener>> + Send>>;

/// How long a client that was turned away is asked to stay away.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// Enough that readers and connections do not wait for each other all the
/// time, little enough that what waits is still news.
const EVENT_CAPACITY: usize = 256;

const MAX_EVENT_CAPACITY: usize = 1_000_000;

/// One message of the default limit.
const EVENT_MEMORY: usize = 16 << 20;
