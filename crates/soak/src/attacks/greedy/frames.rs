//! What greedy clients send.

use std::io;

use crate::deflated::deflated;
use crate::options::Options;
use crate::raw;

/// The messages, in bytes; all are long enough to be compressed: one of a client that is idle from
/// then on, of one that is active, and of one that does not read its echo.
const SMALL: usize = 300;
const MIDDLE: usize = 1 << 10;
const LARGE: usize = 64 << 10;

/// What half a message has, and what its frame declares.
const THERE: usize = 63 << 10;
const DECLARED: u64 = 16 << 20;

/// What a bomb becomes: so many zeros.
const BOMB: usize = 1 << 20;

/// Frames, whole and not.
pub(super) struct Frames {
    pub(super) small: Vec<u8>,
    pub(super) middle: Vec<u8>,
    pub(super) large: Vec<u8>,
    pub(super) bomb: Vec<u8>,
    pub(super) zeros: Vec<u8>,
    /// A message of `--size` bytes, and all but the end of another.
    pub(super) whole: Vec<u8>,
    pub(super) most: Vec<u8>,
    pub(super) half: Vec<u8>,
}

impl Frames {
    pub(super) fn new(options: &Options) -> io::Result<Self> {
        let framed = |message: Vec<u8>| {
            let (first, payload) = match options.deflate {
                true => (raw::BINARY | raw::COMPRESSED, deflated(&message)?),
                false => (raw::BINARY, message),
            };
            io::Result::Ok(raw::frame(first, &payload, raw::KEY))
        };
        // What can be compressed is, on the way back too, and what cannot takes the most room.
        let text = |len| {
            b"the quick brown fox "
                .iter()
                .copied()
                .cycle()
                .take(len)
                .collect()
        };
        let (small, middle) = (framed(text(SMALL))?, framed(text(MIDDLE))?);
        let mut numbers = options.seed.numbers(0);
        let mut noise = |len| framed(numbers.bytes(len));
        let (large, whole, mut most) = (noise(LARGE)?, noise(options.size)?, noise(options.size)?);
        most.pop();
        let zeros = vec![0; BOMB];
        let bomb = deflated(&zeros)?;
        let mut half = raw::header(raw::BINARY, DECLARED, raw::KEY);
        half.resize(half.len() + THERE, 0);
        Ok(Self {
            small,
            middle,
            large,
            bomb: raw::frame(raw::BINARY | raw::COMPRESSED, &bomb, raw::KEY),
            zeros: raw::frame(raw::BINARY, &zeros, raw::KEY),
            whole,
            most,
            half,
        })
    }
}

/// Most of a ClientHello about as long as servers take it (RFC 8446 §4 and §5.1): a message of
/// 64,512 bytes in four records, the last of which lacks its end.
pub(super) fn client_hello() -> Vec<u8> {
    const RECORD: [u8; 5] = [0x16, 0x03, 0x01, 0x3f, 0x00];
    const MESSAGE: [u8; 4] = [0x01, 0x00, 0xfb, 0xfc];
    let mut message = MESSAGE.to_vec();
    message.resize(4 * 0x3f00, 0);
    let records = message.chunks(0x3f00);
    let mut wire: Vec<u8> = records.flat_map(|part| [&RECORD, part].concat()).collect();
    wire.pop();
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_message_is_63_kib_of_16_mib() {
        let options = Options::parse(lexopt::Parser::from_args(["greedy", "--size", "100"]));
        let frames = Frames::new(&options.unwrap()).unwrap();
        let header = b"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x00";
        assert_eq!(frames.half[..10], *header);
        assert_eq!(frames.half.len(), 14 + (63 << 10));
        assert_eq!(frames.most.len(), frames.whole.len() - 1);
        assert_eq!(frames.small[..4], [0x82, 0x80 | 126, 1, 44]);
    }

    #[test]
    fn most_of_a_client_hello_lacks_a_byte() {
        let hello = client_hello();
        assert_eq!(hello.len(), 4 * 5 + 4 + 64_508 - 1);
        assert_eq!(hello[..9], *b"\x16\x03\x01\x3f\x00\x01\x00\xfb\xfc");
    }
}
