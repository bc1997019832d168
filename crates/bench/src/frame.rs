//! Frames (RFC 6455 §5.2), built and read byte by byte on purpose: who measures a library must not
//! use it.

/// A text message in one frame: FIN and opcode.
pub const TEXT: u8 = 0x81;
/// A binary message in one frame: FIN and opcode.
pub const BINARY: u8 = 0x82;
/// A Close: FIN and opcode.
pub const CLOSE: u8 = 0x88;
/// Marks a compressed message (RFC 7692 §6).
pub const RSV1: u8 = 0x40;

/// The longest header: two bytes, eight of length, four of key.
pub const MAX_HEADER: usize = 14;

/// Appends a frame to `out`, masked if there is a key. `first` is its first byte.
pub fn append(out: &mut Vec<u8>, first: u8, key: Option<[u8; 4]>, payload: &[u8]) {
    append_header(out, first, key, payload.len());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = key {
        mask(&mut out[start..], key);
    }
}

/// Appends the header of a frame with `len` bytes of payload.
pub fn append_header(out: &mut Vec<u8>, first: u8, key: Option<[u8; 4]>, len: usize) {
    let masked = if key.is_some() { 0x80 } else { 0 };
    out.push(first);
    match len {
        0..126 => out.push(masked | len as u8),
        126..0x1_0000 => {
            out.push(masked | 126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            out.push(masked | 127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
    if let Some(key) = key {
        out.extend_from_slice(&key);
    }
}

/// Masks or unmasks a payload (RFC 6455 §5.3).
pub fn mask(payload: &mut [u8], key: [u8; 4]) {
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= key[at % 4];
    }
}

/// The header of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// FIN, RSV1 to 3 and the opcode.
    pub first: u8,
    /// The masking key, if the payload is masked.
    pub key: Option<[u8; 4]>,
    /// How long the payload is.
    pub len: u64,
    /// How long the header itself is.
    pub size: usize,
}

impl Header {
    /// Reads a header from the beginning of `bytes`, or `None` while it is not complete.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest, size) = match second & 0x7f {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u16::from_be_bytes(*len).into(), rest, 4)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest, 10)
            }
            len => (len.into(), rest, 2),
        };
        let key = match second & 0x80 {
            0 => None,
            _ => Some(*rest.first_chunk()?),
        };
        Some(Self {
            first,
            key,
            len,
            size: size + if key.is_some() { 4 } else { 0 },
        })
    }

    /// Whether it is a frame of a message, and no control frame.
    pub fn is_data(&self) -> bool {
        self.first & 0x08 == 0
    }

    /// Whether its message ends with it.
    pub fn is_final(&self) -> bool {
        self.first & 0x80 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

    #[test]
    fn the_masked_hello_is_the_one_of_the_rfc() {
        let mut out = Vec::new();
        append(&mut out, TEXT, Some(KEY), b"Hello");
        assert_eq!(
            out,
            [
                0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58
            ]
        );
    }

    #[test]
    fn every_length_is_written_in_the_shortest_form_and_read_back() {
        for (len, size) in [
            (0, 2),
            (125, 2),
            (126, 4),
            (0xffff, 4),
            (0x1_0000, 10),
            (16 << 20, 10),
        ] {
            for (key, more) in [(None, 0), (Some(KEY), 4)] {
                let mut out = Vec::new();
                append_header(&mut out, BINARY, key, len);
                assert_eq!(out.len(), size + more);
                let header = Header {
                    first: BINARY,
                    key,
                    len: len as u64,
                    size: size + more,
                };
                assert_eq!(Header::read(&out), Some(header));
                assert_eq!(Header::read(&out[..out.len() - 1]), None);
            }
        }
    }

    #[test]
    fn a_continuation_and_a_pong_are_told_apart() {
        let header = |first| Header::read(&[first, 0]).unwrap();
        assert!(header(0x00).is_data() && !header(0x00).is_final());
        assert!(header(0x80).is_data() && header(0x80).is_final());
        assert!(!header(0x8a).is_data());
    }
}
