use std::error::Error;
use std::fmt;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A header that was to be added is none: the caller's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidHeader {
    /// The name is not a token (RFC 9110 §5.1).
    Name,
    /// There are more headers than a [`HeaderMap`] holds.
    TooMany,
    /// The value holds a line break or another control character (RFC 9110 §5.5).
    Value,
}

impl InvalidHeader {
    /// Adds a header from anything that can be one.
    pub(crate) fn append<N, V>(headers: &mut HeaderMap, name: N, value: V) -> Result<(), Self>
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let name = name.try_into().map_err(|_| Self::Name)?;
        let value = value.try_into().map_err(|_| Self::Value)?;
        match headers.try_append(name, value) {
            Ok(_) => Ok(()),
            Err(_) => Err(Self::TooMany),
        }
    }
}

impl fmt::Display for InvalidHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "header name is not a token",
            Self::TooMany => "too many headers",
            Self::Value => "header value holds a control character",
        })
    }
}

impl Error for InvalidHeader {}
