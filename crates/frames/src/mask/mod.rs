//! Masking of payloads (RFC 6455 section 5.3): every byte is combined with a byte of a four-byte key by
//! exclusive or, which both masks and unmasks.
//!
//! `offset` is the position of the first byte within the payload, so that a payload can be dealt with
//! piece by piece. Up to 64 bytes are done inline, longer ones by the widest vectors the
//! processor has (AVX2 is detected at run time with feature `std`).

mod kernels;
pub(crate) mod key;
mod slot;
mod words;

use crate::MaskKey;

/// Up to here two vectors inline do it; beyond, a call of the kernel is worth it.
const INLINE_UP_TO: usize = 64;

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
#[inline(always)] // a few instructions, and the reason to have them is that no call is needed
pub fn apply(data: &mut [u8], key: MaskKey, offset: usize) {
    apply_and_look::<false>(data, key, offset);
}

/// The same. Where it is told to `LOOK`, it returns whether `data` is ASCII then: that needs no second pass.
#[inline(always)]
pub(crate) fn apply_and_look<const LOOK: bool>(
    data: &mut [u8],
    key: MaskKey,
    offset: usize,
) -> bool {
    let mask = key.word(offset);
    if data.len() <= INLINE_UP_TO {
        words::apply(data, mask)
    } else {
        kernels::apply::<LOOK>(data, mask)
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
        if len <= INLINE_UP_TO {
            words::copy(dst, src, mask);
        } else {
            kernels::copy(dst, src, mask);
        }
    }
    len
}

/// Appends `src` to `to` and masks or unmasks it on the way; the first byte is at `offset` within the payload.
///
/// # Panics
///
/// When the capacity would overflow `usize`, as `BytesMut::reserve` does.
///
/// # Examples
///
/// ```
/// use bytes::BytesMut;
/// use socket_flow_frames::{mask, MaskKey};
///
/// let mut frame = BytesMut::from(&b"\x81\x85\x37\xfa\x21\x3d"[..]);
/// mask::append(&mut frame, b"Hello", MaskKey::from([0x37, 0xfa, 0x21, 0x3d]), 0);
/// assert_eq!(&frame[6..], b"\x7f\x9f\x4d\x51\x58");
/// ```
#[cfg(feature = "bytes")]
#[inline]
pub fn append(to: &mut bytes::BytesMut, src: &[u8], key: MaskKey, offset: usize) {
    kernels::append(to, src, key.word(offset));
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use proptest::prelude::*;

    use super::{apply, apply_and_look, copy};
    use crate::MaskKey;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    /// What stands around the bytes under test, and must still do so afterwards.
    const GUARD: u8 = 0xEE;

    fn byte_by_byte(data: &[u8], key: [u8; 4], offset: usize) -> Vec<u8> {
        data.iter()
            .enumerate()
            .map(|(at, byte)| byte ^ key[(offset + at) % 4])
            .collect()
    }

    fn sample(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 151 + at / 7) as u8).collect()
    }

    /// RFC 6455 §5.3.
    #[test]
    fn apply_agrees_with_a_byte_loop_for_every_length_offset_and_alignment() {
        for len in (0..300).chain([511, 512, 513, 544, 1000, 4099]) {
            let data = sample(len);
            for offset in 0..4 {
                let expected = byte_by_byte(&data, KEY, offset);
                for start in 0..33 {
                    let mut memory = vec![GUARD; start + len + 9];
                    memory[start..start + len].copy_from_slice(&data);
                    apply(&mut memory[start..start + len], KEY.into(), offset);
                    assert_eq!(
                        memory[start..start + len],
                        expected,
                        "{len} at {start}, {offset}"
                    );
                    assert!(
                        memory[..start]
                            .iter()
                            .chain(&memory[start + len..])
                            .all(|&byte| byte == GUARD)
                    );
                }
            }
        }
    }

    #[test]
    fn a_byte_above_127_is_seen_at_every_place_of_every_length_while_it_is_unmasked() {
        for len in 0..200 {
            let mut plain = vec![0x7F; len];
            for at in (0..len).map(Some).chain([None]) {
                if let Some(at) = at {
                    plain[at] = 0x80;
                }
                let mut data = byte_by_byte(&plain, KEY, 0);
                let is_ascii = apply_and_look::<true>(&mut data, KEY.into(), 0);
                assert_eq!(is_ascii, at.is_none(), "{at:?} of {len}");
                assert_eq!(data, plain);
                if let Some(at) = at {
                    plain[at] = 0x7F;
                }
            }
        }
    }

    #[test]
    fn copy_agrees_with_a_byte_loop_for_every_length_offset_and_alignment() {
        for len in (0..300).chain([511, 512, 513, 544, 1000, 4099]) {
            let data = sample(len);
            for offset in 0..4 {
                let expected = byte_by_byte(&data, KEY, offset);
                for start in 0..33 {
                    let mut memory = vec![GUARD; start + len + 9];
                    let copied = copy(&mut memory[start..start + len], &data, KEY.into(), offset);
                    assert_eq!(copied, len);
                    assert_eq!(
                        memory[start..start + len],
                        expected,
                        "{len} at {start}, {offset}"
                    );
                    assert!(
                        memory[..start]
                            .iter()
                            .chain(&memory[start + len..])
                            .all(|&byte| byte == GUARD)
                    );
                }
            }
        }
    }

    #[test]
    fn two_bytes_above_127_are_seen_in_a_short_payload_whatever_lies_between_them() {
        for len in 2..=super::INLINE_UP_TO {
            for second in 1..len {
                for first in 0..second {
                    let mut plain = vec![0x7F; len];
                    plain[first] = 0x80;
                    plain[second] = 0x80;
                    let mut data = byte_by_byte(&plain, KEY, 0);
                    let is_ascii = apply_and_look::<true>(&mut data, KEY.into(), 0);
                    assert!(!is_ascii, "{first} and {second} of {len}");
                }
            }
        }
    }

    #[cfg(feature = "bytes")]
    #[test]
    fn append_agrees_with_a_byte_loop_and_leaves_what_was_there() {
        for len in (0..300).chain([511, 512, 513, 544, 1000, 4099]) {
            let data = sample(len);
            for offset in 0..4 {
                for before in [0, 1, 6, 33] {
                    let mut to = bytes::BytesMut::from(&[GUARD; 33][..before]);
                    super::append(&mut to, &data, KEY.into(), offset);
                    let (kept, appended) = to.split_at(before);
                    assert!(kept.iter().all(|&byte| byte == GUARD));
                    assert_eq!(appended, byte_by_byte(&data, KEY, offset));
                }
            }
        }
    }

    #[test]
    fn copy_stops_at_the_end_of_the_shorter_slice() {
        let src = sample(200);
        for (dst_len, src_len) in [
            (0, 200),
            (200, 0),
            (3, 200),
            (199, 200),
            (200, 199),
            (64, 65),
        ] {
            let mut dst = vec![GUARD; dst_len];
            let len = copy(&mut dst, &src[..src_len], KEY.into(), 1);
            assert_eq!(len, dst_len.min(src_len));
            assert_eq!(dst[..len], byte_by_byte(&src[..len], KEY, 1));
            assert!(dst[len..].iter().all(|&byte| byte == GUARD));
        }
    }

    #[test]
    fn offsets_up_to_the_largest_are_taken_modulo_four() {
        let mut data = sample(100);
        let expected = byte_by_byte(&data, KEY, 3);
        apply(&mut data, KEY.into(), usize::MAX);
        assert_eq!(data, expected);
    }

    proptest! {
        #[test]
        fn pieces_masked_one_after_the_other_equal_the_whole(
            data in proptest::collection::vec(any::<u8>(), 0..2000),
            key in any::<[u8; 4]>(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let key = MaskKey::from(key);
            let mut whole = data.clone();
            apply(&mut whole, key, 0);

            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(data.len() + 1)).collect();
            cuts.sort_unstable();
            let (mut pieces, mut start) = (data, 0);
            for end in cuts.into_iter().chain([pieces.len()]) {
                apply(&mut pieces[start..end], key, start);
                start = end;
            }
            prop_assert_eq!(&pieces, &whole);
        }
    }
}
