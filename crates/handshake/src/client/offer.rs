use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue, ORIGIN};

use crate::deflate::{self, DeflateOffer};
use crate::extension::Extension;
use crate::header::HeaderNames;

/// What a client asks for. Default: no subprotocol, no extension, no further header.
///
/// ```
/// use http::{HeaderValue, header::COOKIE};
/// use socket_flow_handshake::client::Offer;
///
/// let offer = Offer::default()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .origin(HeaderValue::from_static("https://example.com"))
///     .header(COOKIE, HeaderValue::from_static("session=1"));
/// # let _ = offer;
/// ```
#[derive(Clone, Default)]
pub struct Offer {
    pub(super) headers: HeaderMap,
    pub(super) subprotocols: Vec<String>,
    pub(super) extensions: Vec<Extension>,
    pub(super) deflate: Option<DeflateOffer>,
}

impl Offer {
    /// Adds a header to the request; the same name may be added again.
    ///
    /// The headers of the handshake itself (`Host`, `Connection`, `Upgrade`, `Sec-WebSocket-*`)
    /// and those that announce a body are refused by [`request`](super::request()).
    ///
    /// # Panics
    /// As [`HeaderMap::append`], beyond 24,576 different names.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    /// Puts these headers in place of all that were added so far.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// Sets `Origin`, which browsers send and servers may ask for.
    #[must_use]
    pub fn origin(mut self, origin: HeaderValue) -> Self {
        self.headers.insert(ORIGIN, origin);
        self
    }

    /// Sets the subprotocols, the preferred one first. Each must be a token and stand there once,
    /// which [`request`](super::request()) checks.
    #[must_use]
    pub fn subprotocols<I>(mut self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Sets the extensions, the preferred one first; a name may stand there several times, with
    /// other parameters.
    #[must_use]
    pub fn extensions(mut self, extensions: impl IntoIterator<Item = Extension>) -> Self {
        self.extensions = extensions.into_iter().collect();
        self
    }

    /// Offers permessage-deflate, behind the extensions, for it stands nearest to the wire.
    /// Default: it is not offered.
    ///
    /// The extensions must not hold it as well, which [`request`](super::request()) checks. Held
    /// there alone it is for the caller to check the answer.
    #[must_use]
    pub fn deflate(mut self, offer: DeflateOffer) -> Self {
        self.deflate = Some(offer);
        self
    }

    pub(super) fn offers_extension(&self, name: &str) -> bool {
        self.deflate.is_some() && name == deflate::NAME
            || self.extensions.iter().any(|offered| offered.name() == name)
    }
}

impl fmt::Debug for Offer {
    /// Shows no header value: any of them may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("headers", &HeaderNames::new(&self.headers))
            .field("subprotocols", &self.subprotocols.len())
            .field("extensions", &self.extensions)
            .field("deflate", &self.deflate)
            .finish()
    }
}
