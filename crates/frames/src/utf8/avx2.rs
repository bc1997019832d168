//! UTF-8 with AVX2, by the method of Keiser and Lemire, "Validating UTF-8 In Less Than One Instruction Per
//! Byte" (2021): three tables, looked up in registers, tell for 32 places at once what two bytes in a row are
//! wrong together.
//!
//! The bytes before a place are loaded again, at unaligned addresses. That costs less than moving them between
//! registers, and is why this is faster than `simdutf8`, which does.

use core::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_alignr_epi8, _mm256_and_si256, _mm256_broadcastsi128_si256,
    _mm256_loadu_si256, _mm256_movemask_epi8, _mm256_or_si256, _mm256_permute2x128_si256,
    _mm256_set1_epi8, _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_srli_epi16,
    _mm256_subs_epu8, _mm256_testz_si256, _mm256_xor_si256,
};

/// What a register holds.
const BLOCK: usize = 32;

/// So many bytes of a character may come before its last.
const BEFORE: usize = 3;

/// A block, and before it what its first bytes may belong to.
const WINDOW: usize = BEFORE + BLOCK;

/// So much is skipped at once where there is nothing but ASCII.
const ROUND: usize = 4 * BLOCK;

/// The shortest text that [`is_utf8`] can judge.
pub(super) const MIN_LEN: usize = WINDOW;

/// Whether the processor has AVX2.
#[inline(always)]
pub(super) fn is_detected() -> bool {
    #[cfg(feature = "std")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(feature = "std"))]
    return cfg!(target_feature = "avx2");
}

/// Whether `bytes`, which are at least [`MIN_LEN`], are UTF-8.
///
/// # Safety
///
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn is_utf8(bytes: &[u8]) -> bool {
    let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) else {
        return false;
    };
    // SAFETY: the processor has AVX2.
    unsafe {
        let tables = Tables::new();
        let mut errors = _mm256_setzero_si256();
        let mut judged = ascii_len(bytes);
        if judged == 0 {
            errors = tables.errors_at_start(first);
            judged = BLOCK;
        }
        // What is left, and before it what its first bytes may belong to.
        let mut rest = bytes.get(judged - BEFORE..).unwrap_or_default();
        while let Some(two_blocks) = rest.first_chunk::<{ WINDOW + BLOCK }>() {
            let (Some(one), Some(two)) = (two_blocks.first_chunk(), two_blocks.last_chunk()) else {
                break;
            };
            rest = rest.get(2 * BLOCK..).unwrap_or_default();
            if !is_ascii(one, two) {
                errors = _mm256_or_si256(errors, tables.errors(one));
                errors = _mm256_or_si256(errors, tables.errors(two));
            } else if is_inside_character(one.first_chunk()) {
                return false;
            } else {
                // The last of them stay in front of what is left.
                let skipped = ascii_len(rest).saturating_sub(BEFORE);
                rest = rest.get(skipped..).unwrap_or_default();
            }
        }
        if let Some(one) = rest.first_chunk() {
            errors = _mm256_or_si256(errors, tables.errors(one));
            rest = rest.get(BLOCK..).unwrap_or_default();
        }
        if rest.len() > BEFORE {
            // Less than a block: with places before it that have been judged already.
            errors = _mm256_or_si256(errors, tables.errors(last));
        }
        _mm256_testz_si256(errors, errors) != 0 && !is_inside_character(bytes.last_chunk())
    }
}

/// Whether a character that these are the end of lacks bytes.
#[inline(always)]
fn is_inside_character(end: Option<&[u8; BEFORE]>) -> bool {
    end.is_some_and(|&[a, b, c]| a >= 0xF0 || b >= 0xE0 || c >= 0xC0)
}

/// How many bytes there are before the first round that is not whole, or not all ASCII.
///
/// # Safety
///
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn ascii_len(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some(round) = rest.first_chunk::<ROUND>() {
        // SAFETY: the processor has AVX2.
        let is_ascii = unsafe {
            let mut all = _mm256_setzero_si256();
            for at in [0, BLOCK, 2 * BLOCK, 3 * BLOCK] {
                if let Some(block) = round.get(at..).and_then(<[u8]>::first_chunk) {
                    all = _mm256_or_si256(all, load(block));
                }
            }
            _mm256_movemask_epi8(all) == 0
        };
        if !is_ascii {
            break;
        }
        rest = rest.get(ROUND..).unwrap_or_default();
    }
    bytes.len() - rest.len()
}

/// Whether the blocks of both windows are ASCII.
///
/// # Safety
///
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn is_ascii(one: &[u8; WINDOW], two: &[u8; WINDOW]) -> bool {
    let ([_, _, _, one @ ..], [_, _, _, two @ ..]) = (one, two);
    // SAFETY: the processor has AVX2.
    unsafe { _mm256_movemask_epi8(_mm256_or_si256(load(one), load(two))) == 0 }
}

/// # Safety
///
/// The processor must have AVX2.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn load(block: &[u8; BLOCK]) -> __m256i {
    // SAFETY: the block is as long as the register, and need not be aligned. The processor has AVX2.
    unsafe { _mm256_loadu_si256(block.as_ptr().cast()) }
}

/// What two bytes in a row can be wrong together: the values that the upper and the lower half of the first
/// have, and the upper half of the second, each as a set of 16. Each entry has a bit in the tables.
#[rustfmt::skip]
const WRONG_PAIRS: [[u16; 3]; 8] = [
    // What begins a character, and behind it nothing that continues it.
    [LEADING, ANY, !CONTINUING],
    // What continues a character, behind ASCII.
    [ASCII, ANY, CONTINUING],
    // C0 and C1: one byte would have done.
    [0x1000, 0x0003, CONTINUING],
    // E0 with less than A0: two bytes would have done.
    [0x4000, 0x0001, 0x0300],
    // ED with A0 or more: a surrogate.
    [0x4000, 0x2000, 0x0C00],
    // F4 with 90 or more, and all above F4: beyond U+10FFFF.
    [0x8000, 0xFFF0, 0x0E00],
    // The rest above F4; and F0 with less than 90: three bytes would have done.
    [0x8000, 0xFFE1, 0x0100],
    // The third or fourth byte of a character, or one too many: what is before them decides.
    [CONTINUING, ANY, CONTINUING],
];

/// The bit of the last of [`WRONG_PAIRS`].
const BOTH_CONTINUE: i8 = i8::MIN;

const ANY: u16 = 0xFFFF;
const ASCII: u16 = 0x00FF;
const CONTINUING: u16 = 0x0F00;
const LEADING: u16 = 0xF000;

const FIRST_UPPER: [u8; 16] = table(0);
const FIRST_LOWER: [u8; 16] = table(1);
const SECOND_UPPER: [u8; 16] = table(2);

/// For each value of this half the entries of [`WRONG_PAIRS`] that have it.
#[allow(clippy::indexing_slicing)] // By the compiler alone.
const fn table(half: usize) -> [u8; 16] {
    let mut table = [0; 16];
    let mut value = 0;
    while value < table.len() {
        let mut entry = 0;
        while entry < WRONG_PAIRS.len() {
            if WRONG_PAIRS[entry][half] & 1 << value != 0 {
                table[value] |= 1 << entry;
            }
            entry += 1;
        }
        value += 1;
    }
    table
}

/// [`WRONG_PAIRS`] in registers.
#[derive(Clone, Copy)]
struct Tables {
    first_upper: __m256i,
    first_lower: __m256i,
    second_upper: __m256i,
}

impl Tables {
    /// # Safety
    ///
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn new() -> Self {
        // SAFETY: each table is 16 bytes, which need not be aligned. The processor has AVX2.
        let load = |table: &'static [u8; 16]| unsafe {
            _mm256_broadcastsi128_si256(_mm_loadu_si128(table.as_ptr().cast()))
        };
        Self {
            first_upper: load(&FIRST_UPPER),
            first_lower: load(&FIRST_LOWER),
            second_upper: load(&SECOND_UPPER),
        }
    }

    /// Not zero where the block of this window goes wrong.
    ///
    /// # Safety
    ///
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn errors(self, window: &[u8; WINDOW]) -> __m256i {
        let [_, _, _, byte @ ..] = window;
        let [_, _, one @ .., _] = window;
        let [_, two @ .., _, _] = window;
        let [three @ .., _, _, _] = window;
        // SAFETY: the processor has AVX2.
        unsafe { self.judge(load(byte), load(one), load(two), load(three)) }
    }

    /// The same for the first block of a text, which has nothing before it.
    ///
    /// # Safety
    ///
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    #[inline]
    unsafe fn errors_at_start(self, block: &[u8; BLOCK]) -> __m256i {
        // SAFETY: the processor has AVX2.
        unsafe {
            let block = load(block);
            // Zeros and the block's lower half.
            let before = _mm256_permute2x128_si256(block, block, 0x08);
            self.judge(
                block,
                _mm256_alignr_epi8(block, before, 15),
                _mm256_alignr_epi8(block, before, 14),
                _mm256_alignr_epi8(block, before, 13),
            )
        }
    }

    /// Not zero where a byte goes wrong with the one before it, or does not continue a character that began
    /// two or three bytes before it, or does though none did.
    ///
    /// # Safety
    ///
    /// The processor must have AVX2.
    #[target_feature(enable = "avx2")]
    #[inline]
    #[allow(unused_unsafe)] // These intrinsics are safe from Rust 1.87 on.
    unsafe fn judge(self, byte: __m256i, one: __m256i, two: __m256i, three: __m256i) -> __m256i {
        // SAFETY: the processor has AVX2.
        unsafe {
            let half = _mm256_set1_epi8(0x0F);
            let upper = |bytes| _mm256_and_si256(_mm256_srli_epi16(bytes, 4), half);
            let pair = _mm256_and_si256(
                _mm256_and_si256(
                    _mm256_shuffle_epi8(self.first_upper, upper(one)),
                    _mm256_shuffle_epi8(self.first_lower, _mm256_and_si256(one, half)),
                ),
                _mm256_shuffle_epi8(self.second_upper, upper(byte)),
            );
            // The highest bit stays for E0 and more, and for F0 and more.
            let third = _mm256_subs_epu8(two, _mm256_set1_epi8(0xE0_u8.wrapping_sub(0x80) as i8));
            let fourth =
                _mm256_subs_epu8(three, _mm256_set1_epi8(0xF0_u8.wrapping_sub(0x80) as i8));
            let continues = _mm256_and_si256(
                _mm256_or_si256(third, fourth),
                _mm256_set1_epi8(BOTH_CONTINUE),
            );
            _mm256_xor_si256(pair, continues)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{iter, string::String, vec, vec::Vec};

    use super::{BLOCK, MIN_LEN, ROUND, is_detected, is_utf8};

    /// The least and the greatest of all bytes that some place treats alike.
    const BOUNDS: [u8; 26] = [
        0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC,
        0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xF7, 0xF8, 0xFF,
    ];

    #[track_caller]
    fn assert_judged_as_by_the_standard_library(bytes: &[u8]) {
        if is_detected() {
            // SAFETY: the processor has AVX2.
            let is_text = unsafe { is_utf8(bytes) };
            assert_eq!(is_text, core::str::from_utf8(bytes).is_ok(), "{bytes:x?}");
        }
    }

    /// Behind each character that may end what comes before: in the first block, across two, and in the last.
    #[test]
    fn every_kind_of_three_bytes_in_a_row_is_judged_as_by_the_standard_library() {
        let mut bytes = [b'a'; MIN_LEN + 2];
        for before in ["a", "é", "語", "\u{1f980}"] {
            for at in [4, BLOCK - 1, bytes.len() - 3] {
                bytes.fill(b'a');
                bytes[at - before.len()..at].copy_from_slice(before.as_bytes());
                for a in BOUNDS {
                    for b in BOUNDS {
                        for c in BOUNDS {
                            bytes[at..at + 3].copy_from_slice(&[a, b, c]);
                            assert_judged_as_by_the_standard_library(&bytes);
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_kind_of_last_byte_of_four_is_judged_as_by_the_standard_library() {
        let mut bytes = [b'a'; MIN_LEN];
        for first in 0xE0..=0xFF {
            for second in BOUNDS {
                for third in [0x7F, 0x80, 0xBF, 0xC2] {
                    for fourth in BOUNDS {
                        let at = BLOCK - 3;
                        bytes[at..at + 4].copy_from_slice(&[first, second, third, fourth]);
                        assert_judged_as_by_the_standard_library(&bytes);
                    }
                }
            }
        }
    }

    /// ASCII before and behind it, so that what is skipped begins and ends beside it: from the start of the
    /// text, and from behind its first character on.
    #[test]
    fn a_wrong_sequence_is_seen_at_every_place_of_every_length() {
        let wrong: [&[u8]; 9] = [
            b"\x80",
            b"\xc3",
            b"\xe8\xaa",
            b"\xf0\x9f\xa6",
            b"\xc3\xa9\xa9",
            b"\xe0\x9f\xbf",
            b"\xed\xa0\x80",
            b"\xf0\x8f\xbf\xbf",
            b"\xf4\x90\x80\x80",
        ];
        let lengths = (MIN_LEN..2 * ROUND).chain([3 * ROUND, 3 * ROUND + BLOCK, 5 * ROUND + 1]);
        for (len, first) in lengths.flat_map(|len| [(len, "a"), (len, "é")]) {
            let mut text = vec![b'a'; len];
            text[..first.len()].copy_from_slice(first.as_bytes());
            assert_judged_as_by_the_standard_library(&text);
            for wrong in wrong {
                for at in (first.len()..len).filter(|at| len < 100 || at % 7 == len % 7) {
                    let mut bytes = text.clone();
                    let end = len.min(at + wrong.len());
                    bytes[at..end].copy_from_slice(&wrong[..end - at]);
                    assert_judged_as_by_the_standard_library(&bytes);
                }
            }
        }
    }

    #[test]
    fn text_is_text_wherever_its_characters_begin_and_end() {
        for unit in ["é", "語", "\u{1f980}", "aé語\u{1f980}"] {
            let text: String = iter::repeat_n(unit, 200).collect();
            for shift in 0..12 {
                let bytes: Vec<u8> = iter::repeat_n(b'a', shift).chain(text.bytes()).collect();
                for end in MIN_LEN..bytes.len() {
                    assert_judged_as_by_the_standard_library(&bytes[..end]);
                }
            }
        }
    }
}
