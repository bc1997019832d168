use core::fmt;

use super::words;

/// The four bytes a frame is masked with (RFC 6455 section 5.3).
///
/// A client takes a fresh one for every frame from a generator that cannot be predicted: the key is what
/// keeps a script from choosing the bytes on the wire (section 10.3). `Debug` does not show it.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::MaskKey;
///
/// let key = MaskKey::from([1, 2, 3, 4]);
/// assert_eq!(key.to_bytes(), [1, 2, 3, 4]);
/// assert_eq!(format!("{key:?}"), "MaskKey(..)");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MaskKey(pub(crate) [u8; 4]);

impl MaskKey {
    /// The bytes in the order of the wire.
    #[inline]
    #[must_use]
    pub const fn to_bytes(self) -> [u8; 4] {
        self.0
    }

    /// The key twice, in memory order, beginning with the byte for a payload's byte `offset`.
    #[inline]
    pub(crate) const fn word(self, offset: usize) -> u64 {
        let key = u32::from_ne_bytes(self.0) as u64;
        words::advance(key | key << 32, offset)
    }
}

impl From<[u8; 4]> for MaskKey {
    #[inline]
    fn from(bytes: [u8; 4]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for MaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MaskKey(..)")
    }
}
