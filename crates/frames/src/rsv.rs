use core::{fmt, ops::BitOr};

/// A set of the three reserved bits of a frame header (RFC 6455 section 5.2).
///
/// A bit may be set only when an extension that defines it was negotiated: permessage-deflate uses
/// [`Rsv::RSV1`] (RFC 7692 section 6).
///
/// # Examples
///
/// ```
/// use socket_flow_frames::Rsv;
///
/// let rsv = Rsv::RSV1 | Rsv::RSV3;
/// assert!(rsv.contains(Rsv::RSV1) && !rsv.contains(Rsv::RSV2));
/// assert_eq!(rsv.bits(), 0b101_0000);
/// assert_eq!(Rsv::default(), Rsv::NONE);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rsv(pub(crate) u8);

impl Rsv {
    /// No bit.
    pub const NONE: Self = Self(0);
    /// The first reserved bit, `0x40`.
    pub const RSV1: Self = Self(0x40);
    /// The second reserved bit, `0x20`.
    pub const RSV2: Self = Self(0x20);
    /// The third reserved bit, `0x10`.
    pub const RSV3: Self = Self(0x10);

    const ALL: u8 = 0x70;

    /// The reserved bits of a frame's first byte.
    #[inline]
    pub(crate) const fn of(first: u8) -> Self {
        Self(first & Self::ALL)
    }

    /// Whether every bit of `other` is set in `self`.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits of `self` that are not in `other`.
    #[inline]
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The bits of both.
    #[inline]
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether no bit is set.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The bits where they stand in the first byte of a frame: `0x40`, `0x20`, `0x10`.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }
}

impl BitOr for Rsv {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        self.union(other)
    }
}

impl fmt::Debug for Rsv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = f.debug_set();
        for (bit, name) in [
            (Self::RSV1, "RSV1"),
            (Self::RSV2, "RSV2"),
            (Self::RSV3, "RSV3"),
        ] {
            if self.contains(bit) {
                names.entry(&format_args!("{name}"));
            }
        }
        names.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::Rsv;

    #[test]
    fn bits_outside_the_reserved_three_are_never_kept() {
        for byte in 0..=u8::MAX {
            assert_eq!(Rsv::of(byte).bits(), byte & 0x70);
        }
    }

    #[test]
    fn union_and_difference_are_those_of_sets() {
        let both = Rsv::RSV1 | Rsv::RSV2;
        assert_eq!(both | Rsv::RSV1, both);
        assert_eq!(both.difference(Rsv::RSV1), Rsv::RSV2);
        assert!(both.contains(Rsv::NONE) && !both.contains(Rsv::RSV2 | Rsv::RSV3));
        assert!(both.difference(both).is_empty());
    }

    #[test]
    fn debug_names_the_bits() {
        assert_eq!(format!("{:?}", Rsv::RSV1 | Rsv::RSV3), "{RSV1, RSV3}");
        assert_eq!(format!("{:?}", Rsv::NONE), "{}");
    }
}
