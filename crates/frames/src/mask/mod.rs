//! Masking of payloads (RFC 6455 section 5.3): every byte is combined with a byte of a four-byte key by
//! exclusive or, which both masks and unmasks.
//!
//! `offset` is the position of the first byte within the payload, so that a payload can be dealt with
//! piece by piece. Up to 63 bytes are done inline with machine words, longer ones by the widest vectors the
//! processor has (AVX2 is detected at run time with feature `std`).

mod kernels;
pub(crate) mod key;
mod words;

use crate::MaskKey;

/// From here on a call of the vector kernel is worth it.
const INLINE_BELOW: usize = 64;

/// Masks or unmasks `data` in place; its first byte is at `offset` within the payload.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{mask, MaskKey};
///
/// let key = MaskKey::from([0x37, 0xfa, 0x21, 0x3d]);
/// let mut payload = *b"Hello";
/// let (first, second) = payload.split_at_mut(2);
/// mask::apply(first, key, 0);
/// mask::apply(second, key, 2);
/// assert_eq!(&payload, b"\x7f\x9f\x4d\x51\x58");
/// ```
#[inline]
pub fn apply(data: &mut [u8], key: MaskKey, offset: usize) {
    let mask = key.word(offset);
    if data.len() < INLINE_BELOW {
        words::apply(data, mask);
    } else {
        kernels::apply(data, mask);
    }
}

/// Copies `src` to `dst` and masks or unmasks it on the way; the first byte is at `offset` within the payload.
///
/// Copies as many bytes as the shorter of the two has, and returns how many.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{mask, MaskKey};
///
/// let key = MaskKey::from([0x37, 0xfa, 0x21, 0x3d]);
/// let mut masked = [0; 5];
/// assert_eq!(mask::copy(&mut masked, b"Hello", key, 0), 5);
/// assert_eq!(&masked, b"\x7f\x9f\x4d\x51\x58");
/// ```
#[inline]
pub fn copy(dst: &mut [u8], src: &[u8], key: MaskKey, offset: usize) -> usize {
    let len = dst.len().min(src.len());
    let mask = key.word(offset);
    if let (Some(dst), Some(src)) = (dst.get_mut(..len), src.get(..len)) {
        if len < INLINE_BELOW {
            words::copy(dst, src, mask);
        } else {
            kernels::copy(dst, src, mask);
        }
    }
    len
}
