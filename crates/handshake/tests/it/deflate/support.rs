//! One handshake with the extension headers of a test in it.

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue, Request, Uri};
use socket_flow_handshake::client::{Offer, VerifyError, request, verify};
use socket_flow_handshake::deflate::{ClientWindow, DeflateOffer};
use socket_flow_handshake::extension::Extension;
use socket_flow_handshake::key::Key;
use socket_flow_handshake::server::{Choices, RejectReason, accept};
use socket_flow_handshake::{DeflateParams, Negotiated};

pub(crate) const NAME: &str = "permessage-deflate";

pub(crate) fn key() -> Key {
    Key::new(*b"the sample nonce")
}

/// The request of a client with this offer.
pub(crate) fn ask(offer: &Offer) -> Request<()> {
    request(&Uri::from_static("ws://a/"), offer, &key()).unwrap()
}

/// What a server with these choices makes of these extension headers: the header it answers with,
/// and what was agreed on.
pub(crate) fn serve(
    headers: &[&str],
    choices: &Choices,
) -> Result<(Option<String>, Negotiated), RejectReason> {
    let mut request = ask(&Offer::default());
    put(request.headers_mut(), headers);
    let (response, negotiated) =
        accept(&request, choices).map_err(|rejection| rejection.reason().clone())?;
    let mut answers = response.headers().get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
    let answer = answers.next().map(|value| value.to_str().unwrap().into());
    assert_eq!(answers.next(), None, "answers are in one header");
    Ok((answer, negotiated))
}

/// The same for a server that accepts permessage-deflate and would like these parameters.
pub(crate) fn choose(
    headers: &[&str],
    wished: DeflateParams,
) -> Result<Option<(String, DeflateParams)>, RejectReason> {
    let (answer, negotiated) = serve(headers, &Choices::default().deflate(wished))?;
    assert_eq!(answer.is_some(), negotiated.deflate().is_some());
    Ok(answer.zip(negotiated.deflate()))
}

/// What a client with this offer makes of these extension headers in the answer.
pub(crate) fn answered(offer: &Offer, headers: &[&str]) -> Result<Negotiated, VerifyError> {
    with_extensions(offer, headers).map(|(negotiated, _)| negotiated)
}

/// The same, and the extensions that the server accepted.
pub(crate) fn with_extensions(
    offer: &Offer,
    headers: &[&str],
) -> Result<(Negotiated, Vec<Extension>), VerifyError> {
    let (mut response, _) = accept(&ask(&Offer::default()), &Choices::default()).unwrap();
    put(response.headers_mut(), headers);
    verify(&response, offer, &key())
}

fn put(headers: &mut HeaderMap, values: &[&str]) {
    for value in values {
        headers.append(
            SEC_WEBSOCKET_EXTENSIONS,
            HeaderValue::from_str(value).unwrap(),
        );
    }
}

/// `permessage-deflate` with these parameters behind it, each led by a space.
pub(crate) fn with(params: &str) -> String {
    let separated: String = params
        .split_whitespace()
        .map(|param| format!("; {param}"))
        .collect();
    format!("{NAME}{separated}")
}

/// The offer that is written with these parameters.
pub(crate) fn offer(params: &str) -> DeflateOffer {
    let mut offer = DeflateOffer::default()
        .client_max_window_bits(ClientWindow::Absent)
        .unwrap();
    for param in params.split_whitespace() {
        offer = match param.split_once('=').unwrap_or((param, "")) {
            ("server_no_context_takeover", "") => offer.server_no_context_takeover(true),
            ("client_no_context_takeover", "") => offer.client_no_context_takeover(true),
            ("server_max_window_bits", bits) => {
                offer.server_max_window_bits(bits.parse().unwrap()).unwrap()
            }
            ("client_max_window_bits", "") => {
                offer.client_max_window_bits(ClientWindow::Any).unwrap()
            }
            ("client_max_window_bits", bits) => offer
                .client_max_window_bits(ClientWindow::Bits(bits.parse().unwrap()))
                .unwrap(),
            _ => panic!("no such parameter: {param}"),
        };
    }
    offer
}

/// What a legal answer or offer with these parameters and nothing else comes to.
pub(crate) fn params(text: &str) -> DeflateParams {
    let mut params = DeflateParams::default();
    for param in text.split_whitespace() {
        match param.split_once('=').unwrap_or((param, "")) {
            ("server_no_context_takeover", "") => params.server_no_context_takeover = true,
            ("client_no_context_takeover", "") => params.client_no_context_takeover = true,
            ("server_max_window_bits", bits) => {
                params.server_max_window_bits = bits.parse().unwrap();
            }
            ("client_max_window_bits", bits) => {
                params.client_max_window_bits = bits.parse().unwrap();
            }
            _ => panic!("no such parameter: {param}"),
        }
    }
    params
}
