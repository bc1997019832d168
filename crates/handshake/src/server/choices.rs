use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use socket_flow_frames::DeflateParams;

use crate::header::HeaderNames;
use crate::host::HostPolicy;
use crate::origin::OriginPolicy;

/// What a server accepts. Default: any subprotocol offer is answered with none, browsers may
/// connect from the server's own origin only, no extension is accepted, and no header is added.
///
/// ```
/// use socket_flow_handshake::origin::OriginPolicy;
/// use socket_flow_handshake::server::Choices;
///
/// let choices = Choices::default()
///     .subprotocols(["chat.v2", "chat.v1"])
///     .origin(OriginPolicy::allow_list(["https://example.com"])?);
/// # let _ = choices;
/// # Ok::<_, socket_flow_handshake::origin::OriginError>(())
/// ```
#[derive(Clone, Default)]
pub struct Choices {
    pub(super) subprotocols: Vec<String>,
    pub(super) require_subprotocol: bool,
    pub(super) origin: OriginPolicy,
    pub(super) hosts: HostPolicy,
    pub(super) deflate: Option<DeflateParams>,
    pub(super) headers: HeaderMap,
}

impl Choices {
    /// Sets the subprotocols the server speaks, the preferred one first. The first that the
    /// client offers is picked, in exact case; without any in common the connection opens
    /// without one. A name that is not a token can match nothing.
    #[must_use]
    pub fn subprotocols<I>(mut self, subprotocols: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// Whether a request with no subprotocol in common is rejected with 400. Default: no.
    #[must_use]
    pub fn require_subprotocol(mut self, require: bool) -> Self {
        self.require_subprotocol = require;
        self
    }

    /// Sets the origins a browser may connect from. Default: [`OriginPolicy::SameOrigin`].
    #[must_use]
    pub fn origin(mut self, policy: OriginPolicy) -> Self {
        self.origin = policy;
        self
    }

    /// Sets the hosts the server answers for. A request for another one, whatever else it asks for,
    /// is rejected with 421. Default: [`HostPolicy::Any`].
    #[must_use]
    pub fn hosts(mut self, policy: HostPolicy) -> Self {
        self.hosts = policy;
        self
    }

    /// Accepts permessage-deflate from a client that offers it, and asks for these parameters.
    /// Default: it is declined.
    ///
    /// With the default of the parameters the server does whatever the client asks for, and nothing
    /// beyond. A client may ask for less than stands here: for a smaller window, or to do without
    /// context takeover. Whether the client takes its context over is for the server to say, also
    /// unasked (RFC 7692 §7.1.1.2). A client that does not offer `client_max_window_bits` cannot be
    /// limited (RFC 7692 §7.1.2.2): with it 15 is agreed on, whatever stands here. A window that
    /// lies outside of 8 to 15 bits counts as the nearest.
    ///
    /// ```
    /// use socket_flow_handshake::DeflateParams;
    /// use socket_flow_handshake::server::Choices;
    ///
    /// let small = Choices::default().deflate(DeflateParams {
    ///     server_no_context_takeover: true,
    ///     client_no_context_takeover: true,
    ///     server_max_window_bits: 11,
    ///     client_max_window_bits: 11,
    /// });
    /// # let _ = small;
    /// ```
    #[must_use]
    pub fn deflate(mut self, params: DeflateParams) -> Self {
        self.deflate = Some(params.clamped());
        self
    }

    /// Adds a header to the 101; the same name may be added again.
    ///
    /// The headers of the handshake itself (`Connection`, `Upgrade`, `Sec-WebSocket-*`) and those
    /// of a body cannot be set: with one of them every request is rejected with 500.
    ///
    /// # Panics
    /// As [`HeaderMap::append`], beyond 24,576 different names.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }
}

impl fmt::Debug for Choices {
    /// Shows no header value: any of them may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Choices")
            .field("subprotocols", &self.subprotocols.len())
            .field("require_subprotocol", &self.require_subprotocol)
            .field("origin", &self.origin)
            .field("hosts", &self.hosts)
            .field("deflate", &self.deflate)
            .field("headers", &HeaderNames::new(&self.headers))
            .finish()
    }
}
