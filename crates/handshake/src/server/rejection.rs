use std::error::Error;
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use http::header::{
    ALLOW, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{Response, StatusCode};

use crate::head::{HeadError, encode_response};
use crate::header::HeaderNames;
use crate::server::RejectReason;

/// A refusal, with the response that says so.
///
/// The response always has `Connection: close`: send it, shut the write side down, and read
/// nothing more as a request. Its body is one line with the reason and repeats nothing the peer
/// sent.
///
/// ```
/// use http::Request;
/// use socket_flow_handshake::server::{self, Choices, RejectReason};
///
/// let request = Request::post("/").header("host", "a").body(()).unwrap();
/// let rejection = server::accept(&request, &Choices::default()).unwrap_err();
/// assert_eq!(rejection.status(), 405);
/// assert_eq!(*rejection.reason(), RejectReason::Method);
/// assert!(rejection.encode().starts_with(b"HTTP/1.1 405 Method Not Allowed\r\n"));
/// ```
#[derive(Clone)]
pub struct Rejection {
    reason: RejectReason,
    /// The application's, where the reason is its own.
    response: Option<Box<Response<Bytes>>>,
}

impl Rejection {
    /// A rejection with a response of the application's: a redirect, a 401 or whatever it is.
    ///
    /// `Connection: close` and `Content-Length` are set, whatever stood there, and
    /// `Transfer-Encoding` is removed.
    ///
    /// # Errors
    /// [`InvalidRejection`] for a status below 200: it would not be the final response.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http::Response;
    /// use socket_flow_handshake::server::Rejection;
    ///
    /// let response = Response::builder().status(401).body(Bytes::from_static(b"who?")).unwrap();
    /// let rejection = Rejection::with_response(response)?;
    /// assert_eq!(rejection.response().headers()["content-length"], "4");
    /// # Ok::<_, socket_flow_handshake::server::InvalidRejection>(())
    /// ```
    pub fn with_response(response: Response<Bytes>) -> Result<Self, InvalidRejection> {
        if response.status().is_informational() {
            return Err(InvalidRejection(response.status()));
        }
        Ok(Self {
            reason: RejectReason::Application(response.status()),
            response: Some(Box::new(response)),
        })
    }

    /// The status of the response.
    pub fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// Why the request is rejected.
    pub fn reason(&self) -> &RejectReason {
        &self.reason
    }

    /// The response to send, ready for any HTTP library.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = match &self.response {
            Some(response) => (**response).clone(),
            None => self.own_response(),
        };
        let empty = matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
        if empty {
            // RFC 9110 §6.4.1: bytes behind these heads would be read as another response.
            response.body_mut().clear();
        }
        let len = HeaderValue::from(response.body().len());
        let upgrade = response.headers().contains_key(UPGRADE);
        let headers = response.headers_mut();
        headers.remove(TRANSFER_ENCODING);
        headers.remove(CONTENT_LENGTH);
        if !empty {
            headers.insert(CONTENT_LENGTH, len);
        }
        // RFC 9110 §7.8: whoever sends `Upgrade` names it in `Connection`.
        let connection = if upgrade { "close, Upgrade" } else { "close" };
        headers.insert(CONNECTION, HeaderValue::from_static(connection));
        response
    }

    /// The response as bytes, head and body.
    pub fn encode(&self) -> Bytes {
        let response = self.response();
        let head = encode_response(&response);
        let mut bytes = BytesMut::with_capacity(head.len() + response.body().len());
        bytes.put(head);
        bytes.put_slice(response.body());
        bytes.freeze()
    }

    fn own_response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(format!("{}\n", self.reason)));
        *response.status_mut() = self.reason.status();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
        match self.reason {
            // RFC 9110 §15.5.6
            RejectReason::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            // RFC 9110 §15.5.22
            RejectReason::NoUpgrade | RejectReason::Version => {
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            }
            _ => {}
        }
        // RFC 6455 §4.4
        if matches!(
            self.reason,
            RejectReason::Version | RejectReason::MissingVersion
        ) {
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

impl From<RejectReason> for Rejection {
    fn from(reason: RejectReason) -> Self {
        Self {
            reason,
            response: None,
        }
    }
}

impl From<HeadError> for Rejection {
    fn from(error: HeadError) -> Self {
        RejectReason::Head(error).into()
    }
}

impl fmt::Debug for Rejection {
    /// Shows no body and no header value of the application's: they may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Rejection");
        shown.field("reason", &self.reason);
        if let Some(response) = &self.response {
            shown
                .field("headers", &HeaderNames::new(response.headers()))
                .field("body_len", &response.body().len());
        }
        shown.finish()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "request rejected with {}", self.status())
    }
}

impl Error for Rejection {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.reason)
    }
}

/// An informational status, which cannot be that of a rejection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidRejection(StatusCode);

impl fmt::Display for InvalidRejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {} cannot reject a request", self.0)
    }
}

impl Error for InvalidRejection {}
