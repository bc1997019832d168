//! Long payloads: one safe body, compiled for what the target surely has (SSE2 on x86-64, NEON on AArch64)
//! and once more for AVX2, which is detected at run time.
#![allow(unsafe_code)]

use super::{
    slot::Slot,
    words::{advance, xor_8},
};

/// A vector register of AVX2, two of SSE2 or NEON. A multiple of the key's four bytes.
const BLOCK: usize = 32;

/// Blocks per round of the main loop: enough to hide the latency of a load.
const ROUND: usize = 4 * BLOCK;

/// From here on stores that never cross a cache line pay for finding the first aligned one.
const ALIGN_FROM: usize = 512;

type Block = [u8; BLOCK];

/// A block as it is kept in a register while all bits are gathered.
type Words = [u64; BLOCK / 8];

/// The bit of each byte that ASCII does not have.
const HIGH_BITS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Masks `data`, which has at least [`BLOCK`] bytes. Where it is told to `LOOK`, it returns whether all of them
/// are ASCII then; `false` otherwise.
pub(super) fn apply<const LOOK: bool>(data: &mut [u8], mask: u64) -> bool {
    #[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { apply_avx2::<LOOK>(data, mask) };
    }
    apply_body::<LOOK>(data, mask)
}

/// Copies `src` to `dst`, which have the same length of at least [`BLOCK`] bytes, and masks it. All of `dst` is
/// written, and nothing of it read.
pub(super) fn copy<T: Slot>(dst: &mut [T], src: &[u8], mask: u64) {
    #[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { copy_avx2(dst, src, mask) };
    }
    copy_body(dst, src, mask);
}

/// # Safety
///
/// The processor must have AVX2.
#[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
#[target_feature(enable = "avx2")]
unsafe fn apply_avx2<const LOOK: bool>(data: &mut [u8], mask: u64) -> bool {
    apply_body::<LOOK>(data, mask)
}

/// # Safety
///
/// The processor must have AVX2.
#[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
#[target_feature(enable = "avx2")]
unsafe fn copy_avx2<T: Slot>(dst: &mut [T], src: &[u8], mask: u64) {
    copy_body(dst, src, mask);
}

/// The first and the last block overlap what the loops do between them: they are taken before it is changed
/// and written after, so no byte is done alone whatever the length and the alignment.
#[inline(always)]
fn apply_body<const LOOK: bool>(data: &mut [u8], mask: u64) -> bool {
    let (Some(&first), Some(&last)) = (data.first_chunk(), data.last_chunk()) else {
        return false;
    };
    let first = xor(first, mask);
    let last = xor(last, advance(mask, data.len()));
    // All bits that any byte has: what blocks share is taken twice and changes nothing.
    let mut bits = gather(words(first), words(last));

    let skipped = to_alignment(data);
    let middle = data.get_mut(skipped..).unwrap_or_default();
    let mask = advance(mask, skipped);
    let mut rounds = middle.chunks_exact_mut(ROUND);
    for round in &mut rounds {
        for block in round.chunks_exact_mut(BLOCK) {
            bits = apply_block::<LOOK>(block, mask, bits);
        }
    }
    for block in rounds.into_remainder().chunks_exact_mut(BLOCK) {
        bits = apply_block::<LOOK>(block, mask, bits);
    }

    if skipped > 0 {
        if let Some(start) = data.first_chunk_mut() {
            *start = first;
        }
    }
    if let Some(end) = data.last_chunk_mut() {
        *end = last;
    }
    let [a, b, c, d] = bits;
    LOOK && (a | b | c | d) & HIGH_BITS == 0
}

#[inline(always)]
fn copy_body<T: Slot>(dst: &mut [T], src: &[u8], mask: u64) {
    let (Some(&first), Some(&last)) = (src.first_chunk(), src.last_chunk()) else {
        return;
    };

    let skipped = to_alignment(dst);
    let to = dst.get_mut(skipped..).unwrap_or_default();
    let from = src.get(skipped..).unwrap_or_default();
    let middle_mask = advance(mask, skipped);
    let mut to = to.chunks_exact_mut(ROUND);
    let mut from = from.chunks_exact(ROUND);
    for (to, from) in (&mut to).zip(&mut from) {
        for (to, from) in to.chunks_exact_mut(BLOCK).zip(from.chunks_exact(BLOCK)) {
            copy_block(to, from, middle_mask);
        }
    }
    let (to, from) = (to.into_remainder(), from.remainder());
    for (to, from) in to.chunks_exact_mut(BLOCK).zip(from.chunks_exact(BLOCK)) {
        copy_block(to, from, middle_mask);
    }

    if skipped > 0 {
        if let Some(start) = dst.first_chunk_mut() {
            T::put(start, xor(first, mask));
        }
    }
    if let Some(end) = dst.last_chunk_mut() {
        T::put(end, xor(last, advance(mask, src.len())));
    }
}

/// Appends `src` to `to` and masks it: one pass, and no byte is written twice.
#[cfg(feature = "bytes")]
pub(super) fn append(to: &mut bytes::BytesMut, src: &[u8], mask: u64) {
    to.reserve(src.len());
    if let Some(spare) = to.spare_capacity_mut().get_mut(..src.len()) {
        if src.len() < BLOCK {
            super::words::copy(spare, src, mask);
        } else {
            copy(spare, src, mask);
        }
        // SAFETY: so many bytes behind the end were there to be written, and all of them have been: below a
        // block by words, else by the first block, those behind it, and the last one.
        unsafe { to.set_len(to.len() + src.len()) };
    }
}

/// How many bytes to leave to the first block so that the blocks behind it are aligned: below [`BLOCK`].
#[inline(always)]
fn to_alignment<T>(data: &[T]) -> usize {
    if data.len() < ALIGN_FROM {
        0
    } else {
        data.as_ptr().align_offset(BLOCK) % BLOCK
    }
}

#[inline(always)]
fn apply_block<const LOOK: bool>(block: &mut [u8], mask: u64, bits: Words) -> Words {
    if let Some(block) = block.first_chunk_mut() {
        *block = xor(*block, mask);
        if LOOK {
            return gather(bits, words(*block));
        }
    }
    bits
}

#[inline(always)]
fn gather(bits: Words, words: Words) -> Words {
    let ([a, b, c, d], [e, f, g, h]) = (bits, words);
    [a | e, b | f, c | g, d | h]
}

#[inline(always)]
fn words(block: Block) -> Words {
    let mut words = [0; BLOCK / 8];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(8)) {
        if let Some(bytes) = bytes.first_chunk() {
            *word = u64::from_ne_bytes(*bytes);
        }
    }
    words
}

#[inline(always)]
fn copy_block<T: Slot>(to: &mut [T], from: &[u8], mask: u64) {
    if let (Some(to), Some(&from)) = (to.first_chunk_mut(), from.first_chunk()) {
        T::put(to, xor(from, mask));
    }
}

#[inline(always)]
fn xor(mut block: Block, mask: u64) -> Block {
    for word in block.chunks_exact_mut(8) {
        if let Some(word) = word.first_chunk_mut() {
            *word = xor_8(*word, mask);
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use super::{BLOCK, apply, apply_body, copy, copy_body};
    use crate::MaskKey;

    /// Both compilations of the body, not only the one that this machine selects.
    #[test]
    fn portable_and_detected_kernels_agree_for_every_length_offset_and_alignment() {
        let key = MaskKey::from([0xde, 0xad, 0xbe, 0xef]);
        for len in (BLOCK..300).chain(500..700) {
            let data: Vec<u8> = (0..len).map(|at| (at * 37) as u8).collect();
            for offset in 0..4 {
                let expected: Vec<u8> = data
                    .iter()
                    .enumerate()
                    .map(|(at, byte)| byte ^ key.to_bytes()[(offset + at) % 4])
                    .collect();
                for start in 0..BLOCK {
                    for kernel in [
                        apply::<false>,
                        apply_body::<false>,
                        apply::<true>,
                        apply_body::<true>,
                    ] {
                        let mut memory = vec![0; start + len];
                        memory[start..].copy_from_slice(&data);
                        // There is always a byte above 127.
                        assert!(!kernel(&mut memory[start..], key.word(offset)));
                        assert_eq!(memory[start..], expected);
                    }
                    for kernel in [copy::<u8>, copy_body::<u8>] {
                        let mut memory = vec![0; start + len];
                        kernel(&mut memory[start..], &data, key.word(offset));
                        assert_eq!(memory[start..], expected);
                    }
                }
            }
        }
    }

    #[test]
    fn portable_and_detected_kernels_see_a_byte_above_127_at_every_place() {
        let mask = MaskKey::from([0xde, 0xad, 0xbe, 0xef]).word(0);
        for len in (BLOCK..200).chain([511, 512, 513, 640, 700]) {
            let mut plain = vec![0x7F; len];
            for at in (0..len).map(Some).chain([None]) {
                if let Some(at) = at {
                    plain[at] = 0x80;
                }
                for kernel in [apply::<true>, apply_body::<true>] {
                    let mut memory = plain.clone();
                    apply::<false>(&mut memory, mask);
                    assert_eq!(kernel(&mut memory, mask), at.is_none(), "{at:?} of {len}");
                    assert_eq!(memory, plain);
                }
                if let Some(at) = at {
                    plain[at] = 0x7F;
                }
            }
        }
    }

    /// Also where they would meet in the word that gathers all bits.
    #[test]
    fn portable_and_detected_kernels_see_two_bytes_above_127_whatever_lies_between_them() {
        let mask = MaskKey::from([0xde, 0xad, 0xbe, 0xef]).word(0);
        for len in [BLOCK, 63, 64, 65, 96, 130, 160] {
            for second in 1..len {
                for first in 0..second {
                    let mut plain = vec![0x7F; len];
                    plain[first] = 0x80;
                    plain[second] = 0x80;
                    apply::<false>(&mut plain, mask);
                    for kernel in [apply::<true>, apply_body::<true>] {
                        let is_ascii = kernel(&mut plain.clone(), mask);
                        assert!(!is_ascii, "{first} and {second} of {len}");
                    }
                }
            }
        }
    }
}
