use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::ORIGIN;
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::header::HeaderNames;
use socket_flow_handshake::target::{Target, TargetError};
use socket_flow_protocol::Config;
#[cfg(feature = "deflate")]
use socket_flow_protocol::Deflate;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::HANDSHAKE_TIMEOUT;
use crate::apart::Apart;
use crate::client::error::ConnectError;
use crate::client::proxy::{Environment, Proxy};
use crate::client::transport::{ProxyChoice, Transport};
use crate::deadline::Deadline;
use crate::invalid_header::InvalidHeader;
use crate::stream::ClientStream;
#[cfg(feature = "rustls")]
use crate::tls::alpn;

/// A connection about to be made, with everything that can be asked for.
///
/// ```no_run
/// # async fn dial() -> Result<(), socket_flow::ConnectError> {
/// use socket_flow::{ClientBuilder, Config};
///
/// let (ws, response) = ClientBuilder::new("ws://example.com/chat")
///     .header("cookie", "session=1")
///     .subprotocols(["chat.v2", "chat.v1"])
///     .config(Config::default().max_message(1 << 20))
///     .connect()
///     .await?;
/// println!("{:?} {:?}", ws.negotiated().subprotocol(), response.headers().get("server"));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "nothing happens before `connect` is called"]
pub struct ClientBuilder {
    pub(super) target: Result<Target, TargetError>,
    pub(super) headers: HeaderMap,
    /// The first header that was none.
    pub(super) invalid_header: Option<InvalidHeader>,
    pub(super) subprotocols: Vec<String>,
    pub(super) config: Arc<Config>,
    #[cfg(feature = "deflate")]
    pub(super) deflate: Option<Deflate>,
    pub(super) head_limits: HeadLimits,
    pub(super) handshake_timeout: Duration,
    pub(super) redirects: usize,
    /// The headers that go along to another origin.
    pub(super) kept: Vec<HeaderName>,
    pub(super) transport: Transport,
}

impl ClientBuilder {
    /// Takes the URL to connect to, `ws://` or `wss://`, by the rule of [`Target::parse`], as those
    /// of redirects and proxies are taken: what a path or a query cannot hold is percent-encoded.
    /// An invalid one is reported by [`connect`](Self::connect).
    pub fn new(url: impl AsRef<str>) -> Self {
        Self {
            target: Target::parse(url.as_ref()),
            headers: HeaderMap::new(),
            invalid_header: None,
            subprotocols: Vec::new(),
            config: Arc::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
            head_limits: HeadLimits::response(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            redirects: 0,
            kept: Vec::new(),
            transport: Transport::default(),
        }
    }

    /// Adds a header to the request; the same name may be added again.
    ///
    /// What is no header, and what the handshake writes itself (`Host`, `Connection`, `Upgrade`,
    /// `Sec-WebSocket-*` and the headers of a body), is reported by [`connect`](Self::connect).
    /// An `Authorization` takes the place of the URL's userinfo, a `User-Agent` that of the default,
    /// `socket-flow/` and its version.
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let added = InvalidHeader::append(&mut self.headers, name, value);
        self.invalid_header = self.invalid_header.or(added.err());
        self
    }

    /// Adds headers to the request, as [`header`](Self::header) does one.
    pub fn headers<I, N, V>(self, headers: I) -> Self
    where
        I: IntoIterator<Item = (N, V)>,
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        headers
            .into_iter()
            .fold(self, |builder, (name, value)| builder.header(name, value))
    }

    /// Sets `Origin`, which browsers send and servers may ask for. Default: none is sent.
    pub fn origin<V>(mut self, origin: V) -> Self
    where
        V: TryInto<HeaderValue>,
    {
        self.headers.remove(ORIGIN);
        self.header(ORIGIN, origin)
    }

    /// Sets the subprotocols to offer, the preferred one first (RFC 6455 §1.9). What the server
    /// picked is in [`WebSocket::negotiated`]; one that was not offered fails the connection, none
    /// at all does not. Default: none.
    pub fn subprotocols<I>(mut self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets limits and timeouts of the open connection. An [`Arc`] is shared, not copied.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        self.config = config.into();
        self
    }

    /// Offers permessage-deflate (RFC 7692) and sets how to compress, in place of what the
    /// configuration says. Whether the server agreed, and on what, is in
    /// [`WebSocket::negotiated`]. Default: it is not offered.
    ///
    /// ```no_run
    /// # async fn dial() -> Result<(), socket_flow::ConnectError> {
    /// use socket_flow::{ClientBuilder, Deflate};
    ///
    /// let (ws, _response) = ClientBuilder::new("ws://example.com/")
    ///     .deflate(Deflate::balanced())
    ///     .connect()
    ///     .await?;
    /// println!("{:?}", ws.negotiated().deflate());
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "deflate")]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = Some(deflate);
        self
    }

    /// Sets how large the head of an answer may be, the server's and a proxy's. Default:
    /// [`HeadLimits::response`]: 64 KiB, 256 header lines, 16 KiB a line. Interim answers before it
    /// have the same limits, each by itself, and are dropped as they come.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Sets how long everything may take together: the name's resolution, TCP, the proxy, TLS, and
    /// the handshake up to the server's whole answer, with all redirects. Default: 10 s;
    /// [`NEVER`](crate::NEVER) lifts it.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how long it may take to get to the server: the name's resolution, TCP, and the
    /// proxy's consent. Default: what [`handshake_timeout`](Self::handshake_timeout) leaves.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.transport.connect_timeout = timeout;
        self
    }

    /// Sets how long the TLS handshake with the server may take. Default: what
    /// [`handshake_timeout`](Self::handshake_timeout) leaves.
    #[cfg(feature = "rustls")]
    pub fn tls_timeout(mut self, timeout: Duration) -> Self {
        self.transport.tls_timeout = timeout;
        self
    }

    /// Sets the addresses of the server, in place of asking the resolver for the URL's host. They
    /// are tried as the resolver's would be. A proxy, and a redirect to another host, know
    /// nothing of them.
    ///
    /// ```no_run
    /// # async fn dial() -> Result<(), Box<dyn std::error::Error>> {
    /// let (ws, _response) = socket_flow::ClientBuilder::new("wss://example.com/")
    ///     .addresses(["[2001:db8::7]:443".parse()?, "192.0.2.7:443".parse()?])
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.transport.addresses = Some(addresses.into_iter().collect());
        self
    }

    /// Connects through a proxy, whatever the server. Default: directly.
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.transport.proxy = ProxyChoice::Given(Box::new(proxy));
        self
    }

    /// Connects through the proxy that the environment names, which is read now.
    ///
    /// For `wss://` that is `HTTPS_PROXY`, for `ws://` `HTTP_PROXY` (which is not believed where
    /// `REQUEST_METHOD` is set, as in a CGI program), then `ALL_PROXY` for either; each in lower
    /// case first. The loopback is always connected to directly, and so is what `NO_PROXY`
    /// names: `*`, names with all below them, `*.corp.example` for those below alone, addresses and
    /// networks (`10.0.0.0/8`), each with a `:port` if need be; what cannot be read is logged as a
    /// warning. A proxy without a scheme is `http://`. An invalid one is reported by
    /// [`connect`](Self::connect), and not gone around.
    pub fn proxy_from_env(mut self) -> Self {
        self.transport.proxy = ProxyChoice::Environment(Box::new(Environment::read()));
        self
    }

    /// Sets how many redirects (301, 302, 303, 307, 308) are followed. Default: 0, where each is
    /// a [`ConnectError::Rejected`] like any other refusal.
    ///
    /// `http://` and `https://` stand for `ws://` and `wss://`. None leads from `wss://` to
    /// `ws://`. To another origin (scheme, host, port) goes what every server may see, `User-Agent`
    /// and compression: no other header that was added here, no subprotocol, which may be a token,
    /// and not the URL's user and password. They do not come back where a further redirect leads
    /// back. [`keep_on_redirect`](Self::keep_on_redirect) makes exceptions. A client certificate
    /// ([`tls`](Self::tls)) is shown to whichever server asks for it.
    pub fn redirects(mut self, limit: usize) -> Self {
        self.redirects = limit;
        self
    }

    /// Sets which headers go along when a [redirect](Self::redirects) leads to another origin, by
    /// their names: an `Authorization` that was added here, too. `Sec-WebSocket-Protocol` stands for
    /// the subprotocols. Default: none. A name that is none is reported by
    /// [`connect`](Self::connect).
    ///
    /// ```
    /// let client = socket_flow::ClientBuilder::new("ws://example.com/")
    ///     .header("x-api-key", "secret")
    ///     .subprotocols(["chat"])
    ///     .redirects(3)
    ///     .keep_on_redirect(["x-api-key", "sec-websocket-protocol"]);
    /// # drop(client);
    /// ```
    pub fn keep_on_redirect<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: TryInto<HeaderName>,
    {
        self.kept.clear();
        for name in names {
            match name.try_into() {
                Ok(name) => self.kept.push(name),
                Err(_) => self.invalid_header = self.invalid_header.or(Some(InvalidHeader::Name)),
            }
        }
        self
    }

    /// Sets how `wss://` is encrypted: [`ClientTls`](crate::tls::ClientTls) makes common
    /// configurations, rustls any. Default: TLS 1.2 and 1.3, whom the platform trusts.
    ///
    /// A configuration that is shared with an HTTP client may offer `h2` by ALPN. A WebSocket is
    /// opened by HTTP/1.1, so `h2` is left out here, and `http/1.1` offered where nothing is left: a
    /// server that speaks both then speaks the right one, in place of an error that names `h2`.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.transport.tls = Some(alpn::for_client(config.into()));
        self
    }

    /// Opens a TCP connection with `TCP_NODELAY` set, through the proxy if there is one, encrypts
    /// it for `wss://`, and shakes hands on it.
    ///
    /// The addresses of the host are tried as RFC 8305 ("Happy Eyeballs") says: the families
    /// alternate, the next address is tried when one failed or has been silent for 250 ms, and
    /// the first to answer wins.
    ///
    /// # Errors
    /// [`ConnectError`], one variant per cause; [`ConnectError::TlsUnavailable`] for `wss://`,
    /// before anything is sent, in a build without the feature `rustls`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket; nothing goes on in the background.
    pub async fn connect(self) -> Result<(WebSocket<ClientStream>, Response<()>), ConnectError> {
        Apart::new(self.dial()).await
    }

    /// Shakes hands on a stream of the caller's: a Unix socket, a proxy's tunnel, a TLS stream of
    /// another library, an in-memory pipe.
    ///
    /// The URL then only fills the request. `wss://` is welcome here: it says that the stream
    /// *is* encrypted, which this method cannot know.
    ///
    /// # Errors
    /// [`ConnectError`], one variant per cause. The stream is dropped, which should close it.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream with it.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use socket_flow::ClientBuilder;
    ///
    /// let (near, far) = tokio::io::duplex(1024);
    /// let (client, server) = tokio::join!(
    ///     ClientBuilder::new("ws://pipe/").connect_on(near),
    ///     socket_flow::accept(far),
    /// );
    /// let ((mut client, _response), mut server) = (client?, server?);
    /// client.send("hello").await?;
    /// assert_eq!(server.recv().await?.ok_or("closed")?.as_text(), Some("hello"));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn connect_on<S>(
        self,
        stream: S,
    ) -> Result<(WebSocket<S>, Response<()>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let deadline = Deadline::after(self.handshake_timeout);
        let attempt = self.attempt(&self.first_request()?)?;
        Apart::new(async {
            let mut stream = stream;
            let answer = attempt.ask(&mut stream, deadline).await?;
            attempt.conclude(stream, answer, deadline).await
        })
        .await
    }

    /// How long a connection may take no byte.
    pub(super) fn stall(&self) -> Duration {
        self.config.timeouts().stall
    }
}

impl fmt::Debug for ClientBuilder {
    /// Shows no header value, no subprotocol, no userinfo and no query: any of them may be a
    /// credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("authority", &self.target.as_ref().map(Target::authority))
            .field("headers", &HeaderNames::new(&self.headers))
            .field("subprotocols", &self.subprotocols.len())
            .field("config", &self.config)
            .field("head_limits", &self.head_limits)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}
