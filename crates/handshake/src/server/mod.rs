//! The server's side: the decision about a request, and the answer (RFC 6455 §4.2).

mod acceptance;
mod choices;
mod reason;
mod rejection;

use http::header::{
    CONNECTION, CONTENT_LENGTH, EXPECT, HOST, ORIGIN, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use socket_flow_frames::Negotiated;

use crate::authority::Authority;
use crate::deflate::Answer;
use crate::header::{Single, elements, has_token, protocols, trim};
use crate::host::HostPolicy;
use crate::key::Key;
use crate::origin::is_web;
use crate::{extension, subprotocol};

pub use acceptance::Acceptance;
pub use choices::Choices;
pub use reason::RejectReason;
pub use rejection::{InvalidRejection, Rejection};

/// Decides about a request: a 101 to send and what was agreed on, or a rejection to send.
///
/// Any doubt is a rejection, because both sides must agree on where the request ends. After a
/// rejection nothing more may be read from the connection as a request. The body of the request
/// is not looked at, so requests of other HTTP libraries can be passed as they are; only HTTP/1.1
/// is accepted.
///
/// permessage-deflate is accepted where [`Choices::deflate`] says so, and no other extension. What
/// the client offers is in [`extension::parse`].
///
/// # Request targets
/// A target in absolute form (`GET http://host/path HTTP/1.1`) is accepted for the schemes `http`,
/// `https`, `ws` and `wss`. As RFC 9112 §3.2.2 says, its authority then stands in place of `Host`,
/// which must still be there once and be valid; it is that authority the origin is compared with.
/// Authority form and `*` are refused, and so is userinfo.
///
/// # Errors
/// A [`Rejection`], which is a response to send.
///
/// ```
/// use http::Request;
/// use socket_flow_handshake::server::{self, Choices};
///
/// let request = Request::get("/chat")
///     .header("host", "example.com")
///     .header("upgrade", "websocket")
///     .header("connection", "keep-alive, Upgrade")
///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
///     .header("sec-websocket-version", "13")
///     .header("sec-websocket-protocol", "v1, v2")
///     .body(())
///     .unwrap();
/// let choices = Choices::default().subprotocols(["v2"]);
/// let (response, negotiated) = server::accept(&request, &choices)?;
/// assert_eq!(response.status(), 101);
/// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
/// assert_eq!(negotiated.subprotocol(), Some("v2"));
/// # Ok::<_, server::Rejection>(())
/// ```
pub fn accept<B>(
    request: &Request<B>,
    choices: &Choices,
) -> Result<(Response<()>, Negotiated), Rejection> {
    decide(request, choices)?.answer()
}

/// Decides as [`accept`] does and leaves the answer for later: until then the server may pick another
/// subprotocol and add headers, as the example of [`Acceptance`] does. The SHA-1 is part of the answer.
///
/// # Errors
/// A [`Rejection`] as of [`accept`], but for headers that cannot be added: those are found by
/// [`Acceptance::answer`].
pub fn decide<B>(request: &Request<B>, choices: &Choices) -> Result<Acceptance, Rejection> {
    let (method, uri, headers) = (request.method(), request.uri(), request.headers());
    if request.version() != Version::HTTP_11 {
        check_old_host(uri, headers, choices)?;
        return Err(RejectReason::HttpVersion.into());
    }
    let host = host(uri, method, headers)?;
    if !choices.hosts.allows(&host) {
        return Err(RejectReason::ForeignHost.into());
    }
    if method != Method::GET {
        return Err(RejectReason::Method.into());
    }
    check_upgrade(headers)?;
    check_no_body(headers)?;
    check_version(headers)?;
    let key = key(headers)?;
    let offered = subprotocol::joined(headers).map_err(RejectReason::Subprotocols)?;
    // The header is judged even where nothing in it is accepted: a broken one shows a broken peer.
    // The first valid offer counts, in the client's order.
    let accepted = extension::find(headers, |offer| Answer::to(offer, choices.deflate?));
    let accepted = accepted.map_err(RejectReason::Extensions)?;
    if !choices.origin.allows(headers, &host) {
        let origin = headers.get(ORIGIN).cloned().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        return Err(RejectReason::Origin(origin).into());
    }
    let mut supported = choices.subprotocols.iter();
    let picked = supported.find(|name| subprotocol::is_among(&offered, name));
    let negotiated = Negotiated::NOTHING
        .with_subprotocol(picked.map(String::as_str))
        .with_deflate(accepted.as_ref().map(Answer::agreed));
    // RFC 9110 §10.1.1. Expectations that are not known are left alone, as it allows.
    let expects_continue =
        elements(headers, &EXPECT).any(|expected| expected.eq_ignore_ascii_case(b"100-continue"));
    let acceptance = Acceptance {
        key,
        expects_continue,
        offered: offered.into(),
        require_subprotocol: choices.require_subprotocol,
        negotiated,
        deflate: accepted,
        headers: choices.headers.clone(),
    };
    acceptance.check_subprotocol()?;
    Ok(acceptance)
}

/// The host the request is made for: that of the target in absolute form, else that of `Host`.
fn host(uri: &Uri, method: &Method, headers: &HeaderMap) -> Result<Authority, RejectReason> {
    // RFC 9112 §3.2: 400 without `Host`, with two, and with an invalid one.
    let host = match Single::of(headers, &HOST) {
        Single::Value(host) => Authority::parse(host).map_err(|_| RejectReason::InvalidHost)?,
        Single::Absent => return Err(RejectReason::MissingHost),
        Single::Repeated => return Err(RejectReason::RepeatedHost),
    };
    match (uri.scheme_str(), uri.authority()) {
        (None, None) if uri.path().starts_with('/') => Ok(host),
        (Some(scheme), Some(authority)) if is_web(scheme) => {
            Authority::parse(authority.as_str().as_bytes()).map_err(|_| RejectReason::Target)
        }
        // CONNECT, whose target is an authority, and OPTIONS, whose target may be `*`, are told
        // that the method is wrong.
        _ if method != Method::GET => Ok(host),
        _ => Err(RejectReason::Target),
    }
}

/// The host of a request in another version of HTTP, where it names one: its answer may be the
/// application's, which no page of another host is to read.
fn check_old_host(uri: &Uri, headers: &HeaderMap, choices: &Choices) -> Result<(), RejectReason> {
    if choices.hosts == HostPolicy::Any {
        return Ok(());
    }
    let named = uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    let values = headers.get_all(HOST).iter();
    let mut hosts = values.map(HeaderValue::as_bytes).chain(named);
    let is_foreign = |host: &[u8]| {
        let host = Authority::parse(trim(host));
        !host.is_ok_and(|host| choices.hosts.allows(&host))
    };
    match hosts.any(is_foreign) {
        true => Err(RejectReason::ForeignHost),
        false => Ok(()),
    }
}

/// RFC 6455 §4.2.1, items 3 and 4.
fn check_upgrade(headers: &HeaderMap) -> Result<(), RejectReason> {
    let protocols = protocols(headers).map_err(RejectReason::Upgrade)?;
    if !protocols.websocket {
        return Err(RejectReason::NoUpgrade);
    }
    match has_token(headers, &CONNECTION, "upgrade") {
        Ok(true) => Ok(()),
        Ok(false) => Err(RejectReason::NotAnUpgrade),
        Err(error) => Err(RejectReason::Connection(error)),
    }
}

/// Bytes after the head are frames. A request that calls them a body as well is read in two ways
/// by two servers, which is how requests are smuggled (RFC 9112 §11.2).
fn check_no_body(headers: &HeaderMap) -> Result<(), RejectReason> {
    if headers.contains_key(TRANSFER_ENCODING) {
        return Err(RejectReason::Body);
    }
    match Single::of(headers, &CONTENT_LENGTH) {
        Single::Absent => Ok(()),
        Single::Value(digits) if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) => {
            match digits.iter().all(|digit| *digit == b'0') {
                true => Ok(()),
                false => Err(RejectReason::Body),
            }
        }
        Single::Value(_) | Single::Repeated => Err(RejectReason::ContentLength),
    }
}

/// RFC 6455 §4.4. A list is another version too: a client names the one it speaks.
fn check_version(headers: &HeaderMap) -> Result<(), RejectReason> {
    match Single::of(headers, &SEC_WEBSOCKET_VERSION) {
        Single::Value(b"13") => Ok(()),
        Single::Absent => Err(RejectReason::MissingVersion),
        Single::Value(_) | Single::Repeated => Err(RejectReason::Version),
    }
}

/// RFC 6455 §4.2.1, item 5, and §11.3.1.
fn key(headers: &HeaderMap) -> Result<Key, RejectReason> {
    match Single::of(headers, &SEC_WEBSOCKET_KEY) {
        Single::Value(key) => match Key::from_header_value(key) {
            Some(key) => Ok(key),
            None => Err(RejectReason::InvalidKey),
        },
        Single::Absent => Err(RejectReason::MissingKey),
        Single::Repeated => Err(RejectReason::RepeatedKey),
    }
}
