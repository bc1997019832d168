//! Tokens and comma-separated lists of header values (RFC 9110 §5.6), over repeated headers.
//!
//! The time that it takes is linear in the length of the values.

use std::error::Error;
use std::fmt;

use http::HeaderMap;
use http::header::{HeaderName, UPGRADE};

pub use crate::header_names::HeaderNames;

/// Why a header value does not follow its grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ListError {
    /// The header is there but holds no element, where at least one is required.
    Empty,
    /// A quoted value is not a token (RFC 6455 §9.1 demands one once the quotes are gone).
    QuotedValue,
    /// Something other than a comma (or, for extensions, a semicolon) follows an element.
    Separator,
    /// A token was expected and is missing.
    Token,
    /// More elements than [`MAX_ELEMENTS`]; each parameter of an extension counts as one.
    TooMany,
    /// A quoted value has no closing quote.
    UnclosedQuote,
}

impl fmt::Display for ListError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "list without an element",
            Self::QuotedValue => "quoted value is not a token",
            Self::Separator => "unexpected character behind an element",
            Self::Token => "token expected",
            Self::TooMany => return write!(f, "more than {MAX_ELEMENTS} elements"),
            Self::UnclosedQuote => "quoted value without an end",
        })
    }
}

impl Error for ListError {}

/// How many elements of a list are kept at most. Clients offer a handful; what is read of a head
/// full of commas must not take many times its length.
pub const MAX_ELEMENTS: usize = 128;

/// Whether these bytes are a token: one or more of RFC 9110's `tchar`.
///
/// ```
/// use socket_flow_handshake::header::is_token;
///
/// assert!(is_token(b"permessage-deflate"));
/// assert!(!is_token(b"a b"));
/// assert!(!is_token(b""));
/// ```
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().copied().all(is_token_byte)
}

/// Reads every header of this name as comma-separated tokens, in order.
///
/// Empty elements are skipped (RFC 9110 §5.6.1). A header that is absent gives an empty list.
///
/// # Errors
/// [`ListError`] if an element is not a token, or there are more than [`MAX_ELEMENTS`].
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::CONNECTION};
/// use socket_flow_handshake::header::tokens;
///
/// let mut headers = HeaderMap::new();
/// headers.append(CONNECTION, HeaderValue::from_static("keep-alive, , close"));
/// headers.append(CONNECTION, HeaderValue::from_static("Upgrade"));
/// assert_eq!(tokens(&headers, &CONNECTION)?, ["keep-alive", "close", "Upgrade"]);
/// # Ok::<_, socket_flow_handshake::header::ListError>(())
/// ```
pub fn tokens<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Vec<&'a str>, ListError> {
    let mut tokens = Vec::new();
    for element in elements(headers, name) {
        let token = token(element)?;
        check_count(tokens.len() + 1)?;
        tokens.push(token);
    }
    Ok(tokens)
}

/// Whether this token stands in the headers of this name, in any case; all of them are read.
///
/// # Errors
/// [`ListError`] if an element is not a token.
pub(crate) fn has_token(
    headers: &HeaderMap,
    name: &HeaderName,
    expected: &str,
) -> Result<bool, ListError> {
    let mut found = false;
    for element in elements(headers, name) {
        found |= token(element)?.eq_ignore_ascii_case(expected);
    }
    Ok(found)
}

/// Whether a list may have so many elements.
pub(crate) fn check_count(count: usize) -> Result<(), ListError> {
    (count <= MAX_ELEMENTS)
        .then_some(())
        .ok_or(ListError::TooMany)
}

/// Reads every `Upgrade` header as a list of protocols, `name` or `name/version`.
///
/// # Errors
/// [`ListError`] if an element is not a protocol (RFC 9110 §7.8).
pub(crate) fn protocols(headers: &HeaderMap) -> Result<Protocols, ListError> {
    let mut protocols = Protocols {
        websocket: false,
        others: false,
    };
    for element in elements(headers, &UPGRADE) {
        match split_token(element)? {
            (name, []) if name.eq_ignore_ascii_case("websocket") => protocols.websocket = true,
            (_, []) => protocols.others = true,
            (_, [b'/', version @ ..]) => {
                token(version)?;
                protocols.others = true;
            }
            _ => return Err(ListError::Separator),
        }
    }
    Ok(protocols)
}

/// What stands in the `Upgrade` headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Protocols {
    /// `websocket`, without a version.
    pub(crate) websocket: bool,
    /// Any other one.
    pub(crate) others: bool,
}

/// A header that may be there once, without the spaces around its value.
pub(crate) enum Single<'a> {
    Absent,
    Value(&'a [u8]),
    Repeated,
}

impl<'a> Single<'a> {
    pub(crate) fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut values = headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (None, _) => Self::Absent,
            (Some(value), None) => Self::Value(trim(value.as_bytes())),
            (Some(_), Some(_)) => Self::Repeated,
        }
    }
}

/// The elements of every header of this name, in order, whatever is in them; empty ones are skipped
/// (RFC 9110 §5.6.1.2).
pub(crate) fn elements<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .into_iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// A header value without the spaces and tabs around it.
pub(crate) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// Reads an element that is one token.
pub(crate) fn token(element: &[u8]) -> Result<&str, ListError> {
    match split_token(element)? {
        (token, []) => Ok(token),
        _ => Err(ListError::Separator),
    }
}

/// Splits a text after the token it begins with.
pub(crate) fn split_token(text: &[u8]) -> Result<(&str, &[u8]), ListError> {
    let len = text.iter().take_while(|byte| is_token_byte(**byte)).count();
    let (token, rest) = text.split_at(len);
    match std::str::from_utf8(token) {
        Ok(token) if len > 0 => Ok((token, rest)),
        _ => Err(ListError::Token),
    }
}

/// `tchar` of RFC 9110 §5.6.2. The same set as RFC 6455 demands of subprotocols.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+'
        | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::{CONNECTION, UPGRADE};

    use super::*;

    /// The values of the headers, and the tokens in them.
    type Case = (
        &'static [&'static str],
        Result<&'static [&'static str], ListError>,
    );

    fn headers(name: HeaderName, values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name.clone(), HeaderValue::from_static(value));
        }
        headers
    }

    /// RFC 9110 §5.3, §5.6.1.2.
    #[test]
    fn lists_of_tokens_are_read_over_repeated_headers_in_order() {
        let cases: &[Case] = &[
            (&[], Ok(&[])),
            (&[""], Ok(&[])),
            (&["Upgrade"], Ok(&["Upgrade"])),
            (&["keep-alive, Upgrade"], Ok(&["keep-alive", "Upgrade"])),
            (&["keep-alive", "Upgrade"], Ok(&["keep-alive", "Upgrade"])),
            (&[" ,\ta\t, ,b,", ",,", "c"], Ok(&["a", "b", "c"])),
            (&["a,a"], Ok(&["a", "a"])),
            (&["a b"], Err(ListError::Separator)),
            (&["a;b"], Err(ListError::Separator)),
            (&["a,;"], Err(ListError::Token)),
            (&["\"a\""], Err(ListError::Token)),
            (&["a", "("], Err(ListError::Token)),
        ];
        for (values, expected) in cases {
            let headers = headers(CONNECTION, values);
            let got = tokens(&headers, &CONNECTION);
            assert_eq!(got.as_deref(), expected.as_deref(), "{values:?}");
        }
    }

    #[test]
    fn only_a_protocol_named_websocket_without_a_version_is_websocket() {
        for (value, found) in [
            ("websocket", true),
            ("WebSocket", true),
            ("h2c, WEBSOCKET", true),
            ("TLS/1.0, websocket", true),
            ("websocket/13", false),
            ("websockets", false),
            ("h2c", false),
            ("", false),
        ] {
            let protocols = protocols(&headers(UPGRADE, &[value])).unwrap();
            assert_eq!(protocols.websocket, found, "{value}");
        }
        assert_eq!(
            protocols(&headers(UPGRADE, &["websocket/"])),
            Err(ListError::Token)
        );
    }

    #[test]
    fn a_list_of_129_elements_is_too_long_to_be_kept_and_not_to_be_searched() {
        let most = HeaderValue::try_from("a,".repeat(MAX_ELEMENTS)).unwrap();
        let mut headers = HeaderMap::new();
        headers.append(CONNECTION, most);
        assert_eq!(tokens(&headers, &CONNECTION).unwrap().len(), MAX_ELEMENTS);
        headers.append(CONNECTION, HeaderValue::from_static("Upgrade"));
        assert_eq!(tokens(&headers, &CONNECTION), Err(ListError::TooMany));
        assert_eq!(has_token(&headers, &CONNECTION, "upgrade"), Ok(true));
        assert_eq!(ListError::TooMany.to_string(), "more than 128 elements");
    }

    /// RFC 9110 §5.6.2.
    #[test]
    fn tokens_are_exactly_the_characters_of_the_rfc() {
        let separators = b"()<>@,;:\\\"/[]?={} \t";
        for byte in 0..=255_u8 {
            let expected = (0x21..=0x7e).contains(&byte) && !separators.contains(&byte);
            assert_eq!(is_token(&[byte]), expected, "{byte:#x}");
        }
    }

    #[test]
    fn spaces_and_tabs_are_trimmed_and_nothing_else() {
        for (value, trimmed) in [
            (&b" \ta b\t "[..], &b"a b"[..]),
            (b"", b""),
            (b" ", b""),
            (b"\x0ba\xa0", b"\x0ba\xa0"),
        ] {
            assert_eq!(trim(value), trimmed);
        }
    }
}
