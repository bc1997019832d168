use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use socket_flow_connection::WebSocket;
use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::host::{HostError, HostPolicy};
use socket_flow_handshake::origin::OriginPolicy;
use socket_flow_handshake::server::{self, Choices, RejectReason, Rejection};
#[cfg(feature = "deflate")]
use socket_flow_protocol::Deflate;
use socket_flow_protocol::{Budget, Config};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::HANDSHAKE_TIMEOUT;
use crate::apart::Apart;
use crate::deadline::Deadline;
#[cfg(feature = "deflate")]
use crate::deflate;
use crate::head_io::ReadHeadError;
use crate::server::error::AcceptError;
use crate::server::head_memory::HeadMemory;
use crate::server::paced::Pace;
use crate::server::pending::{Pending, Verdict};
use crate::server::refuse::Refused;
#[cfg(feature = "rustls")]
use crate::server::refuse::{LINGER, linger};
use crate::server::request::{Client, RequestFailure};

/// What a server accepts, and how its connections are set up. Make one and use it for all: a clone
/// shares the settings and is as large as a pointer.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use http::Response;
/// use socket_flow::{Acceptor, ClientBuilder};
///
/// let acceptor = Acceptor::new().subprotocols(["chat.v2", "chat.v1"]);
/// # let (near, stream) = tokio::io::duplex(1024);
/// # let client = tokio::spawn(
/// #     ClientBuilder::new("ws://pipe/chat").subprotocols(["chat.v1"]).connect_on(near),
/// # );
///
/// // Look at the request, and decide in your own time.
/// let pending = acceptor.read(stream).await?;
/// let ws = if pending.request().uri().path() == "/chat" {
///     pending.header("server", "chat").accept().await?
/// } else {
///     let answer = Response::builder().status(404).body("no such room")?;
///     return Ok(pending.reject(answer).await?);
/// };
/// assert_eq!(ws.negotiated().subprotocol(), Some("chat.v1"));
/// # assert_eq!(client.await??.1.headers()["server"], "chat");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Acceptor {
    pub(super) settings: Arc<Settings>,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// What it decides by.
    pub(super) choices: Choices,
    /// How its connections are set up.
    pub(super) config: Arc<Config>,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
    head_limits: HeadLimits,
    handshake_timeout: Duration,
    /// How fast answers must be taken.
    pub(super) pace: Pace,
}

impl Acceptor {
    /// The default settings: no subprotocol, browsers from the server's own origin only.
    pub fn new() -> Self {
        let settings = Settings {
            choices: Choices::default(),
            config: Arc::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
            head_limits: HeadLimits::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            pace: Pace::default(),
        };
        Self {
            settings: Arc::new(settings),
        }
    }

    /// Sets the subprotocols spoken, the preferred one first (RFC 6455 §4.2.2). The first that
    /// the client offers is picked, in exact case; without one in common the connection opens
    /// without one. Default: none.
    #[must_use]
    pub fn subprotocols<I>(self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.choosing(|choices| choices.subprotocols(subprotocols))
    }

    /// Sets whether a request with no subprotocol in common is refused with 400. Default: no.
    #[must_use]
    pub fn require_subprotocol(self, require: bool) -> Self {
        self.choosing(|choices| choices.require_subprotocol(require))
    }

    /// Sets the origins a browser may connect from (RFC 6455 §10.2). Default:
    /// [`OriginPolicy::SameOrigin`], the host of the request; a proxy in between must pass `Host`
    /// on as it came. A refused origin is answered with 403.
    ///
    /// The default does not keep out a page whose own name leads to this server (DNS rebinding):
    /// see [`hosts`](Self::hosts).
    ///
    /// ```
    /// use socket_flow::{Acceptor, OriginPolicy};
    ///
    /// let pages = OriginPolicy::allow_list(["https://*.example.com", "http://localhost:8080"])?;
    /// let acceptor = Acceptor::new().origin(pages);
    /// # let _ = acceptor;
    /// # Ok::<_, socket_flow::handshake::origin::OriginError>(())
    /// ```
    #[must_use]
    pub fn origin(self, policy: OriginPolicy) -> Self {
        self.choosing(|choices| choices.origin(policy))
    }

    /// Lets pages of every origin connect: right only where no cookie or other credential that a
    /// browser sends by itself means anything.
    #[must_use]
    pub fn allow_any_origin(self) -> Self {
        self.origin(OriginPolicy::Any)
    }

    /// Sets how much memory the open connections may hold together; see [`Budget`]. It is a part of
    /// the [`config`](Self::config), and set there by whoever calls that later. Default: no budget.
    ///
    /// Handshakes draw from it too. Each is charged [`Budget::SHARE`]; what a larger request takes
    /// is charged before it is read. Where it does not fit, the handshake waits, for the budget's
    /// [`patience`](Budget::patience) at most, and is then refused with 503. A head of up to 2 KiB
    /// that takes up to 4 KiB, which 24 header lines do, never waits.
    ///
    /// Where [`deflate`](Self::deflate) would keep contexts between messages, they may take half of
    /// the budget. Without room for those of a connection, messages in both directions are each
    /// compressed on their own; without room for the context of one message, none is.
    /// [`Usage::reduced`](socket_flow_protocol::Usage::reduced) counts both.
    #[must_use]
    pub fn budget(self, budget: Budget) -> Self {
        self.with(|settings| {
            let config = Config::clone(&settings.config).budget(budget);
            settings.config = Arc::new(config);
        })
    }

    /// Sets the hosts the server answers for, such as `chat.example.com`, `*.example.com` or
    /// `localhost:9001`: see [`HostPattern`](crate::handshake::host::HostPattern). A request for
    /// another host, whatever it asks for, is answered with 421 (RFC 9110 §7.4). Default: every
    /// host, because a proxy in front of the server passes on names that only you know.
    ///
    /// It is what a server needs that trusts whoever reaches it, such as one on loopback or in a
    /// private network. A page can have the name of its own site lead there (DNS rebinding); its
    /// requests then have that name in `Host` and in `Origin` alike, so that the check of the
    /// origin finds nothing wrong.
    ///
    /// # Errors
    /// [`HostError`] if one of them could match no request.
    ///
    /// ```
    /// use socket_flow::Acceptor;
    ///
    /// let acceptor = Acceptor::new().hosts(["chat.example.com", "chat.internal:9001"])?;
    /// # let _ = acceptor;
    /// # Ok::<_, socket_flow::handshake::host::HostError>(())
    /// ```
    pub fn hosts<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Result<Self, HostError> {
        let policy = HostPolicy::allow_list(hosts)?;
        Ok(self.choosing(|choices| choices.hosts(policy)))
    }

    /// Answers only requests for `localhost`, for a name below it, and for IP addresses, as
    /// [`hosts`](Self::hosts) does for names: none of these can be made to lead here by somebody
    /// else. For a server that browsers on this machine, or in this network, reach without a name.
    #[must_use]
    pub fn hosts_local(self) -> Self {
        self.choosing(|choices| choices.hosts(HostPolicy::Local))
    }

    /// Sets limits and timeouts of the open connections. An [`Arc`] is shared, not copied.
    #[must_use]
    pub fn config(self, config: impl Into<Arc<Config>>) -> Self {
        self.with(|settings| {
            settings.config = config.into();
            #[cfg(feature = "deflate")]
            {
                let config = Arc::clone(&settings.config);
                settings.config = deflate::configured(config, settings.deflate.as_ref());
            }
        })
    }

    /// Agrees to permessage-deflate (RFC 7692) where a client offers it, and sets how to compress,
    /// in place of what the configuration says. What was agreed on is in
    /// [`WebSocket::negotiated`]. Default: no offer is accepted.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(self, deflate: Deflate) -> Self {
        let offered = self.choosing(|choices| choices.deflate(deflate.params()));
        offered.with(|settings| {
            let config = Arc::clone(&settings.config);
            settings.config = deflate::configured(config, Some(&deflate));
            settings.deflate = Some(deflate);
        })
    }

    /// Sets how large the head of a request may be; one over it is refused with 431 or 414.
    /// Default: 16 KiB, 100 header lines, 8 KiB a line.
    #[must_use]
    pub fn head_limits(self, limits: HeadLimits) -> Self {
        self.with(|settings| settings.head_limits = limits)
    }

    /// Sets how long the handshake may take, from [`read`](Self::read) until the 101 is written,
    /// the application's own decision included. Default: 10 s; [`NEVER`](crate::NEVER) lifts it.
    #[must_use]
    pub fn handshake_timeout(self, timeout: Duration) -> Self {
        self.with(|settings| settings.handshake_timeout = timeout)
    }

    /// Sets how long a client may take no byte of an answer in plain HTTP, a refusal or a page.
    /// Default: 30 s, in which the [rate](Self::answer_rate) decides; [`NEVER`](crate::NEVER) lifts
    /// it, and with zero an answer ends that cannot be written at once. A byte is taken when the
    /// stream takes it: a socket may take a megabyte, and the next byte only when a third of that is
    /// read. A [`Server`](crate::Server) has its sockets tell sooner, and a default of 5 s. TLS takes
    /// up to 4 KiB and then tells only that all of it was passed on: through TLS the time is for that
    /// much.
    #[must_use]
    pub fn answer_stall(self, timeout: Duration) -> Self {
        self.with(|settings| settings.pace.stall = timeout)
    }

    /// Sets the least a client must take of an answer in plain HTTP, in bytes a second, on average
    /// over any 30 s. Default: 1,024; 0 lifts it. Any other value is kept to, so one that no
    /// network reaches ends every answer that takes longer than 30 s.
    #[must_use]
    pub fn answer_rate(self, bytes_per_second: u32) -> Self {
        self.with(|settings| settings.pace.rate = bytes_per_second)
    }

    /// Reads a request and accepts it.
    ///
    /// # Errors
    /// As [`read`](Self::read) and [`Pending::accept`].
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream with it, which closes it.
    pub async fn accept<S>(&self, stream: S) -> Result<WebSocket<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Apart::new(async {
            match self.judge(stream).await? {
                Judged::Valid(pending) => Ok(pending.open().await?.ws),
                Judged::Invalid(refused) => Err(refused.answer().await),
            }
        })
        .await
    }

    /// Reads a request and leaves the decision about it to the caller.
    ///
    /// Only a request that could be accepted is returned. Any other is answered here, with the
    /// status it deserves: the answer is flushed, however long that takes a client that keeps to
    /// [`answer_stall`](Self::answer_stall) and [`answer_rate`](Self::answer_rate), and the stream
    /// half-closed; what still arrives is thrown away, for as long as the client sends and for 5 s at most, until 1 s of silence,
    /// because closing at once could destroy the answer on its way. Nothing behind such a request
    /// is read as another one.
    ///
    /// # Errors
    /// [`AcceptError::Rejected`] for a request that was refused that way, with the reason;
    /// the other variants where there was nothing, or nobody, to answer.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream with it, which closes it.
    pub async fn read<S>(&self, stream: S) -> Result<Pending<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Apart::new(async {
            match self.judge(stream).await? {
                Judged::Valid(pending) => Ok(*pending),
                Judged::Invalid(refused) => Err(refused.answer().await),
            }
        })
        .await
    }

    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }

    fn choosing(self, change: impl FnOnce(Choices) -> Choices) -> Self {
        self.with(|settings| {
            let choices = std::mem::take(&mut settings.choices);
            settings.choices = change(choices);
        })
    }

    /// Reads a request and answers none.
    pub(crate) async fn judge<S>(&self, stream: S) -> Result<Judged<S>, AcceptError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let settings = &*self.settings;
        let deadline = Deadline::after(settings.handshake_timeout);
        let mut client = Client {
            stream,
            buf: BytesMut::new(),
            memory: settings.config.memory().map(HeadMemory::new),
            pace: settings.pace,
        };
        let reading = client.read_request(settings.head_limits);
        let Some(read) = deadline.run(pin!(reading)).await else {
            return Err(AcceptError::Timeout);
        };
        let (request, rejection) = match read {
            Ok(request) => match server::decide(&request, &settings.choices) {
                Ok(acceptance) => {
                    return Ok(Judged::Valid(Box::new(Pending {
                        client,
                        request,
                        acceptance,
                        config: Arc::clone(&settings.config),
                        deadline,
                        verdict: Verdict::Accept,
                    })));
                }
                Err(rejection) => (Some(request), rejection),
            },
            Err(RequestFailure::Memory) => {
                // The answer is waited for, and what was read says nothing.
                client.buf = BytesMut::new();
                if let Some(memory) = &mut client.memory {
                    memory.settle(0, 0);
                }
                (None, Rejection::from(RejectReason::Memory))
            }
            Err(RequestFailure::Read(ReadHeadError::Head(error))) => (None, Rejection::from(error)),
            Err(RequestFailure::Read(ReadHeadError::Eof)) => {
                return Err(AcceptError::UnexpectedEof);
            }
            Err(RequestFailure::Read(ReadHeadError::Io(error))) => {
                let error = AcceptError::from(error);
                // An alert says why, and is to arrive as a refusal is.
                #[cfg(feature = "rustls")]
                if matches!(error, AcceptError::Tls(_)) {
                    linger(client.stream, Deadline::after(LINGER)).await;
                }
                return Err(error);
            }
        };
        Ok(Judged::Invalid(Box::new(Refused::new(
            client, request, rejection,
        ))))
    }
}

/// What a request is worth.
pub(crate) enum Judged<S> {
    Valid(Box<Pending<S>>),
    Invalid(Box<Refused<S>>),
}

impl Default for Acceptor {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, feature = "rustls"))]
mod second_opinion;
