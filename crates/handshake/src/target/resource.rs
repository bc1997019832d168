//! The one rule for the characters of a path and a query.

use std::borrow::Cow;

use http::uri::PathAndQuery;

use crate::target::{MAX_URL, TargetError};

/// Path and query as a request line holds them: at least `/`, and nothing but what RFC 3986 allows
/// there (§3.3, §3.4).
///
/// What a URL must not hold and means nothing else is percent-encoded as UTF-8, as the URL standard
/// does for people who type blanks and letters. Refused is what has no meaning both agree on: a
/// control character, `\`, which browsers take for `/`, and a `%` without two hexadecimal digits.
pub(crate) fn path_and_query(text: &str) -> Result<PathAndQuery, TargetError> {
    let encoded = encode(text)?;
    let encoded = match encoded.as_bytes() {
        [b'/', ..] => encoded,
        // A path that is empty.
        _ => format!("/{encoded}").into(),
    };
    if encoded.len() > MAX_URL {
        return Err(TargetError::TooLong);
    }
    PathAndQuery::try_from(&*encoded).map_err(|_| TargetError::Path)
}

/// The same of what [`Uri`](http::Uri) has parsed, which lets more through than RFC 3986 does.
pub(crate) fn checked(given: &PathAndQuery) -> Result<PathAndQuery, TargetError> {
    match encode(given.as_str())? {
        Cow::Borrowed(text) if text.starts_with('/') => Ok(given.clone()),
        encoded => path_and_query(&encoded),
    }
}

fn encode(text: &str) -> Result<Cow<'_, str>, TargetError> {
    let is_plain = |byte: u8| is_allowed(byte) && byte != b'%';
    if text.bytes().all(is_plain) {
        return Ok(text.into());
    }
    let mut encoded = String::with_capacity(text.len() + 16);
    let mut part = TargetError::Path;
    let mut bytes = text.as_bytes();
    while let [byte, rest @ ..] = bytes {
        match (byte, rest) {
            (b'%', [high, low, ..]) if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {}
            (b'%' | b'\\' | b'#' | 0..=0x1f | 0x7f, _) => return Err(part),
            _ => {}
        }
        if is_allowed(*byte) {
            encoded.push(char::from(*byte));
        } else {
            push_escaped(&mut encoded, *byte);
        }
        if *byte == b'?' {
            part = TargetError::Query;
        }
        bytes = rest;
    }
    Ok(encoded.into())
}

/// Text of bytes that may not be UTF-8: those that are not are percent-encoded, and so stay what
/// they are.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return text.into();
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            push_escaped(&mut text, *byte);
        }
    }
    text.into()
}

fn push_escaped(text: &mut String, byte: u8) {
    text.push('%');
    for digit in [byte >> 4, byte & 15] {
        let digit = char::from_digit(digit.into(), 16).unwrap_or('0');
        text.push(digit.to_ascii_uppercase());
    }
}

/// `pchar`, `/` and `?` of RFC 3986, and the `%` of what is escaped already.
fn is_allowed(byte: u8) -> bool {
    matches!(byte,
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z'
        | b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'('
        | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'/' | b'?' | b'%')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §4.1; RFC 3986 §2.1, §3.3, §3.4.
    #[test]
    fn what_a_path_or_a_query_cannot_hold_is_percent_encoded() {
        for (text, expected) in [
            ("", "/"),
            ("/", "/"),
            ("?", "/?"),
            ("?a", "/?a"),
            ("/a{b}", "/a%7Bb%7D"),
            ("/\"<>[]^`{|}", "/%22%3C%3E%5B%5D%5E%60%7B%7C%7D"),
            ("/?\"<>[]^`{|}", "/?%22%3C%3E%5B%5D%5E%60%7B%7C%7D"),
            ("/a b?c d", "/a%20b?c%20d"),
            ("/\u{e9}?\u{20ac}", "/%C3%A9?%E2%82%AC"),
            ("/%7b%C3%a9?%2F", "/%7b%C3%a9?%2F"),
            ("/-._~!$&'()*+,;=:@/?/?:@", "/-._~!$&'()*+,;=:@/?/?:@"),
        ] {
            let got = path_and_query(text).unwrap();
            assert_eq!(got.as_str(), expected, "{text:?}");
            assert_eq!(path_and_query(expected).unwrap(), got);
        }
    }

    /// RFC 6455 §4.1.
    #[test]
    fn what_no_rule_gives_a_meaning_is_an_error_that_names_the_place() {
        for bad in [
            "%", "%a", "%zz", "%1g", "%+1", "%%41", "\\", "\0", "\t", "\r\nX: y", "\x7f", "#",
        ] {
            for (text, error) in [
                (format!("/a{bad}"), TargetError::Path),
                (format!("/{bad}?a"), TargetError::Path),
                (format!("/a?{bad}"), TargetError::Query),
                (format!("?a?{bad}"), TargetError::Query),
            ] {
                assert_eq!(path_and_query(&text), Err(error), "{text:?}");
            }
        }
        let long = "\u{e9}".repeat(MAX_URL / 6 + 1);
        assert!(path_and_query(&long) == Err(TargetError::TooLong));
    }

    #[test]
    fn bytes_that_are_no_utf8_stay_what_they_are() {
        assert_eq!(text(b"/\xe9/\xc3\xa9\xff"), "/%E9/\u{e9}%FF");
        assert_eq!(text("/\u{e9}".as_bytes()), "/\u{e9}");
    }
}
