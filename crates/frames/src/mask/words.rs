//! Short payloads, inlined into the caller: two words or vectors of which the second ends with the payload
//! and may overlap the first, so that neither a loop nor single bytes are needed.

use core::array;

use super::slot::Slot;
use crate::utf8::is_ascii_both;

/// Turns `mask` so that it fits `by` bytes further on.
#[inline(always)]
pub(super) const fn advance(mask: u64, by: usize) -> u64 {
    // In a little-endian word the first byte is the lowest: to the right is towards the front.
    let shift = match by % 4 {
        0 => 0,
        1 => 8,
        2 => 16,
        _ => 24,
    };
    u64::from_le(mask).rotate_right(shift).to_le()
}

/// Masks at most 64 bytes, and returns whether all of them are ASCII then.
#[inline(always)]
pub(super) fn apply(data: &mut [u8], mask: u64) -> bool {
    // Both ends are taken before either is written: what they share is masked once, not twice.
    if data.len() > 32 {
        apply_ends::<32>(data, mask)
    } else if data.len() > 16 {
        apply_ends::<16>(data, mask)
    } else if data.len() >= 8 {
        apply_ends::<8>(data, mask)
    } else if data.len() >= 4 {
        apply_ends::<4>(data, mask)
    } else {
        let mut bits = 0;
        for (byte, mask) in data.iter_mut().zip(mask.to_ne_bytes()) {
            *byte ^= mask;
            bits |= *byte;
        }
        bits < 0x80
    }
}

/// Masks the first and the last `N` bytes: all, if there are `N` to `2 * N`.
#[inline(always)]
fn apply_ends<const N: usize>(data: &mut [u8], mask: u64) -> bool {
    let (Some(&first), Some(&last)) = (data.first_chunk::<N>(), data.last_chunk::<N>()) else {
        return false;
    };
    let first = xor(first, mask);
    let last = xor(last, advance(mask, data.len() - N));
    if let Some(start) = data.first_chunk_mut() {
        *start = first;
    }
    if let Some(end) = data.last_chunk_mut() {
        *end = last;
    }
    is_ascii_both(&first, &last)
}

/// Copies and masks at most 64 bytes; `dst` and `src` have the same length. All of `dst` is written.
#[inline(always)]
pub(super) fn copy<T: Slot>(dst: &mut [T], src: &[u8], mask: u64) {
    if src.len() > 32 {
        copy_ends::<T, 32>(dst, src, mask);
    } else if src.len() > 16 {
        copy_ends::<T, 16>(dst, src, mask);
    } else if src.len() >= 8 {
        copy_ends::<T, 8>(dst, src, mask);
    } else if src.len() >= 4 {
        copy_ends::<T, 4>(dst, src, mask);
    } else {
        for ((to, from), mask) in dst.iter_mut().zip(src).zip(mask.to_ne_bytes()) {
            T::put(array::from_mut(to), [from ^ mask]);
        }
    }
}

#[inline(always)]
fn copy_ends<T: Slot, const N: usize>(dst: &mut [T], src: &[u8], mask: u64) {
    let (Some(&first), Some(&last)) = (src.first_chunk::<N>(), src.last_chunk::<N>()) else {
        return;
    };
    if let Some(start) = dst.first_chunk_mut() {
        T::put(start, xor(first, mask));
    }
    if let Some(end) = dst.last_chunk_mut() {
        T::put(end, xor(last, advance(mask, src.len() - N)));
    }
}

#[inline(always)]
pub(super) fn xor_8(bytes: [u8; 8], mask: u64) -> [u8; 8] {
    (u64::from_ne_bytes(bytes) ^ mask).to_ne_bytes()
}

/// `N` is a multiple of 4, the length after which the mask repeats.
#[inline(always)]
fn xor<const N: usize>(mut bytes: [u8; N], mask: u64) -> [u8; N] {
    let [a, b, c, d, ..] = mask.to_ne_bytes();
    let mask = u32::from_ne_bytes([a, b, c, d]);
    for word in bytes.chunks_exact_mut(4) {
        if let Some(word) = word.first_chunk_mut() {
            *word = (u32::from_ne_bytes(*word) ^ mask).to_ne_bytes();
        }
    }
    bytes
}
