//! UTF-8 of text messages and close reasons (RFC 6455 section 8.1): all at once here, piece by piece with
//! [`Utf8Validator`](crate::Utf8Validator).
#![allow(unsafe_code)]

pub(crate) mod partial;
pub(crate) mod validator;

use crate::Utf8Error;

/// Validates `bytes` as UTF-8 with the vector instructions the processor has.
///
/// # Errors
///
/// [`Utf8Error`] when `bytes` is not UTF-8, or ends inside a character.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::utf8;
///
/// assert_eq!(utf8::validate("grüße".as_bytes())?, "grüße");
/// assert!(utf8::validate(b"\xed\xa0\x80").is_err()); // a surrogate
/// # Ok::<(), socket_flow_frames::Utf8Error>(())
/// ```
#[inline]
pub fn validate(bytes: &[u8]) -> Result<&str, Utf8Error> {
    simdutf8::basic::from_utf8(bytes).map_err(|_| Utf8Error::new())
}
