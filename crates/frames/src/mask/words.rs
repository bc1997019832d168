//! Short payloads in machine words, inlined into the caller.
//!
//! The last bytes are never done one by one: the last word overlaps the one before it.

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

#[inline(always)]
pub(super) fn apply(data: &mut [u8], mask: u64) {
    let len = data.len();
    if let Some(&last) = data.last_chunk::<8>() {
        // Taken before the words below change the bytes that it shares with them, written after.
        let last = xor_8(last, advance(mask, len));
        let (words, _) = data.split_at_mut(len - len % 8);
        for word in words.chunks_exact_mut(8) {
            if let Some(word) = word.first_chunk_mut() {
                *word = xor_8(*word, mask);
            }
        }
        if let Some(end) = data.last_chunk_mut() {
            *end = last;
        }
    } else if let (Some(&first), Some(&last)) = (data.first_chunk(), data.last_chunk()) {
        if let Some(start) = data.first_chunk_mut() {
            *start = xor_4(first, mask);
        }
        if let Some(end) = data.last_chunk_mut() {
            *end = xor_4(last, advance(mask, len));
        }
    } else {
        for (byte, mask) in data.iter_mut().zip(mask.to_ne_bytes()) {
            *byte ^= mask;
        }
    }
}

/// `dst` and `src` have the same length.
#[inline(always)]
pub(super) fn copy(dst: &mut [u8], src: &[u8], mask: u64) {
    let len = src.len();
    if let (Some(&last), Some(_)) = (src.last_chunk::<8>(), dst.last_chunk::<8>()) {
        for (to, from) in dst.chunks_exact_mut(8).zip(src.chunks_exact(8)) {
            if let (Some(to), Some(&from)) = (to.first_chunk_mut(), from.first_chunk()) {
                *to = xor_8(from, mask);
            }
        }
        if let Some(end) = dst.last_chunk_mut() {
            *end = xor_8(last, advance(mask, len));
        }
    } else if let (Some(&first), Some(&last)) = (src.first_chunk(), src.last_chunk()) {
        if let Some(start) = dst.first_chunk_mut() {
            *start = xor_4(first, mask);
        }
        if let Some(end) = dst.last_chunk_mut() {
            *end = xor_4(last, advance(mask, len));
        }
    } else {
        for ((to, from), mask) in dst.iter_mut().zip(src).zip(mask.to_ne_bytes()) {
            *to = from ^ mask;
        }
    }
}

#[inline(always)]
pub(super) fn xor_8(bytes: [u8; 8], mask: u64) -> [u8; 8] {
    (u64::from_ne_bytes(bytes) ^ mask).to_ne_bytes()
}

#[inline(always)]
fn xor_4(bytes: [u8; 4], mask: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = mask.to_ne_bytes();
    (u32::from_ne_bytes(bytes) ^ u32::from_ne_bytes([a, b, c, d])).to_ne_bytes()
}
