use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, ORIGIN};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::client::{self, Offer};
use socket_flow_handshake::head::{HeadLimits, ResponseDecoder, encode_request};
use socket_flow_handshake::key::Key;
use socket_flow_handshake::target::{Target, TargetError};
#[cfg(feature = "deflate")]
use socket_flow_protocol::Deflate;
use socket_flow_protocol::{Config, Role};
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::HANDSHAKE_TIMEOUT;
use crate::client::body::read_body;
use crate::client::dial::dial;
use crate::client::error::{ConnectError, ConnectStage};
#[cfg(feature = "rustls")]
use crate::client::secure::Secure;
use crate::deadline::Deadline;
#[cfg(feature = "deflate")]
use crate::deflate;
use crate::head_io::{left_over, read_head, write_head};
use crate::header_names::HeaderNames;
use crate::invalid_header::InvalidHeader;
use crate::negotiated::negotiated;
use crate::stream::{Carrier, ClientStream};

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
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ClientConfig>>,
}

impl ClientBuilder {
    /// Takes the URL to connect to, `ws://` or `wss://`. An invalid one is reported by
    /// [`connect`](Self::connect).
    pub fn new(url: impl AsRef<str>) -> Self {
        Self {
            target: Target::parse(url.as_ref()),
            headers: HeaderMap::new(),
            invalid_header: None,
            subprotocols: Vec::new(),
            config: Arc::default(),
            #[cfg(feature = "deflate")]
            deflate: None,
            head_limits: HeadLimits::default(),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            #[cfg(feature = "rustls")]
            tls: None,
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

    /// Sets how large the head of the server's answer may be. Default: 16 KiB, 100 header lines,
    /// 8 KiB a line.
    pub fn head_limits(mut self, limits: HeadLimits) -> Self {
        self.head_limits = limits;
        self
    }

    /// Sets how long everything may take together: the name's resolution, TCP, and the handshake
    /// up to the server's whole answer. Default: 10 s; [`NEVER`](crate::NEVER) lifts it.
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how `wss://` is encrypted: [`ClientTls`](crate::tls::ClientTls) makes common
    /// configurations, rustls any. Default: TLS 1.2 and 1.3, whom the platform trusts.
    #[cfg(feature = "rustls")]
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Opens a TCP connection, with `TCP_NODELAY` set, encrypts it for `wss://`, and shakes
    /// hands on it.
    ///
    /// The addresses of the host are tried in turn, each for its share of the time left.
    ///
    /// # Errors
    /// [`ConnectError`], one variant per cause; [`ConnectError::TlsUnavailable`] for `wss://`,
    /// before anything is sent, in a build without the feature `rustls`.
    ///
    /// # Cancel safety
    /// Dropping the future closes the socket; nothing goes on in the background.
    pub async fn connect(self) -> Result<(WebSocket<ClientStream>, Response<()>), ConnectError> {
        let deadline = Deadline::after(self.handshake_timeout);
        #[cfg(feature = "rustls")]
        let tls = self.tls.clone();
        let attempt = self.prepare()?;
        #[cfg(feature = "rustls")]
        let secure =
            Secure::for_target(&attempt.target, tls.as_ref()).map_err(ConnectError::Tls)?;
        #[cfg(not(feature = "rustls"))]
        if attempt.target.is_secure() {
            return Err(ConnectError::TlsUnavailable);
        }
        let tcp = dial(attempt.target.host(), attempt.target.port(), deadline).await?;
        let carrier = Carrier::Tcp(tcp);
        #[cfg(feature = "rustls")]
        let stream = match secure {
            Some(secure) => ClientStream::encrypted(secure.connect(carrier, deadline).await?),
            None => ClientStream::plain(carrier),
        };
        #[cfg(not(feature = "rustls"))]
        let stream = ClientStream::plain(carrier);
        let (ws, response) = attempt.open(stream, deadline).await?;
        if let Ok(peer) = ws.get_ref().peer_addr() {
            ws.span().record("peer", tracing::field::display(peer));
        }
        Ok((ws, response))
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
        self.prepare()?.open(stream, deadline).await
    }

    /// Reports every mistake of the caller's before a socket is opened.
    fn prepare(self) -> Result<Attempt, ConnectError> {
        let target = self.target.map_err(ConnectError::Target)?;
        if let Some(error) = self.invalid_header {
            return Err(ConnectError::InvalidHeader(error));
        }
        let mut headers = self.headers;
        if !headers.contains_key(AUTHORIZATION) {
            if let Some(value) = target.basic_authorization() {
                InvalidHeader::append(&mut headers, AUTHORIZATION, value)
                    .map_err(ConnectError::InvalidHeader)?;
            }
        }
        let offer = Offer::default()
            .headers(headers)
            .subprotocols(self.subprotocols);
        #[cfg(feature = "deflate")]
        let offer = match &self.deflate {
            Some(settings) => offer.deflate(deflate::offer(settings)),
            None => offer,
        };
        let config = self.config;
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
            target,
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
            .field("headers", &HeaderNames(&self.headers))
            .field("subprotocols", &self.subprotocols)
            .field("config", &self.config)
            .field("head_limits", &self.head_limits)
            .field("handshake_timeout", &self.handshake_timeout)
            .finish_non_exhaustive()
    }
}

/// A request ready to be sent, and what its answer is judged by.
struct Attempt {
    target: Target,
    request: Bytes,
    offer: Offer,
    key: Key,
    config: Arc<Config>,
    head_limits: HeadLimits,
}

impl Attempt {
    async fn open<S>(
        self,
        mut stream: S,
        deadline: Deadline,
    ) -> Result<(WebSocket<S>, Response<()>), ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut buf = BytesMut::new();
        let response = deadline
            .run(self.exchange(&mut stream, &mut buf))
            .await
            .unwrap_or(Err(ConnectError::Timeout(ConnectStage::Handshake)))?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            tracing::debug!(
                status = response.status().as_u16(),
                "opening handshake rejected"
            );
            let rejected = read_body(&mut stream, response, buf, deadline).await;
            return Err(ConnectError::Rejected(Box::new(rejected)));
        }
        let agreed = client::verify(&response, &self.offer, &self.key).map_err(|error| {
            tracing::debug!(%error, "opening handshake failed");
            ConnectError::Verify(error)
        })?;
        tracing::debug!(
            subprotocol = agreed.subprotocol.as_deref(),
            "opening handshake complete"
        );
        let negotiated = negotiated(agreed);
        // RFC 6455 §4.1 lets the server send frames behind its 101 at once.
        let ws = WebSocket::from_parts(
            stream,
            left_over(buf),
            Role::Client,
            negotiated,
            self.config,
        );
        Ok((ws, response))
    }

    async fn exchange<S>(
        &self,
        stream: &mut S,
        buf: &mut BytesMut,
    ) -> Result<Response<()>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // A server may refuse before it has read the request: its answer says more than our
        // failure to write.
        let written = write_head(stream, &self.request).await;
        let mut decoder = ResponseDecoder::new(self.head_limits);
        match (
            read_head(stream, buf, |bytes| decoder.decode(bytes)).await,
            written,
        ) {
            (Ok(response), _) => Ok(response),
            (Err(read), Err(written)) => Err(match ConnectError::from(read) {
                // Why the server does not want us, and its end made writing fail.
                #[cfg(feature = "rustls")]
                alert @ ConnectError::Tls(_) => alert,
                _ => written.into(),
            }),
            (Err(error), Ok(())) => Err(error.into()),
        }
    }
}
