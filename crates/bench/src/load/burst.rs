//! The bytes of one burst: `depth` masked frames, built once and sent again and again.

use crate::frame;
use crate::load::deflate::Deflater;
use crate::load::scenario::{Kind, Scenario};
use crate::server::Takeover;

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
    /// Where what was sent of it begins in the bytes of the burst.
    pub start: usize,
    /// How long that is: compressed it is shorter.
    pub len: usize,
    /// FIN and opcode.
    pub first: u8,
}

/// All bursts of a connection, in their order.
#[derive(Debug)]
pub struct Bursts {
    /// The bursts. Behind the last comes the one at `again`.
    pub all: Vec<Burst>,
    /// Where to go on from the end.
    pub again: usize,
}

/// So many compressed bursts of 8 KiB are more than the window of deflate reaches back: what comes
/// again is forgotten by then, and has to be compressed and inflated anew.
const CYCLE: usize = 16;

impl Bursts {
    /// Builds the bursts of a scenario.
    ///
    /// A compressor that keeps its context writes the same message differently each time, but after
    /// one cycle it always looks back on the same text: the second cycle can be sent for ever.
    pub fn new(scenario: &Scenario, deflate: Option<Takeover>) -> Self {
        let mut deflater = deflate.map(Deflater::new);
        let mut cycle = |count| -> Vec<Burst> {
            (0..count)
                .map(|number| Burst::new(scenario, number * scenario.depth, deflater.as_mut()))
                .collect()
        };
        match deflate {
            None => Self {
                all: cycle(1),
                again: 0,
            },
            Some(_) => {
                let mut all = cycle(CYCLE);
                all.extend(cycle(CYCLE));
                Self { all, again: CYCLE }
            }
        }
    }

    /// The number of the burst behind this one.
    pub fn after(&self, number: usize) -> usize {
        match number + 1 {
            next if next < self.all.len() => next,
            _ => self.again,
        }
    }
}

impl Burst {
    /// Builds a burst. No two payloads in it are equal and no two keys; `from` is the number of its
    /// first message.
    pub fn new(scenario: &Scenario, from: usize, mut deflater: Option<&mut Deflater>) -> Self {
        let mut bytes = Vec::new();
        let mut messages = Vec::new();
        for index in from..from + scenario.depth {
            let payload = payload(scenario.kind, scenario.size, index);
            let first = match scenario.kind {
                Kind::Binary => frame::BINARY,
                Kind::Ascii | Kind::MultiByte | Kind::Json => frame::TEXT,
            };
            let compressed = deflater.as_mut().map(|deflater| deflater.message(&payload));
            let (sent, bits) = match &compressed {
                Some(compressed) => (compressed, frame::RSV1),
                None => (&payload, 0),
            };
            frame::append(&mut bytes, first | bits, Some(key(index)), sent);
            messages.push(Sent {
                start: bytes.len() - sent.len(),
                len: sent.len(),
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
        Kind::Json => {
            payload.clear();
            payload.extend_from_slice(json(size, index).as_bytes());
            payload.resize(size, b' ');
        }
    }
    payload
}

/// An array of what people say in a room, with numbers that do not repeat.
fn json(size: usize, index: usize) -> String {
    const WORDS: [&str; 16] = [
        "the", "morning", "server", "is", "up", "again", "who", "has", "seen", "deploy", "green",
        "coffee", "after", "lunch", "please", "thanks",
    ];
    let mut random = index as u32 + 1;
    let mut next = move |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    let mut text = String::from("[");
    loop {
        let words: Vec<&str> = (0..4 + next(12))
            .map(|_| WORDS[next(WORDS.len() as u32) as usize])
            .collect();
        let entry = format!(
            "{{\"id\":{},\"user\":\"user{}\",\"at\":{},\"text\":\"{}\"}}",
            next(1 << 16) * 1000 + next(1000),
            next(64),
            1_700_000_000 + next(1 << 15),
            words.join(" ")
        );
        if text.len() + entry.len() + 2 > size {
            break;
        }
        if text.len() > 1 {
            text.push(',');
        }
        text.push_str(&entry);
    }
    text.push(']');
    text
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
            (2048, Kind::Json),
        ] {
            let scenario = Scenario {
                size,
                kind,
                connections: 1,
                depth: 3,
            };
            let burst = Burst::new(&scenario, 0, None);
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
        let burst = Burst::new(&Scenario::numbered(3).unwrap(), 0, None);
        for (at, sent) in burst.messages.iter().enumerate() {
            for (other, before) in burst.messages[..at].iter().enumerate() {
                assert_ne!(sent.payload, before.payload);
                assert_ne!(key(at), key(other));
            }
        }
    }

    #[test]
    fn compressed_bursts_can_be_inflated_round_after_round() {
        for takeover in [Takeover::Both, Takeover::None] {
            let bursts = Bursts::new(&Scenario::numbered(9).unwrap(), Some(takeover));
            let mut inflater = crate::load::deflate::Inflater::new();
            let mut number = 0;
            for _ in 0..4 * CYCLE {
                let burst = &bursts.all[number];
                let mut bytes = &burst.bytes[..];
                for sent in &burst.messages {
                    let header = Header::read(bytes).unwrap();
                    assert_eq!(header.first, frame::TEXT | frame::RSV1);
                    let end = header.size + header.len as usize;
                    let mut message = bytes[header.size..end].to_vec();
                    frame::mask(&mut message, header.key.unwrap());
                    assert!(message.len() < sent.payload.len() * 2 / 3);
                    assert!(inflater.holds(&message, &sent.payload).unwrap());
                    bytes = &bytes[end..];
                }
                number = bursts.after(number);
            }
        }
    }

    #[test]
    fn json_is_json() {
        for index in 0..20 {
            let text = payload(Kind::Json, 2048, index);
            let parsed: serde_json::Value = serde_json::from_slice(&text).unwrap();
            assert!(parsed.as_array().unwrap().len() > 10);
        }
    }
}
