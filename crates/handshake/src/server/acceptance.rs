use std::fmt;

use http::header::{
    CONNECTION, CONTENT_LENGTH, HeaderName, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use socket_flow_frames::Negotiated;

use crate::deflate::Answer;
use crate::header::HeaderNames;
use crate::key::Key;
use crate::server::{RejectReason, Rejection};
use crate::{extension, subprotocol};

/// A request that was judged and opens a connection, before it is answered. The other outcome is a
/// [`Rejection`].
///
/// It is what [`decide`](crate::server::decide) decided. Another subprotocol, or one more header,
/// changes that and judges nothing again. The request itself is not kept.
///
/// ```
/// use http::{HeaderValue, Request};
/// use socket_flow_handshake::server::{self, Choices};
///
/// let request = Request::get("/chat")
///     .header("host", "example.com")
///     .header("upgrade", "websocket")
///     .header("connection", "Upgrade")
///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("sec-websocket-version", "13")
///     .header("sec-websocket-protocol", "v1, v2")
///     .body(())
///     .unwrap();
/// let acceptance = server::decide(&request, &Choices::default().subprotocols(["v2"]))?;
/// assert_eq!(acceptance.negotiated().subprotocol(), Some("v2"));
///
/// let mut acceptance = acceptance.subprotocol("v1");
/// acceptance.headers_mut().append("server", HeaderValue::from_static("chat"));
/// let (response, negotiated) = acceptance.answer()?;
/// assert_eq!(response.headers()["sec-websocket-protocol"], "v1");
/// assert_eq!(response.headers()["server"], "chat");
/// assert_eq!(negotiated.subprotocol(), Some("v1"));
/// # Ok::<_, server::Rejection>(())
/// ```
#[derive(Clone)]
pub struct Acceptance {
    pub(super) key: Key,
    pub(super) expects_continue: bool,
    /// The subprotocols the client offers, as [`subprotocol::joined`] has them.
    pub(super) offered: Box<str>,
    pub(super) require_subprotocol: bool,
    pub(super) negotiated: Negotiated,
    /// The answer that what is negotiated of permessage-deflate comes from.
    pub(super) deflate: Option<Answer>,
    pub(super) headers: HeaderMap,
}

impl Acceptance {
    /// What is agreed on as it stands.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// Picks this subprotocol in place of the one that is agreed on; where the client did not
    /// offer it, in exact case, none is (RFC 6455 §4.2.2).
    #[must_use]
    pub fn subprotocol(mut self, name: &str) -> Self {
        let offered = subprotocol::is_among(&self.offered, name);
        self.negotiated = self.negotiated.with_subprotocol(offered.then_some(name));
        self
    }

    /// Whether the client has to be sent a 100 before the 101, because its request says
    /// `Expect: 100-continue` (RFC 9110 §7.8). An HTTP server in front of this does it by itself.
    pub fn expects_continue(&self) -> bool {
        self.expects_continue
    }

    /// Has permessage-deflate, where it is agreed on, compress every message on its own, in both
    /// directions, so that neither side keeps a context between messages (RFC 7692 §7.1.1).
    ///
    /// ```
    /// use http::Request;
    /// use socket_flow_handshake::DeflateParams;
    /// use socket_flow_handshake::server::{self, Choices};
    ///
    /// let request = Request::get("/chat")
    ///     .header("host", "example.com")
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "Upgrade")
    ///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("sec-websocket-version", "13")
    ///     .header("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=12")
    ///     .body(())
    ///     .unwrap();
    /// let choices = Choices::default().deflate(DeflateParams::default());
    /// let acceptance = server::decide(&request, &choices)?;
    /// let (response, agreed) = acceptance.clone().without_context_takeover().answer()?;
    /// assert_eq!(
    ///     response.headers()["sec-websocket-extensions"],
    ///     "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
    ///      server_max_window_bits=12",
    /// );
    /// assert!(agreed.deflate().unwrap().client_no_context_takeover);
    ///
    /// let (response, _) = acceptance.without_deflate().answer()?;
    /// assert!(!response.headers().contains_key("sec-websocket-extensions"));
    /// # Ok::<_, server::Rejection>(())
    /// ```
    #[must_use]
    pub fn without_context_takeover(self) -> Self {
        let reduced = self.deflate.map(Answer::without_context_takeover);
        self.answering(reduced)
    }

    /// Declines permessage-deflate.
    #[must_use]
    pub fn without_deflate(self) -> Self {
        self.answering(None)
    }

    /// The headers to add to the 101: at first those of
    /// [`Choices::header`](crate::server::Choices::header). What may stand here is said there.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Makes the 101 to send, and says what was agreed on with it.
    ///
    /// # Errors
    /// A [`Rejection`] to send in its place: with 400 where
    /// [`Choices::require_subprotocol`](crate::server::Choices::require_subprotocol) was set and
    /// none is agreed on, with 500 for a header that cannot be added.
    pub fn answer(self) -> Result<(Response<()>, Negotiated), Rejection> {
        self.check_subprotocol()?;
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.key.accept().to_header_value());
        if let Some(name) = self.negotiated.subprotocol() {
            // It equals a token of the request, so it is a valid value.
            let value =
                HeaderValue::from_str(name).map_err(|_| RejectReason::NoCommonSubprotocol)?;
            headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
        }
        if let Some(deflate) = self.deflate {
            if let Some(value) = extension::encode(&[deflate.to_extension()]) {
                headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
            }
        }
        for (name, value) in &self.headers {
            if RESERVED.contains(name) {
                return Err(RejectReason::ReservedHeader(name.clone()).into());
            }
            headers
                .try_append(name, value.clone())
                .map_err(|_| RejectReason::TooManyHeaders)?;
        }
        Ok((response, self.negotiated))
    }

    fn answering(mut self, deflate: Option<Answer>) -> Self {
        let agreed = deflate.as_ref().map(Answer::agreed);
        self.negotiated = self.negotiated.with_deflate(agreed);
        self.deflate = deflate;
        self
    }

    pub(super) fn check_subprotocol(&self) -> Result<(), RejectReason> {
        if self.require_subprotocol && self.negotiated.subprotocol().is_none() {
            return Err(RejectReason::NoCommonSubprotocol);
        }
        Ok(())
    }
}

impl fmt::Debug for Acceptance {
    /// Shows no header value: any of them may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptance")
            .field("negotiated", &self.negotiated)
            .field("headers", &HeaderNames::new(&self.headers))
            .finish_non_exhaustive()
    }
}

static RESERVED: [HeaderName; 7] = [
    UPGRADE,
    CONNECTION,
    SEC_WEBSOCKET_ACCEPT,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
];
