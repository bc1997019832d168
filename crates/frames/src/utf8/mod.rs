//! UTF-8 of text messages and close reasons (RFC 6455 section 8.1): all at once here, piece by piece with
//! [`Utf8Validator`](crate::Utf8Validator).
#![allow(unsafe_code)]

#[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
mod avx2;
pub(crate) mod error;
pub(crate) mod partial;
pub(crate) mod validator;

use crate::Utf8Error;

/// Below this `simdutf8` hands over to the standard library, which goes byte by byte.
const VECTOR_LEN: usize = 64;

/// From here on padding a short text to [`VECTOR_LEN`] beats going byte by byte.
const PAD_FROM: usize = 24;

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
    if bytes.len() >= VECTOR_LEN || !is_ascii(bytes) {
        check(bytes)?;
    }
    // SAFETY: just validated, or ASCII, which is valid UTF-8.
    Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
}

/// Validates bytes of which some are not ASCII, or that are too many to have been looked at.
#[inline(never)]
pub(crate) fn check(bytes: &[u8]) -> Result<(), Utf8Error> {
    is_text(bytes).then_some(()).ok_or(Utf8Error::new())
}

#[inline(always)]
fn is_text(bytes: &[u8]) -> bool {
    #[cfg(all(target_arch = "x86_64", any(feature = "std", target_feature = "avx2")))]
    if bytes.len() >= avx2::MIN_LEN && avx2::is_detected() {
        // SAFETY: the processor has AVX2.
        return unsafe { avx2::is_utf8(bytes) };
    }
    if (PAD_FROM..VECTOR_LEN).contains(&bytes.len()) {
        // NUL is a character and continues none: the padded text is valid if `bytes` is.
        let mut padded = [0; VECTOR_LEN];
        for (padded, byte) in padded.iter_mut().zip(bytes) {
            *padded = *byte;
        }
        return simdutf8::basic::from_utf8(&padded).is_ok();
    }
    simdutf8::basic::from_utf8(bytes).is_ok()
}

/// Whether none of at most 64 bytes has its highest bit set: two words or vectors, of which the second ends
/// with the text and may overlap the first.
#[inline(always)]
fn is_ascii(bytes: &[u8]) -> bool {
    if bytes.len() > 32 {
        is_ascii_at_ends::<32>(bytes)
    } else if bytes.len() > 16 {
        is_ascii_at_ends::<16>(bytes)
    } else if bytes.len() >= 8 {
        is_ascii_at_ends::<8>(bytes)
    } else if bytes.len() >= 4 {
        is_ascii_at_ends::<4>(bytes)
    } else {
        bytes.iter().fold(0, |all, &byte| all | byte) < 0x80
    }
}

/// Whether the first and the last `N` bytes, all if there are `N` to `2 * N`, are ASCII.
#[inline(always)]
fn is_ascii_at_ends<const N: usize>(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk::<N>(), bytes.last_chunk::<N>()) else {
        return false;
    };
    is_ascii_both(first, last)
}

/// Whether both are ASCII.
#[inline(always)]
pub(crate) fn is_ascii_both<const N: usize>(first: &[u8; N], last: &[u8; N]) -> bool {
    let mut all = [0; N];
    for ((all, first), last) in all.iter_mut().zip(first).zip(last) {
        *all = first | last;
    }
    all.iter().fold(0, |all, byte| all | byte) < 0x80
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::{VECTOR_LEN, is_ascii, validate};

    /// Among bytes with no bit set and among bytes with all bits but the highest.
    #[test]
    fn a_byte_above_127_is_seen_at_every_place_of_every_length() {
        for (len, around) in (0..150).flat_map(|len| [(len, 0x00), (len, 0x7F)]) {
            let mut bytes = vec![around; len];
            assert!(validate(&bytes).is_ok());
            assert!(len > VECTOR_LEN || is_ascii(&bytes));
            for at in 0..len {
                for byte in [0x80, 0xC3, 0xFF] {
                    bytes[at] = byte;
                    assert!(validate(&bytes).is_err(), "{at} of {len}");
                    assert!(len > VECTOR_LEN || !is_ascii(&bytes), "{at} of {len}");
                }
                bytes[at] = around;
            }
        }
    }

    #[test]
    fn two_bytes_above_127_are_seen_whatever_lies_between_them() {
        for len in 2..=VECTOR_LEN {
            for second in 1..len {
                for first in 0..second {
                    let mut bytes = [0x7F; VECTOR_LEN];
                    bytes[first] = 0x80;
                    bytes[second] = 0x80;
                    assert!(!is_ascii(&bytes[..len]), "{first} and {second} of {len}");
                }
            }
        }
    }

    #[test]
    fn short_text_of_more_than_ascii_is_valid() {
        for len in 0..70 {
            let mut text = std::string::String::from("é語\u{1f980}");
            text.extend(std::iter::repeat_n('a', len));
            assert_eq!(validate(text.as_bytes()), Ok(&*text));
        }
    }
}
