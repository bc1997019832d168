mod environment;
mod error;
mod http_connect;
mod no_proxy;
mod socks;
mod tunnel;
mod url;

use std::fmt;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use http::header::PROXY_AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};
use socket_flow_handshake::target::Userinfo;
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::invalid_header::InvalidHeader;
#[cfg(feature = "rustls")]
use crate::tls::alpn;

pub use error::{ProxyError, SocksReply};
pub use url::InvalidProxyUrl;

pub(crate) use environment::Environment;
pub(crate) use tunnel::tunnel;

/// A proxy to connect through.
///
/// | URL | what it speaks | port if none is named |
/// |---|---|---|
/// | `http://` | HTTP `CONNECT` (RFC 9110 §9.3.6) | 80 |
/// | `https://` | the same inside TLS | 443 |
/// | `socks5://`, `socks5h://` | SOCKS 5 (RFC 1928) | 1080 |
///
/// Every proxy is asked for a tunnel, for `ws://` too, and resolves the server's name itself: no
/// name is looked up here. User and password in the URL are shown to it (RFC 7617, RFC 1929).
///
/// ```no_run
/// use socket_flow::{ClientBuilder, Proxy};
///
/// # async fn dial() -> Result<(), Box<dyn std::error::Error>> {
/// let (ws, _response) = ClientBuilder::new("wss://example.com/chat")
///     .proxy(Proxy::new("http://user:secret@proxy.example:3128")?)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Proxy {
    pub(crate) kind: ProxyKind,
    /// Without the brackets of an IPv6 address.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) userinfo: Option<Userinfo>,
    pub(crate) headers: HeaderMap,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ProxyKind {
    Http,
    Https,
    Socks5,
}

impl Proxy {
    /// Reads the proxy's URL.
    ///
    /// # Errors
    /// [`InvalidProxyUrl`], one variant per cause.
    pub fn new(url: impl AsRef<str>) -> Result<Self, InvalidProxyUrl> {
        url::parse(url.as_ref())
    }

    /// Adds a header to the `CONNECT` request, for instance a `Proxy-Authorization` that is not
    /// Basic, which then takes the place of the URL's user and password, or a `User-Agent` in place
    /// of the default, `socket-flow/` and its version. SOCKS has none.
    ///
    /// # Errors
    /// [`InvalidHeader`].
    pub fn header<N, V>(mut self, name: N, value: V) -> Result<Self, InvalidHeader>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        InvalidHeader::append(&mut self.headers, name, value)?;
        Ok(self)
    }

    /// Sets how an `https://` proxy is spoken to, see
    /// [`ClientBuilder::tls`](crate::ClientBuilder::tls). Default: whom the platform trusts.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<ClientConfig>>) -> Self {
        self.tls = Some(alpn::for_client(config.into()));
        self
    }

    /// The credentials for an HTTP proxy, if there are any.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        if self.headers.contains_key(PROXY_AUTHORIZATION) {
            return None;
        }
        self.userinfo
            .as_ref()
            .and_then(Userinfo::basic_authorization)
    }
}

impl fmt::Debug for Proxy {
    /// Shows no credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("kind", &self.kind)
            .field("host", &self.host)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}
