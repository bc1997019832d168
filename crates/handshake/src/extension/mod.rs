//! `Sec-WebSocket-Extensions`: offers and answers, read and written (RFC 6455 §9.1).
//!
//! One extension is known here: permessage-deflate, in [`deflate`](crate::deflate). All others are
//! handed across as plain values; what they mean is for whoever implements the extension.

mod cursor;
mod parse;
mod write;

use std::error::Error;
use std::fmt;

use crate::header::is_token;

pub(crate) use parse::find;
pub use parse::parse;
pub use write::encode;

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

    /// An extension this crate writes itself: its names are tokens, and so is every number.
    pub(crate) fn from_known<I>(name: &'static str, params: I) -> Self
    where
        I: IntoIterator<Item = (&'static str, Option<u8>)>,
    {
        let param = |(name, number): (&'static str, Option<u8>)| {
            debug_assert!(is_token(name.as_bytes()));
            Param {
                name: name.into(),
                value: number.map(|number| number.to_string().into()),
                quoted: false,
            }
        };
        debug_assert!(is_token(name.as_bytes()));
        Self {
            name: name.into(),
            params: params.into_iter().map(param).collect(),
        }
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

/// A parameter of an extension.
///
/// Two parameters are equal if name and value are; quotes around the value are only spelling.
#[derive(Clone)]
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

impl fmt::Debug for Param {
    /// Shows of the value whether there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Param")
            .field("name", &self.name)
            .field("value", &self.value.is_some())
            .finish()
    }
}

impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, &self.value) == (&other.name, &other.value)
    }
}

impl Eq for Param {}

/// A name or value that was to be written is not a token (RFC 9110 §5.6.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // it says all there is to say
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

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §9.1.
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
        assert_eq!(NotAToken.to_string(), "not a token");
    }

    /// RFC 6455 §4.3, §9.1.
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
        assert!(quoted.params()[0].is_quoted() && !plain.params()[0].is_quoted());
        assert_ne!(plain, Extension::new("a").unwrap().param("b").unwrap());
    }
}
