//! `Sec-WebSocket-Protocol`: what the client offers and the server picks (RFC 6455 §1.9, §4).

use std::error::Error;
use std::fmt;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderMap, HeaderValue};

use crate::Hidden;
use crate::header::{ListError, elements, is_token, token, tokens};

/// Reads the subprotocols a request offers, in the client's order of preference.
///
/// Without the header the list is empty.
///
/// # Errors
/// [`ListError`] if an element is not a token, the header is there without any, or there are more
/// than [`MAX_ELEMENTS`](crate::header::MAX_ELEMENTS).
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use socket_flow_handshake::subprotocol;
///
/// let mut headers = HeaderMap::new();
/// headers.append("sec-websocket-protocol", HeaderValue::from_static("v2, v1"));
/// assert_eq!(subprotocol::offers(&headers)?, ["v2", "v1"]);
/// # Ok::<_, socket_flow_handshake::header::ListError>(())
/// ```
pub fn offers(headers: &HeaderMap) -> Result<Vec<&str>, ListError> {
    let offers = tokens(headers, &SEC_WEBSOCKET_PROTOCOL)?;
    check_present(headers, offers.is_empty())?;
    Ok(offers)
}

/// Reads them as one text, with a comma, which no token holds, after each: it is no longer than the
/// headers, however many they are.
pub(crate) fn joined(headers: &HeaderMap) -> Result<String, ListError> {
    let mut offers = String::new();
    for element in elements(headers, &SEC_WEBSOCKET_PROTOCOL) {
        offers.push_str(token(element)?);
        offers.push(',');
    }
    check_present(headers, offers.is_empty())?;
    Ok(offers)
}

/// Whether a subprotocol is among those that were [`joined`], in exact case.
pub(crate) fn is_among(offers: &str, name: &str) -> bool {
    offers.split_terminator(',').any(|offer| offer == name)
}

fn check_present(headers: &HeaderMap, is_empty: bool) -> Result<(), ListError> {
    let is_missing = is_empty && headers.contains_key(SEC_WEBSOCKET_PROTOCOL);
    (!is_missing).then_some(()).ok_or(ListError::Empty)
}

/// Picks the first of the server's subprotocols that the client offers, in exact case.
///
/// ```
/// use socket_flow_handshake::subprotocol::pick;
///
/// let supported = ["v2", "v1"].map(String::from);
/// assert_eq!(pick(&supported, &["v1", "v2"]), Some("v2"));
/// assert_eq!(pick(&supported, &["V1"]), None);
/// ```
pub fn pick<'a>(supported: &'a [String], offered: &[&str]) -> Option<&'a str> {
    supported
        .iter()
        .map(String::as_str)
        .find(|name| offered.contains(name))
}

/// Writes a client's offer as the value of one header; `None` for none.
///
/// # Errors
/// [`SubprotocolError`] if a name is not a token, or stands in the list twice (RFC 6455 §4.1,
/// item 10).
///
/// ```
/// use socket_flow_handshake::subprotocol::{SubprotocolError, encode};
///
/// assert_eq!(encode(&["v2".into(), "v1".into()])?.unwrap(), "v2, v1");
/// assert_eq!(encode(&[])?, None);
/// assert!(matches!(encode(&["a b".into()]), Err(SubprotocolError::Invalid(_))));
/// # Ok::<_, SubprotocolError>(())
/// ```
pub fn encode(subprotocols: &[String]) -> Result<Option<HeaderValue>, SubprotocolError> {
    for (index, name) in subprotocols.iter().enumerate() {
        if !is_token(name.as_bytes()) {
            return Err(SubprotocolError::Invalid(name.as_str().into()));
        }
        if subprotocols.iter().take(index).any(|other| other == name) {
            return Err(SubprotocolError::Repeated(name.as_str().into()));
        }
    }
    if subprotocols.is_empty() {
        return Ok(None);
    }
    let value = HeaderValue::try_from(subprotocols.join(", "));
    Ok(Some(value.expect("tokens and commas are visible ASCII")))
}

/// Why a list of subprotocols cannot be offered. No name is shown: it may be a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubprotocolError {
    /// The name is not a token.
    Invalid(Hidden),
    /// The name stands in the list twice.
    Repeated(Hidden),
}

impl fmt::Display for SubprotocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(_) => "a subprotocol is not a token",
            Self::Repeated(_) => "a subprotocol is offered twice",
        })
    }
}

impl Error for SubprotocolError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_preference_decides_in_exact_case() {
        for (supported, offered, picked) in [
            (&["a", "b"][..], &["b", "a"][..], Some("a")),
            (&["a", "b"], &["b"], Some("b")),
            (&["a"], &["A"], None),
            (&["a"], &[], None),
            (&[], &["a"], None),
            (&["not a token", "a"], &["a"], Some("a")),
        ] {
            let supported: Vec<_> = supported.iter().map(ToString::to_string).collect();
            assert_eq!(
                pick(&supported, offered),
                picked,
                "{supported:?} {offered:?}"
            );
        }
    }

    #[test]
    fn offers_are_read_over_repeated_headers() {
        for (values, expected) in [
            (&[][..], Ok(&[][..])),
            (&["a, b"], Ok(&["a", "b"])),
            (&["a", "b"], Ok(&["a", "b"])),
            (&[""], Err(ListError::Empty)),
            (&["a/b"], Err(ListError::Separator)),
            (&["\"a\""], Err(ListError::Token)),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(value));
            }
            assert_eq!(
                offers(&headers).as_deref(),
                expected.as_deref(),
                "{values:?}"
            );
        }
    }

    /// RFC 6455 §4.1.
    #[test]
    fn a_name_that_is_no_token_or_stands_twice_cannot_be_offered() {
        for (list, error) in [
            (&["a", "b c"][..], SubprotocolError::Invalid("b c".into())),
            (
                &["a\r\nx: y"],
                SubprotocolError::Invalid("a\r\nx: y".into()),
            ),
            (&[""], SubprotocolError::Invalid("".into())),
            (&["a", "b", "a"], SubprotocolError::Repeated("a".into())),
        ] {
            let list: Vec<_> = list.iter().map(ToString::to_string).collect();
            assert_eq!(encode(&list), Err(error));
        }
        for (error, said) in [
            (
                SubprotocolError::Invalid("b c".into()),
                "a subprotocol is not a token",
            ),
            (
                SubprotocolError::Repeated("a".into()),
                "a subprotocol is offered twice",
            ),
        ] {
            assert_eq!(error.to_string(), said);
        }
    }
}
