//! `Sec-WebSocket-Extensions`: offers and answers, read and written (RFC 6455 §9.1).
//!
//! The handshake knows no extension. It hands offers and answers across as plain values; what
//! they mean is for whoever implements the extension.

use std::error::Error;
use std::fmt;

use http::header::SEC_WEBSOCKET_EXTENSIONS;
use http::{HeaderMap, HeaderValue};

use crate::header::{Cursor, ListError, is_token};

/// One extension with its parameters, offered or answered. Names and values are always tokens.
///
/// Names are compared in exact case and the order of the parameters is kept.
///
/// ```
/// use socket_flow_handshake::extension::Extension;
///
/// let offer = Extension::new("permessage-deflate")?
///     .param("client_max_window_bits")?
///     .param_with_value("server_max_window_bits", "10")?;
/// assert_eq!(
///     offer.to_string(),
///     "permessage-deflate; client_max_window_bits; server_max_window_bits=10",
/// );
/// assert_eq!(offer.params()[1].value(), Some("10"));
/// # Ok::<_, socket_flow_handshake::extension::NotAToken>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    name: Box<str>,
    params: Vec<Param>,
}

impl Extension {
    /// An extension without parameters.
    ///
    /// # Errors
    /// [`NotAToken`] if the name is not a token.
    pub fn new(name: &str) -> Result<Self, NotAToken> {
        Ok(Self {
            name: token(name)?,
            params: Vec::new(),
        })
    }

    /// Adds a parameter without a value.
    ///
    /// # Errors
    /// [`NotAToken`] if the name is not a token.
    pub fn param(self, name: &str) -> Result<Self, NotAToken> {
        self.push(name, None, false)
    }

    /// Adds a parameter with a value, to be written `name=value`.
    ///
    /// # Errors
    /// [`NotAToken`] if the name or the value is not a token.
    pub fn param_with_value(self, name: &str, value: &str) -> Result<Self, NotAToken> {
        self.push(name, Some(value), false)
    }

    /// Adds a parameter with a value, to be written `name="value"`, which means the same.
    ///
    /// No value needs it, for what stands between the quotes must be a token too.
    ///
    /// # Errors
    /// [`NotAToken`] if the name or the value is not a token.
    pub fn param_with_quoted_value(self, name: &str, value: &str) -> Result<Self, NotAToken> {
        self.push(name, Some(value), true)
    }

    /// The name, such as `permessage-deflate`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The parameters in their order, repeated ones included.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    fn push(mut self, name: &str, value: Option<&str>, quoted: bool) -> Result<Self, NotAToken> {
        self.params.push(Param {
            name: token(name)?,
            value: value.map(token).transpose()?,
            quoted,
        });
        Ok(self)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for param in &self.params {
            write!(f, "; {param}")?;
        }
        Ok(())
    }
}

/// A parameter of an extension.
///
/// Two parameters are equal if name and value are; quotes around the value are only spelling.
#[derive(Clone, Debug)]
pub struct Param {
    name: Box<str>,
    value: Option<Box<str>>,
    quoted: bool,
}

impl Param {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value, without quotes and escapes.
    pub fn value(&self) -> Option<&str> {
        self.value.as_deref()
    }

    /// Whether the value stood, or is to be written, between quotes.
    pub fn is_quoted(&self) -> bool {
        self.quoted
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value) == (&other.name, &other.value)
    }
}

impl Eq for Param {}

impl fmt::Display for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.value {
            None => Ok(()),
            // A token holds neither a quote nor a backslash, so nothing is to be escaped.
            Some(value) if self.quoted => write!(f, "=\"{value}\""),
            Some(value) => write!(f, "={value}"),
        }
    }
}

/// Reads all `Sec-WebSocket-Extensions` headers of a request or a response, in order.
///
/// Time is linear in the length of the headers, and so is memory. Without such a header the list
/// is empty.
///
/// # Errors
/// [`ListError`] if a value does not follow the grammar, or holds no extension at all.
///
/// ```
/// use http::{HeaderMap, HeaderValue};
/// use socket_flow_handshake::extension;
///
/// let mut headers = HeaderMap::new();
/// headers.append("sec-websocket-extensions", HeaderValue::from_static("a; b=\"c\", d"));
/// headers.append("sec-websocket-extensions", HeaderValue::from_static("e"));
/// let offers = extension::parse(&headers)?;
/// let names: Vec<_> = offers.iter().map(extension::Extension::name).collect();
/// assert_eq!(names, ["a", "d", "e"]);
/// assert_eq!(offers[0].params()[0].value(), Some("c"));
/// # Ok::<_, socket_flow_handshake::header::ListError>(())
/// ```
pub fn parse(headers: &HeaderMap) -> Result<Vec<Extension>, ListError> {
    let mut extensions = Vec::new();
    let mut present = false;
    for value in headers.get_all(SEC_WEBSOCKET_EXTENSIONS) {
        present = true;
        parse_value(&mut Cursor::new(value.as_bytes()), &mut extensions)?;
    }
    if present && extensions.is_empty() {
        return Err(ListError::Empty);
    }
    Ok(extensions)
}

/// Writes extensions as the value of one header; `None` for none, where no header is to be sent.
///
/// ```
/// use socket_flow_handshake::extension::{self, Extension};
///
/// let list = [Extension::new("a")?.param("b")?, Extension::new("c")?];
/// assert_eq!(extension::encode(&list).unwrap(), "a; b, c");
/// assert!(extension::encode(&[]).is_none());
/// # Ok::<_, extension::NotAToken>(())
/// ```
pub fn encode(extensions: &[Extension]) -> Option<HeaderValue> {
    if extensions.is_empty() {
        return None;
    }
    let mut text = String::new();
    for (index, extension) in extensions.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        text.push_str(&extension.to_string());
    }
    Some(HeaderValue::try_from(text).expect("tokens and separators are visible ASCII"))
}

/// A name or value that was to be written is not a token (RFC 9110 §5.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAToken;

impl fmt::Display for NotAToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a token")
    }
}

impl Error for NotAToken {}

fn token(text: &str) -> Result<Box<str>, NotAToken> {
    is_token(text.as_bytes())
        .then(|| text.into())
        .ok_or(NotAToken)
}

fn parse_value(cursor: &mut Cursor<'_>, into: &mut Vec<Extension>) -> Result<(), ListError> {
    while cursor.next_element()? {
        let name = cursor.token()?.into();
        let mut params = Vec::new();
        cursor.skip_spaces();
        while cursor.eat(b';') {
            cursor.skip_spaces();
            params.push(parse_param(cursor)?);
            cursor.skip_spaces();
        }
        cursor.end_element()?;
        into.push(Extension { name, params });
    }
    Ok(())
}

fn parse_param(cursor: &mut Cursor<'_>) -> Result<Param, ListError> {
    let name = cursor.token()?.into();
    // RFC 6455 takes its grammar from RFC 2616, which allows spaces around any separator.
    cursor.skip_spaces();
    if !cursor.eat(b'=') {
        return Ok(Param {
            name,
            value: None,
            quoted: false,
        });
    }
    cursor.skip_spaces();
    let quoted = cursor.eat(b'"');
    let value = if quoted {
        cursor.quoted_token()?.into()
    } else {
        cursor.token()?.into()
    };
    Ok(Param {
        name,
        value: Some(value),
        quoted,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The values of the headers, and the extensions in them as they are printed.
    type Case = (
        &'static [&'static str],
        Result<&'static [&'static str], ListError>,
    );

    fn parse_all(values: &[&str]) -> Result<Vec<Extension>, ListError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, value.parse().unwrap());
        }
        parse(&headers)
    }

    #[test]
    fn extensions_are_read_over_repeated_headers_and_printed_back() {
        let cases: &[Case] = &[
            (&[], Ok(&[])),
            (&["foo"], Ok(&["foo"])),
            (&["foo, bar; baz=2"], Ok(&["foo", "bar; baz=2"])),
            (&["foo", "bar; baz=2"], Ok(&["foo", "bar; baz=2"])),
            (&["b, a, b"], Ok(&["b", "a", "b"])),
            (&["a;c;b;c=1"], Ok(&["a; c; b; c=1"])),
            (&["\ta ; b = c ,, d\t,"], Ok(&["a; b=c", "d"])),
            (&["a; b=\"c\""], Ok(&["a; b=\"c\""])),
            (&["a; b=\"\\c\\d\""], Ok(&["a; b=\"cd\""])),
            (&["", "a"], Ok(&["a"])),
            (
                &["x; y, permessage-deflate; foo=1, permessage-deflate"],
                Ok(&["x; y", "permessage-deflate; foo=1", "permessage-deflate"]),
            ),
            // A name every object of a scripting language has: here it is only a name.
            (&["constructor; __proto__"], Ok(&["constructor; __proto__"])),
            (&[""], Err(ListError::Empty)),
            (&[",", " "], Err(ListError::Empty)),
            (&["a;"], Err(ListError::Token)),
            (&["a;;b"], Err(ListError::Token)),
            (&["a; =b"], Err(ListError::Token)),
            (&["a; b="], Err(ListError::Token)),
            (&["a; b=,c"], Err(ListError::Token)),
            (&["=a"], Err(ListError::Token)),
            (&["a b"], Err(ListError::Separator)),
            (&["a=b"], Err(ListError::Separator)),
            (&["a; b c"], Err(ListError::Separator)),
            (&["a; b=\"c\"d"], Err(ListError::Separator)),
            (&["a; b=\"\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c\\\"d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c,d\""], Err(ListError::QuotedValue)),
            (&["a; b=\"c"], Err(ListError::UnclosedQuote)),
            (&["a; b=\"c\\"], Err(ListError::UnclosedQuote)),
            // A quote does not reach into the next header.
            (&["a; b=\"c", "d\""], Err(ListError::UnclosedQuote)),
            (&["\u{e9}"], Err(ListError::Token)),
        ];
        for (values, expected) in cases {
            let got = parse_all(values)
                .map(|list| list.iter().map(Extension::to_string).collect::<Vec<_>>());
            let expected = expected.map(|list| list.iter().map(ToString::to_string).collect());
            assert_eq!(got, expected, "{values:?}");
        }
    }

    #[test]
    fn names_and_values_that_are_no_tokens_cannot_be_written() {
        for text in [
            "",
            "a b",
            "a,b",
            "a;b",
            "a\r\nb: c",
            "\"a\"",
            "\u{e9}",
            "a\0",
        ] {
            assert_eq!(Extension::new(text), Err(NotAToken), "{text:?}");
            let extension = Extension::new("a").unwrap();
            assert_eq!(extension.clone().param(text), Err(NotAToken));
            assert_eq!(
                extension.clone().param_with_value("a", text),
                Err(NotAToken)
            );
            assert_eq!(
                extension.clone().param_with_value(text, "a"),
                Err(NotAToken)
            );
            assert_eq!(extension.param_with_quoted_value("a", text), Err(NotAToken));
        }
    }

    #[test]
    fn quotes_are_spelling_and_not_part_of_the_value() {
        let plain = Extension::new("a")
            .unwrap()
            .param_with_value("b", "c")
            .unwrap();
        let quoted = Extension::new("a")
            .unwrap()
            .param_with_quoted_value("b", "c")
            .unwrap();
        assert_eq!(plain, quoted);
        assert_eq!(quoted.to_string(), "a; b=\"c\"");
        assert!(quoted.params()[0].is_quoted());
        assert_ne!(plain, Extension::new("a").unwrap().param("b").unwrap());
    }

    #[test]
    fn hostile_values_are_read_in_steps_linear_in_their_length() {
        for (head, pattern) in [
            ("a; b=\"", "c"),
            ("a; b=\"", "\\"),
            ("a; b=\"", "\\a"),
            ("a; b=\"", " "),
            ("a", ";b"),
            ("a", "; b=\"c\""),
            ("", "a,"),
            ("", " "),
            ("a; b=", " "),
            ("a; b=\"c\"", "\t"),
        ] {
            let value = head.to_owned() + &pattern.repeat(16 * 1024 / pattern.len());
            let mut cursor = Cursor::new(value.as_bytes());
            let _ = parse_value(&mut cursor, &mut Vec::new());
            assert!(
                cursor.steps <= 8 * value.len(),
                "{head}{pattern}: {}",
                cursor.steps
            );
        }
    }

    fn token_text() -> impl Strategy<Value = String> {
        "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,12}"
    }

    fn any_extension() -> impl Strategy<Value = Extension> {
        let param = (
            token_text(),
            proptest::option::of(token_text()),
            any::<bool>(),
        );
        let params = proptest::collection::vec(param, 0..5);
        (token_text(), params).prop_map(|(name, params)| {
            params.iter().fold(
                Extension::new(&name).unwrap(),
                |extension, (name, value, quoted)| {
                    match value {
                        None => extension.param(name),
                        Some(value) if *quoted => extension.param_with_quoted_value(name, value),
                        Some(value) => extension.param_with_value(name, value),
                    }
                    .unwrap()
                },
            )
        })
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(list in proptest::collection::vec(any_extension(), 0..5)) {
            let mut headers = HeaderMap::new();
            if let Some(value) = encode(&list) {
                headers.insert(SEC_WEBSOCKET_EXTENSIONS, value);
            }
            prop_assert_eq!(parse(&headers), Ok(list.clone()));

            let mut repeated = HeaderMap::new();
            for extension in &list {
                let value = extension.to_string().parse().unwrap();
                repeated.append(SEC_WEBSOCKET_EXTENSIONS, value);
            }
            prop_assert_eq!(parse(&repeated), Ok(list));
        }

        #[test]
        fn any_value_is_read_without_panic_and_in_linear_time(value in "[a-c;,=\"\\\\ \t]{0,64}") {
            let mut cursor = Cursor::new(value.as_bytes());
            let mut list = Vec::new();
            let result = parse_value(&mut cursor, &mut list);
            prop_assert!(cursor.steps <= 8 * (value.len() + 1));
            if result.is_ok() {
                let printed: Vec<_> = list.iter().map(Extension::to_string).collect();
                let mut again = Vec::new();
                parse_value(&mut Cursor::new(printed.join(",").as_bytes()), &mut again).unwrap();
                prop_assert_eq!(again, list);
            }
        }
    }
}
