//! Messages that tell by themselves whether they are whole: connection, sequence number, checksum.
//!
//! ```text
//!   connection (16 hex digits)  sequence (16)  CRC-32 of all else (8)  body, printable
//! ```
//!
//! All of it is ASCII, so that a message can be sent as text as well as binary.

use std::sync::OnceLock;

use crate::seed::{Numbers, Seed};

/// The bytes in front of the body.
pub const HEAD: usize = 40;

/// The largest body. It is beyond every buffer on the way, so that payloads are also read and
/// written in parts.
pub const LARGEST: usize = 128 << 10;

/// What a message says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    /// The connection it was sent on.
    pub connection: u64,
    /// The messages sent on it before.
    pub sequence: u64,
}

impl Numbered {
    /// The message with this body.
    pub fn encode(self, body: &str) -> String {
        let sum = self.sum(body.as_bytes());
        let Self {
            connection,
            sequence,
        } = self;
        format!("{connection:016x}{sequence:016x}{sum:08x}{body}")
    }

    /// Reads a message; `None` where it is not as it was sent.
    pub fn decode(message: &[u8]) -> Option<Self> {
        let (head, body) = message.split_at_checked(HEAD)?;
        let head = std::str::from_utf8(head).ok()?;
        let number = |at| u64::from_str_radix(head.get(at)?, 16).ok();
        let numbered = Self {
            connection: number(0..16)?,
            sequence: number(16..32)?,
        };
        (number(32..HEAD)? == u64::from(numbered.sum(body))).then_some(numbered)
    }

    fn sum(self, body: &[u8]) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.connection.to_be_bytes());
        sum.update(&self.sequence.to_be_bytes());
        sum.update(body);
        sum.finalize()
    }
}

/// A body: most are small, one in 64 has some kilobytes, one in 2048 up to 128 KiB.
pub fn body(numbers: &mut Numbers) -> &'static str {
    let len = match numbers.below(2048) {
        0 => numbers.below(LARGEST as u64),
        1..=32 => 1024 + numbers.below(7 << 10),
        _ => numbers.below(240),
    } as usize;
    body_of(numbers, len)
}

/// A body of this length, at most [`LARGEST`].
pub fn body_of(numbers: &mut Numbers, len: usize) -> &'static str {
    let noise = noise();
    let len = len.min(LARGEST);
    let start = numbers.below((noise.len() - len) as u64) as usize;
    &noise[start..start + len]
}

/// Printable characters without a pattern: bodies are cut out of them, which costs nothing.
fn noise() -> &'static str {
    static NOISE: OnceLock<String> = OnceLock::new();
    NOISE.get_or_init(|| {
        let mut numbers = Seed::new(0).numbers(0);
        (0..2 * LARGEST)
            .map(|_| (b' ' + numbers.below(95) as u8) as char)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERED: Numbered = Numbered {
        connection: 0x2a,
        sequence: 0x100,
    };

    #[test]
    fn a_message_is_ascii_and_read_as_it_was_written() {
        let text = NUMBERED.encode("hello");
        assert_eq!(text, "000000000000002a000000000000010008123de7hello");
        assert_eq!(Numbered::decode(text.as_bytes()), Some(NUMBERED));
    }

    #[test]
    fn a_message_that_is_not_as_it_was_sent_is_none() {
        let whole = NUMBERED.encode("hello").into_bytes();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert_eq!(Numbered::decode(&changed), None, "byte {at} is another");
            assert_eq!(Numbered::decode(&whole[..at]), None, "only {at} bytes");
        }
        let longer = [&whole[..], b" "].concat();
        assert_eq!(Numbered::decode(&longer), None);
    }

    #[test]
    fn bodies_have_all_sizes() {
        let mut numbers = Seed::new(1).numbers(1);
        let sizes: Vec<usize> = (0..20_000).map(|_| body(&mut numbers).len()).collect();
        let share = |range: std::ops::Range<usize>| {
            sizes.iter().filter(|size| range.contains(size)).count()
        };
        assert!(share(0..240) > 18_000);
        assert!(share(1024..8192) > 100);
        assert!(share(8192..LARGEST) > 1);
    }
}
