//! Where a masked byte goes: memory that holds one already, or has never been written.

#[cfg(feature = "bytes")]
use core::mem::MaybeUninit;

#[cfg(feature = "bytes")]
use bytes::buf::UninitSlice;

/// One byte of the destination of a copy.
pub(super) trait Slot: Sized {
    /// Writes all of `to`.
    fn put<const N: usize>(to: &mut [Self; N], bytes: [u8; N]);
}

impl Slot for u8 {
    #[inline(always)]
    fn put<const N: usize>(to: &mut [Self; N], bytes: [u8; N]) {
        *to = bytes;
    }
}

#[cfg(feature = "bytes")]
impl Slot for MaybeUninit<u8> {
    #[inline(always)]
    fn put<const N: usize>(to: &mut [Self; N], bytes: [u8; N]) {
        // One store; `bytes.map(Self::new)` becomes one for each byte.
        UninitSlice::uninit(to).copy_from_slice(&bytes);
    }
}
