//! The client's side: the request, and the check of the answer (RFC 6455 §4.1).

mod error;
mod offer;
mod verify;

use http::header::{
    CONNECTION, HOST, HeaderName, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};

use crate::authority::Authority;
use crate::key::Key;
use crate::target::{checked, default_port, is_host};
use crate::{deflate, extension, subprotocol};

pub use error::{RequestError, VerifyError};
pub use offer::Offer;
pub use verify::verify;

/// Makes the request that opens a WebSocket.
///
/// The URI must be absolute, with the scheme `ws` or `wss`; get it from
/// [`Target::uri`](crate::target::Target::uri). Its userinfo appears nowhere in the request. The
/// URI of the request itself is only path and query, as HTTP/1.1 writes it; the host stands in
/// `Host`, with the port where it is not the scheme's own. Path and query follow the rule of
/// [`Target::parse`](crate::target::Target::parse): [`Uri`] itself takes what no URL may hold.
///
/// # Errors
/// [`RequestError`]: everything in it is the caller's to mend.
///
/// ```
/// use socket_flow_handshake::client::{self, Offer};
/// use socket_flow_handshake::key::Key;
/// use socket_flow_handshake::target::Target;
///
/// let target = Target::parse("ws://[::1]:9001/chat?room=1").unwrap();
/// let offer = Offer::default().subprotocols(["v1"]);
/// let request = client::request(&target.uri(), &offer, &Key::new([7; 16]))?;
/// assert_eq!(request.uri(), "/chat?room=1");
/// assert_eq!(request.headers()["host"], "[::1]:9001");
/// # Ok::<_, client::RequestError>(())
/// ```
pub fn request(uri: &Uri, offer: &Offer, key: &Key) -> Result<Request<()>, RequestError> {
    if let Some(name) = RESERVED
        .iter()
        .find(|name| offer.headers.contains_key(*name))
    {
        return Err(RequestError::ReservedHeader(name.clone()));
    }
    let host = host_header(uri)?;
    let resource = match uri.path_and_query() {
        Some(given) => checked(given).map_err(|_| RequestError::Path)?,
        None => PathAndQuery::from_static("/"),
    };
    let subprotocols =
        subprotocol::encode(&offer.subprotocols).map_err(RequestError::Subprotocol)?;
    let extensions = extensions(offer)?;

    let mut request = Request::new(());
    *request.uri_mut() = resource.into();
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_KEY, key.to_header_value());
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    if let Some(value) = subprotocols {
        headers.insert(SEC_WEBSOCKET_PROTOCOL, value);
    }
    if let Some(value) = extensions {
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
    }
    for (name, value) in &offer.headers {
        headers
            .try_append(name, value.clone())
            .map_err(|_| RequestError::TooManyHeaders)?;
    }
    Ok(request)
}

fn extensions(offer: &Offer) -> Result<Option<HeaderValue>, RequestError> {
    let Some(deflate) = offer.deflate else {
        return Ok(extension::encode(&offer.extensions));
    };
    let mut extensions = offer.extensions.clone();
    if extensions.iter().any(|other| other.name() == deflate::NAME) {
        return Err(RequestError::DeflateTwice);
    }
    extensions.push(deflate.to_extension());
    Ok(extension::encode(&extensions))
}

fn host_header(uri: &Uri) -> Result<HeaderValue, RequestError> {
    let secure = match uri.scheme_str() {
        None => return Err(RequestError::MissingScheme),
        // `http` keeps the case of a scheme it does not know.
        Some(scheme) if scheme.eq_ignore_ascii_case("ws") => false,
        Some(scheme) if scheme.eq_ignore_ascii_case("wss") => true,
        Some(scheme) => return Err(RequestError::Scheme(scheme.into())),
    };
    let authority = uri.authority().ok_or(RequestError::MissingHost)?.as_str();
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err(RequestError::MissingHost);
    }
    let authority = Authority::parse(host.as_bytes())
        .ok()
        .filter(|authority| is_host(authority.host()))
        .ok_or(RequestError::InvalidHost)?
        .without_default_port(default_port(secure));
    HeaderValue::try_from(authority.to_string()).map_err(|_| RequestError::InvalidHost)
}

/// The headers this module writes itself, and those that would give the request a body.
static RESERVED: [HeaderName; 10] = [
    HOST,
    UPGRADE,
    CONNECTION,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_EXTENSIONS,
    http::header::SEC_WEBSOCKET_ACCEPT,
    http::header::CONTENT_LENGTH,
    http::header::TRANSFER_ENCODING,
];
