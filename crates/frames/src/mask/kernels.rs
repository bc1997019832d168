//! Long payloads: one safe body, compiled for what the target surely has (SSE2 on x86-64, NEON on AArch64)
//! and once more for AVX2, which is detected at run time.
#![allow(unsafe_code)]

use super::words;

/// Masks at least 8 bytes.
pub(super) fn apply(data: &mut [u8], mask: u64) {
    #[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
    if std::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { apply_avx2(data, mask) };
    }
    apply_body(data, mask);
}

/// Copies and masks; `dst` and `src` have the same length.
pub(super) fn copy(dst: &mut [u8], src: &[u8], mask: u64) {
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
unsafe fn apply_avx2(data: &mut [u8], mask: u64) {
    apply_body(data, mask);
}

/// # Safety
///
/// The processor must have AVX2.
#[cfg(all(feature = "std", target_arch = "x86_64", not(target_feature = "avx2")))]
#[target_feature(enable = "avx2")]
unsafe fn copy_avx2(dst: &mut [u8], src: &[u8], mask: u64) {
    copy_body(dst, src, mask);
}

#[inline(always)]
fn apply_body(data: &mut [u8], mask: u64) {
    words::apply(data, mask);
}

#[inline(always)]
fn copy_body(dst: &mut [u8], src: &[u8], mask: u64) {
    words::copy(dst, src, mask);
}
