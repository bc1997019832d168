//! The bytes of one burst: `depth` masked frames, built once and sent again and again.

use crate::frame;
use crate::load::scenario::{Kind, Scenario};

/// Frames that are written together, and what their payloads were.
#[derive(Debug)]
pub struct Burst {
    /// The frames, as they are sent.
    pub bytes: Vec<u8>,
    /// The messages in them.
    pub messages: Vec<Sent>,
}

/// One message of a burst.
#[derive(Debug)]
pub struct Sent {
    /// Its payload, unmasked.
    pub payload: Vec<u8>,
    /// Where its payload begins in the bytes of the burst.
    pub start: usize,
    /// FIN and opcode.
    pub first: u8,
}

impl Burst {
    /// Builds the burst of a scenario. No two payloads in it are equal and no two keys.
    pub fn new(scenario: &Scenario) -> Self {
        let mut bytes = Vec::new();
        let mut messages = Vec::new();
        for index in 0..scenario.depth {
            let payload = payload(scenario.kind, scenario.size, index);
            let first = match scenario.kind {
                Kind::Binary => frame::BINARY,
                Kind::Ascii | Kind::MultiByte => frame::TEXT,
            };
            frame::append(&mut bytes, first, Some(key(index)), &payload);
            messages.push(Sent {
                start: bytes.len() - payload.len(),
                payload,
                first,
            });
        }
        Self { bytes, messages }
    }
}

/// Any key that has no zero byte: a library must not profit from a mask that does nothing.
fn key(index: usize) -> [u8; 4] {
    let mixed = (index as u32 + 1).wrapping_mul(0x9e37_79b9);
    mixed.to_le_bytes().map(|byte| byte | 1)
}

/// A payload of exactly `size` bytes that begins with its index, as far as it has room.
fn payload(kind: Kind, size: usize, index: usize) -> Vec<u8> {
    let number = format!("{index:06} ");
    let mut payload = Vec::with_capacity(size + 16);
    payload.extend_from_slice(&number.as_bytes()[..number.len().min(size)]);
    match kind {
        Kind::Binary => {
            let mut byte = index as u32;
            while payload.len() < size {
                byte = byte.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                payload.push((byte >> 24) as u8);
            }
        }
        Kind::Ascii => {
            let text = b"The quick brown fox jumps over the lazy dog. ";
            let missing = size - payload.len();
            payload.extend(text.iter().cycle().take(missing));
        }
        Kind::MultiByte => {
            // One to four bytes each, so that no validator has an easy way.
            while payload.len() + "aé€𝄞".len() <= size {
                payload.extend_from_slice("aé€𝄞".as_bytes());
            }
            payload.resize(size, b'.');
        }
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Header;

    #[test]
    fn every_frame_carries_its_payload() {
        for (size, kind) in [
            (0, Kind::Binary),
            (3, Kind::Binary),
            (32, Kind::Binary),
            (1024, Kind::Ascii),
            (70_000, Kind::MultiByte),
        ] {
            let scenario = Scenario {
                size,
                kind,
                connections: 1,
                depth: 3,
            };
            let burst = Burst::new(&scenario);
            assert_eq!(burst.messages.len(), 3);
            let mut bytes = &burst.bytes[..];
            for sent in &burst.messages {
                let header = Header::read(bytes).unwrap();
                assert_eq!(header.first, sent.first);
                assert_eq!(header.len, size as u64);
                let mut payload = bytes[header.size..header.size + size].to_vec();
                frame::mask(&mut payload, header.key.unwrap());
                assert_eq!(payload, sent.payload);
                assert_eq!(payload.len(), size);
                if sent.first == frame::TEXT {
                    assert!(std::str::from_utf8(&payload).is_ok());
                }
                bytes = &bytes[header.size + size..];
            }
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn no_two_messages_and_no_two_keys_are_equal() {
        let burst = Burst::new(&Scenario::numbered(3).unwrap());
        for (at, sent) in burst.messages.iter().enumerate() {
            for (other, before) in burst.messages[..at].iter().enumerate() {
                assert_ne!(sent.payload, before.payload);
                assert_ne!(key(at), key(other));
            }
        }
    }
}
