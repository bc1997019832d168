//! Tokens and comma-separated lists of header values (RFC 9110 §5.6), over repeated headers.
//!
//! Everything here walks a value once, from left to right.

use std::error::Error;
use std::fmt;

use http::HeaderMap;
use http::header::HeaderName;

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
    each_token(headers, name, |token| {
        check_count(tokens.len() + 1)?;
        tokens.push(token);
        Ok(())
    })?;
    Ok(tokens)
}

/// Whether this token stands in the headers of this name, in any case; all of them are read.
///
/// # Errors
/// [`ListError`] if an element is not a token.
pub(crate) fn has_token(
    headers: &HeaderMap,
    name: &HeaderName,
    token: &str,
) -> Result<bool, ListError> {
    let mut found = false;
    each_token(headers, name, |element| {
        found |= element.eq_ignore_ascii_case(token);
        Ok(())
    })?;
    Ok(found)
}

/// Whether a list may have so many elements.
pub(crate) fn check_count(count: usize) -> Result<(), ListError> {
    (count <= MAX_ELEMENTS)
        .then_some(())
        .ok_or(ListError::TooMany)
}

/// Tells `each` of every token in the headers of this name, in order.
pub(crate) fn each_token<'a>(
    headers: &'a HeaderMap,
    name: &HeaderName,
    mut each: impl FnMut(&'a str) -> Result<(), ListError>,
) -> Result<(), ListError> {
    for value in headers.get_all(name) {
        let mut cursor = Cursor::new(value.as_bytes());
        while cursor.next_element()? {
            each(cursor.token()?)?;
            cursor.end_element()?;
        }
    }
    Ok(())
}

/// Reads every `Upgrade` header as a list of protocols, `name` or `name/version`.
///
/// # Errors
/// [`ListError`] if an element is not a protocol (RFC 9110 §7.8).
pub(crate) fn protocols(headers: &HeaderMap) -> Result<Protocols, ListError> {
    let mut protocols = Protocols::default();
    for value in headers.get_all(http::header::UPGRADE) {
        let mut cursor = Cursor::new(value.as_bytes());
        while cursor.next_element()? {
            let name = cursor.token()?;
            let versioned = cursor.eat(b'/');
            if versioned {
                cursor.token()?;
            }
            cursor.end_element()?;
            let is_websocket = !versioned && name.eq_ignore_ascii_case("websocket");
            protocols.websocket |= is_websocket;
            protocols.others |= !is_websocket;
        }
    }
    Ok(protocols)
}

/// What stands in the `Upgrade` headers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Protocols {
    /// `websocket`, without a version.
    pub(crate) websocket: bool,
    /// Any other one.
    pub(crate) others: bool,
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

/// A place in one header value. It only moves forward.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    /// How often a byte was looked at: the proof that no grammar here walks a value twice.
    #[cfg(test)]
    pub(crate) steps: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(value: &'a [u8]) -> Self {
        Self {
            rest: value,
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Moves to the next element of the list and over empty ones; `false` at the end.
    pub(crate) fn next_element(&mut self) -> Result<bool, ListError> {
        loop {
            self.skip_spaces();
            match self.peek() {
                None => return Ok(false),
                Some(b',') => self.bump(),
                Some(_) => return Ok(true),
            }
        }
    }

    /// Moves behind an element, to its comma or the end of the value.
    pub(crate) fn end_element(&mut self) -> Result<(), ListError> {
        self.skip_spaces();
        match self.peek() {
            None | Some(b',') => Ok(()),
            Some(_) => Err(ListError::Separator),
        }
    }

    pub(crate) fn token(&mut self) -> Result<&'a str, ListError> {
        let start = self.rest;
        let mut len = 0;
        while self.peek().is_some_and(is_token_byte) {
            self.bump();
            len += 1;
        }
        let token = start.get(..len).unwrap_or_default();
        match std::str::from_utf8(token) {
            Ok(token) if !token.is_empty() => Ok(token),
            _ => Err(ListError::Token),
        }
    }

    /// Reads a quoted string whose opening quote was eaten, and undoes its escapes.
    ///
    /// Ends at the first character that cannot be in a token, so a quote that never closes costs
    /// nothing beyond the bytes up to there.
    pub(crate) fn quoted_token(&mut self) -> Result<String, ListError> {
        let mut token = String::new();
        loop {
            let mut byte = self.peek().ok_or(ListError::UnclosedQuote)?;
            self.bump();
            match byte {
                b'"' if token.is_empty() => return Err(ListError::QuotedValue),
                b'"' => return Ok(token),
                b'\\' => {
                    byte = self.peek().ok_or(ListError::UnclosedQuote)?;
                    self.bump();
                }
                _ => {}
            }
            if !is_token_byte(byte) {
                return Err(ListError::QuotedValue);
            }
            token.push(char::from(byte));
        }
    }

    pub(crate) fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t') = self.peek() {
            self.bump();
        }
    }

    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.bump();
        }
        found
    }

    fn peek(&mut self) -> Option<u8> {
        #[cfg(test)]
        {
            self.steps += 1;
        }
        self.rest.first().copied()
    }

    fn bump(&mut self) {
        self.rest = self.rest.get(1..).unwrap_or_default();
    }
}

/// `tchar` of RFC 9110 §5.6.2. The same set as RFC 6455 demands of subprotocols.
fn is_token_byte(byte: u8) -> bool {
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

    #[test]
    fn reading_a_list_takes_a_number_of_steps_linear_in_its_length() {
        for pattern in ["a,", ",", " ", "a , ", "abcdefgh"] {
            let value = pattern.repeat(16 * 1024 / pattern.len());
            let mut cursor = Cursor::new(value.as_bytes());
            while cursor.next_element().unwrap() {
                cursor.token().unwrap();
                cursor.end_element().unwrap();
            }
            assert!(
                cursor.steps <= 8 * value.len(),
                "{pattern:?}: {}",
                cursor.steps
            );
        }
    }
}
