use http::header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderMap, Response, StatusCode, Version};
use socket_flow_frames::{DeflateParams, Negotiated};

use crate::client::{Offer, VerifyError};
use crate::deflate;
use crate::extension::{self, Extension};
use crate::header::{Protocols, Single, has_token, protocols};
use crate::key::Key;
use crate::subprotocol;

/// Checks the server's answer to a request made with the same offer and key: what was agreed on,
/// and the extensions the server accepted, in the order they apply.
///
/// All six checks of RFC 6455 §4.1 are made, before any byte behind the head may be read as a
/// frame. permessage-deflate is checked to be an answer to [`Offer::deflate`]. Any other extension is
/// only checked for having been offered; whether its parameters are a possible answer is for
/// whoever implements it. Where the offer was written by hand, in [`Offer::extensions`], this holds
/// of permessage-deflate as well, and [`Negotiated::deflate`] is `None`.
///
/// # Errors
/// [`VerifyError`], one variant per cause. The status is looked at first.
///
/// ```
/// use http::Response;
/// use socket_flow_handshake::client::{self, Offer, VerifyError};
/// use socket_flow_handshake::key::Key;
///
/// let response = Response::builder().status(404).body(()).unwrap();
/// let error = client::verify(&response, &Offer::default(), &Key::new([7; 16])).unwrap_err();
/// assert!(matches!(error, VerifyError::Status(status) if status == 404));
/// ```
pub fn verify<B>(
    response: &Response<B>,
    offer: &Offer,
    key: &Key,
) -> Result<(Negotiated, Vec<Extension>), VerifyError> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(VerifyError::Status(response.status()));
    }
    if response.version() != Version::HTTP_11 {
        return Err(VerifyError::Version);
    }
    let headers = response.headers();
    verify_upgrade(headers)?;
    verify_connection(headers)?;
    verify_accept(headers, key)?;
    let subprotocol = verify_subprotocol(headers, offer)?;
    let extensions = verify_extensions(headers, offer)?;
    let negotiated = Negotiated::NOTHING
        .with_subprotocol(subprotocol)
        .with_deflate(verify_deflate(&extensions, offer)?);
    Ok((negotiated, extensions))
}

/// Step 2: here a list is no choice, so any other protocol in it is refused.
fn verify_upgrade(headers: &HeaderMap) -> Result<(), VerifyError> {
    match protocols(headers) {
        Ok(Protocols {
            websocket: true,
            others: false,
        }) => Ok(()),
        _ => Err(VerifyError::Upgrade),
    }
}

/// Step 3: one token in a list, such as `keep-alive, Upgrade`.
fn verify_connection(headers: &HeaderMap) -> Result<(), VerifyError> {
    match has_token(headers, &CONNECTION, "upgrade") {
        Ok(true) => Ok(()),
        _ => Err(VerifyError::Connection),
    }
}

/// Step 4. The value is compared and never decoded, so its length does not matter.
fn verify_accept(headers: &HeaderMap, key: &Key) -> Result<(), VerifyError> {
    match Single::of(headers, &SEC_WEBSOCKET_ACCEPT) {
        Single::Value(value) if value == key.accept().as_bytes() => Ok(()),
        Single::Value(_) => Err(VerifyError::WrongAccept),
        Single::Absent => Err(VerifyError::MissingAccept),
        Single::Repeated => Err(VerifyError::RepeatedAccept),
    }
}

/// Step 6.
fn verify_subprotocol<'a>(
    headers: &'a HeaderMap,
    offer: &Offer,
) -> Result<Option<&'a str>, VerifyError> {
    // RFC 6455 §11.3.4: the header must not appear twice, even with the same value.
    if headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().count() > 1 {
        return Err(VerifyError::RepeatedSubprotocol);
    }
    match *subprotocol::offers(headers).map_err(VerifyError::Subprotocol)? {
        [] => Ok(None),
        [name] if offer.subprotocols.iter().any(|offered| offered == name) => Ok(Some(name)),
        [name] => Err(VerifyError::UnofferedSubprotocol(name.into())),
        _ => Err(VerifyError::RepeatedSubprotocol),
    }
}

/// Step 5.
fn verify_extensions(headers: &HeaderMap, offer: &Offer) -> Result<Vec<Extension>, VerifyError> {
    let accepted = extension::parse(headers).map_err(VerifyError::Extensions)?;
    for (index, extension) in accepted.iter().enumerate() {
        let name = extension.name();
        // Names accepted so far are different ones of our own offer, so this stays short however
        // long the answer is.
        if accepted
            .iter()
            .take(index)
            .any(|other| other.name() == name)
        {
            return Err(VerifyError::RepeatedExtension(name.into()));
        }
        if !offer.offers_extension(name) {
            return Err(VerifyError::UnofferedExtension(name.into()));
        }
    }
    Ok(accepted)
}

/// RFC 7692 §5.1: an answer that is not one to the offer fails the connection.
fn verify_deflate(
    accepted: &[Extension],
    offer: &Offer,
) -> Result<Option<DeflateParams>, VerifyError> {
    let answer = accepted
        .iter()
        .find(|extension| extension.name() == deflate::NAME);
    match (offer.deflate, answer) {
        (Some(offer), Some(answer)) => offer.verify(answer).map(Some).map_err(VerifyError::Deflate),
        _ => Ok(None),
    }
}
