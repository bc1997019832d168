use core::{fmt, ops::Deref};

use crate::{HeaderError, MaskKey, OpCode, Role, Rsv};

/// The longest frame header: two bytes, a 64-bit length and a masking key (RFC 6455 section 5.2).
pub const MAX_HEADER_LEN: usize = 14;

/// The most payload a control frame may carry, in bytes (RFC 6455 section 5.5).
pub const MAX_CONTROL_PAYLOAD: usize = 125;

const FIN: u8 = 0x80;
const MASK: u8 = 0x80;
/// The 7-bit length that announces a 16-bit one.
const LEN_16: u8 = 126;
/// The 7-bit length that announces a 64-bit one.
const LEN_64: u8 = 127;

/// The header of a frame (RFC 6455 section 5.2).
///
/// Exhaustive: the RFC leaves no room for another field, and writing the five out is how one is made.
///
/// # Examples
///
/// ```
/// use socket_flow_frames::{FrameHeader, MaskKey, OpCode, Rsv};
///
/// let header = FrameHeader {
///     fin: true,
///     rsv: Rsv::NONE,
///     opcode: OpCode::Text,
///     mask: Some(MaskKey::from([0x37, 0xfa, 0x21, 0x3d])),
///     len: 5,
/// };
/// let bytes = header.encode();
/// assert_eq!(&*bytes, b"\x81\x85\x37\xfa\x21\x3d");
/// assert_eq!(FrameHeader::decode(&bytes), Ok(Some((header, 6))));
/// assert_eq!(FrameHeader::decode(&bytes[..5]), Ok(None)); // more bytes are needed
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(clippy::exhaustive_structs)] // the fields of RFC 6455 §5.2
pub struct FrameHeader {
    /// Whether this is the last frame of its message.
    pub fin: bool,
    /// The reserved bits, which belong to extensions.
    pub rsv: Rsv,
    /// What the frame carries.
    pub opcode: OpCode,
    /// The key the payload is masked with, if it is.
    pub mask: Option<MaskKey>,
    /// The length of the payload in bytes, below 2^63. A declaration of the peer: never allocate it.
    pub len: u64,
}

impl FrameHeader {
    /// Reads a header from the start of `src`, whoever sent it and whatever reserved bits it has.
    ///
    /// Returns the header and its length in bytes, or `None` when `src` ends inside it.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] as soon as a byte proves that no valid header can follow, even if `src` ends inside
    /// the header.
    #[inline]
    pub fn decode(src: &[u8]) -> Result<Option<(Self, usize)>, HeaderError> {
        decode(src, Rsv::RSV1 | Rsv::RSV2 | Rsv::RSV3, None)
    }

    /// Reads a header from the start of `src` as an endpoint of role `receiver` must: reserved bits outside
    /// `rsv` and the wrong direction of masking are refused as well.
    ///
    /// Returns the header and its length in bytes, or `None` when `src` ends inside it.
    ///
    /// # Errors
    ///
    /// [`HeaderError`] as soon as a byte proves that no valid header can follow, even if `src` ends inside
    /// the header: reserved bits, opcode and a fragmented control frame at byte 1, the mask bit and the
    /// length of a control frame at byte 2, other lengths inside their bytes, before the key is awaited.
    ///
    /// # Examples
    ///
    /// ```
    /// use socket_flow_frames::{FrameHeader, HeaderError, Role, Rsv};
    ///
    /// let unmasked = b"\x81\x05Hello";
    /// assert!(FrameHeader::decode_for(unmasked, Role::Client, Rsv::NONE).is_ok());
    /// assert_eq!(
    ///     FrameHeader::decode_for(unmasked, Role::Server, Rsv::NONE),
    ///     Err(HeaderError::MissingMask),
    /// );
    /// ```
    #[inline]
    pub fn decode_for(
        src: &[u8],
        receiver: Role,
        rsv: Rsv,
    ) -> Result<Option<(Self, usize)>, HeaderError> {
        decode(src, rsv, Some(receiver.peer().masks()))
    }

    /// Writes the header, with the length in its shortest form.
    ///
    /// What is written is what the fields say: a control frame with more than [`MAX_CONTROL_PAYLOAD`] bytes,
    /// or without `fin`, will be refused by the peer.
    #[inline]
    #[must_use]
    pub fn encode(&self) -> HeaderBytes {
        let first = if self.fin { FIN } else { 0 } | self.rsv.0 | self.opcode as u8;
        let mask_bit = if self.mask.is_some() { MASK } else { 0 };
        let (key, key_len) = match self.mask {
            Some(key) => (word(key.to_bytes()), 4),
            None => (0, 0),
        };
        let [.., high, low] = self.len.to_be_bytes();
        // All in one word, of which the first byte is the lowest.
        let (bytes, len) = match self.len {
            0..=125 => (word([first, mask_bit | low]) | key << 16, 2),
            126..=0xFFFF => {
                let len = word([high, low]);
                (word([first, mask_bit | LEN_16]) | len << 16 | key << 32, 4)
            }
            _ => {
                let len = word(self.len.to_be_bytes());
                (word([first, mask_bit | LEN_64]) | len << 16 | key << 80, 10)
            }
        };
        HeaderBytes {
            bytes: bytes.to_le_bytes(),
            len: len + key_len,
        }
    }

    /// The length in bytes of what [`encode`](Self::encode) writes: 2 to [`MAX_HEADER_LEN`].
    #[inline]
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        let len = match self.len {
            0..=125 => 2,
            126..=0xFFFF => 4,
            _ => 10,
        };
        if self.mask.is_some() { len + 4 } else { len }
    }
}

/// An encoded frame header: up to [`MAX_HEADER_LEN`] bytes on the stack, made by [`FrameHeader::encode`].
#[derive(Clone, Copy)]
pub struct HeaderBytes {
    /// Zero behind the first `len`.
    bytes: [u8; HeaderBytes::PADDED_LEN],
    /// At most 14.
    len: u8,
}

impl HeaderBytes {
    /// The length of [`padded`](Self::padded): 16.
    pub const PADDED_LEN: usize = 16;

    /// The header with zeros behind it. To copy these and cut the zeros off is quicker than to copy a number
    /// of bytes that is not known before.
    #[inline]
    #[must_use]
    pub const fn padded(&self) -> &[u8; Self::PADDED_LEN] {
        &self.bytes
    }
}

impl Deref for HeaderBytes {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

impl AsRef<[u8]> for HeaderBytes {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl fmt::Debug for HeaderBytes {
    /// The length only: the bytes may hold a masking key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeaderBytes")
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}

/// `bytes` as the lowest of a little-endian word.
#[inline(always)]
fn word<const N: usize>(bytes: [u8; N]) -> u128 {
    let mut word = [0; 16];
    if let Some(start) = word.first_chunk_mut() {
        *start = bytes;
    }
    u128::from_le_bytes(word)
}

/// `masked` is what the mask bit has to be, if anything.
#[inline(always)]
fn decode(
    src: &[u8],
    allowed: Rsv,
    masked: Option<bool>,
) -> Result<Option<(FrameHeader, usize)>, HeaderError> {
    let Some((&first, rest)) = src.split_first() else {
        return Ok(None);
    };
    let rsv = Rsv::of(first);
    let reserved = rsv.difference(allowed);
    if !reserved.is_empty() {
        return Err(HeaderError::ReservedBits(reserved));
    }
    let opcode = OpCode::try_from(first & 0x0F)
        .map_err(|error| HeaderError::ReservedOpCode(error.as_u8()))?;
    let fin = first & FIN != 0;
    if opcode.is_control() && !fin {
        return Err(HeaderError::FragmentedControl(opcode));
    }

    let Some((&second, rest)) = rest.split_first() else {
        return Ok(None);
    };
    let has_mask = second & MASK != 0;
    match masked {
        Some(true) if !has_mask => return Err(HeaderError::MissingMask),
        Some(false) if has_mask => return Err(HeaderError::UnexpectedMask),
        _ => {}
    }
    let short = second & !MASK;
    if opcode.is_control() && short >= LEN_16 {
        return Err(HeaderError::ControlTooLong(opcode));
    }

    let (len, rest, len_end) = match short {
        LEN_16 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else {
                return Ok(None);
            };
            let len = u16::from_be_bytes(*bytes);
            if len < u16::from(LEN_16) {
                return Err(HeaderError::NonMinimalLength);
            }
            (u64::from(len), rest, 4)
        }
        LEN_64 => {
            let Some((bytes, rest)) = rest.split_first_chunk() else {
                return judge_partial_len_64(rest);
            };
            let len = u64::from_be_bytes(*bytes);
            if len <= u64::from(u16::MAX) {
                return Err(HeaderError::NonMinimalLength);
            }
            if len >> 63 != 0 {
                return Err(HeaderError::LengthOverflow);
            }
            (len, rest, 10)
        }
        _ => (u64::from(short), rest, 2),
    };

    let (mask, header_len) = if has_mask {
        let Some(key) = rest.first_chunk() else {
            return Ok(None);
        };
        (Some(MaskKey(*key)), len_end + 4)
    } else {
        (None, len_end)
    };
    Ok(Some((
        FrameHeader {
            fin,
            rsv,
            opcode,
            mask,
            len,
        },
        header_len,
    )))
}

/// Fewer than the eight bytes of a 64-bit length: its first byte proves an overflow, six zeros prove that
/// 16 bits would have done.
#[cold]
fn judge_partial_len_64<T>(bytes: &[u8]) -> Result<Option<T>, HeaderError> {
    if bytes.first().is_some_and(|&first| first >> 7 != 0) {
        Err(HeaderError::LengthOverflow)
    } else if bytes.starts_with(&[0; 6]) {
        Err(HeaderError::NonMinimalLength)
    } else {
        Ok(None)
    }
}
