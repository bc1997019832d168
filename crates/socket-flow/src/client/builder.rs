use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::head::{HeadLimits, encode_request};
use socket_flow_handshake::header::HeaderNames;
use socket_flow_handshake::key::Key;
use socket_flow_handshake::target::{Target, TargetError};
use socket_flow_protocol::Config;
#[cfg(feature = "deflate")]
use socket_flow_protocol::Deflate;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::HANDSHAKE_TIMEOUT;
use crate::apart::Apart;
use crate::client::attempt::Attempt;
use crate::client::error::ConnectError;
use crate::client::proxy::{Environment, Proxy};
use crate::client::redirect::{RedirectError, location, strip_credentials};
use crate::client::transport::{ProxyChoice, Transport};
use crate::deadline::Deadline;
#[cfg(feature = "deflate")]
use crate::deflate;
use crate::invalid_header::InvalidHeader;
use crate::stream::ClientStream;

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
    target: Result<Target, TargetError>,
    headers: HeaderMap,
    /// The first header that was none.
    invalid_header: Option<InvalidHeader>,
    subprotocols: Vec<String>,
    config: Arc<Config>,
    #[cfg(feature = "deflate")]
    deflate: Option<Deflate>,
    head_limits: HeadLimits,
    handshake_timeout: Duration,
    redirects: usize,
    transport: Transport,
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
            transport: Transport::default(),
        }
    }

    /// Adds a header to the request; the same name may be added again.
    ///
    /// What is no header, and what the handshake writes itself (`Host`, `Connection`, `Upgrade`,
    /// `Sec-WebSocket-*` and the headers of a body), is reported by [`connect`](Self::connect).
    /// An `Authorization` takes the place of the URL's userinfo.
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
    /// names: `*`, names with all below them, addresses and networks (`10.0.0.0/8`), each with a
    /// `:port` if need be. A proxy without a scheme is `http://`. An invalid one is reported by
    /// [`connect`](Self::connect), and not gone around.
    pub fn proxy_from_env(mut self) -> Self {
        self.transport.proxy = ProxyChoice::Environment(Box::new(Environment::read()));
        self
    }

    /// Sets how many redirects (301, 302, 303, 307, 308) are followed. Default: 0, where each is
    /// a [`ConnectError::Rejected`] like any other refusal.
    ///
    /// `http://` and `https://` stand for `ws://` and `wss://`. None leads from `wss://` to
    /// `ws://`, and to another origin no `Authorization`, `Cookie` or `Proxy-Authorization` is
    /// taken along, nor the URL's user and password; headers of other names are.
    pub fn redirects(mut self, limit: usize) -> Self {
        self.redirects = limit;
        self
    }

    /// Sets how `wss://` is encrypted: [`ClientTls`](crate::tls::ClientTls) makes common
    /// configurations, rustls any. Default: TLS 1.2 and 1.3, whom the platform trusts.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.transport.tls = Some(config.into());
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

    async fn dial(self) -> Result<(WebSocket<ClientStream>, Response<()>), ConnectError> {
        let deadline = Deadline::after(self.handshake_timeout);
        let (mut target, mut headers) = self.request()?;
        let mut transport = self.transport.clone();
        let mut redirects = 0;
        loop {
            let attempt = self.attempt(&target, &headers)?;
            let mut stream = transport.open(&target, self.head_limits, deadline).await?;
            let answer = attempt.ask(&mut stream, deadline).await?;
            // The head says where it leads (RFC 9110 §15.4): its body is not waited for.
            let next = match self.redirects {
                0 => None,
                _ => location(&target, &answer.response).map_err(ConnectError::Redirect)?,
            };
            let Some(next) = next else {
                let (ws, response) = attempt.conclude(stream, answer, deadline).await?;
                if let Ok(peer) = ws.get_ref().peer_addr() {
                    ws.span().record("peer", tracing::field::display(peer));
                }
                return Ok((ws, response));
            };
            if redirects >= self.redirects {
                return Err(ConnectError::Redirect(RedirectError::TooMany));
            }
            redirects += 1;
            tracing::debug!(
                status = answer.response.status().as_u16(),
                "redirect followed"
            );
            if !target.is_same_origin(&next) {
                strip_credentials(&mut headers);
                transport.addresses = None;
            }
            target = next;
        }
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
        let (target, headers) = self.request()?;
        let attempt = self.attempt(&target, &headers)?;
        Apart::new(async {
            let mut stream = stream;
            let answer = attempt.ask(&mut stream, deadline).await?;
            attempt.conclude(stream, answer, deadline).await
        })
        .await
    }

    /// What to ask for, and with which headers: every mistake of the caller's is reported before
    /// a socket is opened.
    fn request(&self) -> Result<(Target, HeaderMap), ConnectError> {
        let target = self.target.clone().map_err(ConnectError::Target)?;
        if let Some(error) = self.invalid_header {
            return Err(ConnectError::InvalidHeader(error));
        }
        let mut headers = self.headers.clone();
        if !headers.contains_key(AUTHORIZATION) {
            if let Some(value) = target.basic_authorization() {
                InvalidHeader::append(&mut headers, AUTHORIZATION, value)
                    .map_err(ConnectError::InvalidHeader)?;
            }
        }
        Ok((target, headers))
    }

    fn attempt(&self, target: &Target, headers: &HeaderMap) -> Result<Attempt, ConnectError> {
        let offer = Offer::default()
            .headers(headers.clone())
            .subprotocols(self.subprotocols.clone());
        #[cfg(feature = "deflate")]
        let offer = match &self.deflate {
            Some(settings) => offer.deflate(deflate::offer(settings)),
            None => offer,
        };
        let config = Arc::clone(&self.config);
        #[cfg(feature = "deflate")]
        let config = deflate::configured(config, self.deflate.as_ref());
        // RFC 6455 §4.1, item 7: unpredictable, so that no cache can have the answer ready.
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce)
            .map_err(|error| ConnectError::Random(io::Error::other(error.to_string())))?;
        let key = Key::new(nonce);
        let request =
            client::request(&target.uri(), &offer, &key).map_err(ConnectError::Request)?;
        Ok(Attempt {
            request: encode_request(&request),
            offer,
            key,
            config,
            head_limits: self.head_limits,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    /// Shows no header value, no userinfo and no query: any of them may be a credential.
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
