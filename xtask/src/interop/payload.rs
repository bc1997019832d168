//! What is sent: files that both ends read, so that there is one truth.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde::{Serialize, Serializer};

use crate::error::Error;

/// How many messages [`Payload::Lines`] holds.
pub(crate) const LINES: usize = 10_000;

const MEBIBYTE: usize = 1 << 20;

/// A file of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Payload {
    /// No bytes.
    Empty,
    /// So many letters.
    Letters(usize),
    /// Code points of one to four bytes.
    Unicode,
    /// Text whose repetitions lie everywhere from 100 bytes to 40 KiB apart, so that each window
    /// makes a difference.
    Window,
    /// 16 MiB of JSON.
    Documents,
    /// 16 MiB that nothing compresses.
    Noise,
    /// [`LINES`] messages of JSON, a line each, no two alike.
    Lines,
    /// A mebibyte of zeros: 1 KiB when compressed.
    Zeros,
    /// Bytes that are not UTF-8.
    NotUtf8,
}

impl Payload {
    const ALL: [Self; 14] = [
        Self::Empty,
        Self::Letters(1),
        Self::Letters(125),
        Self::Letters(126),
        Self::Letters(1001),
        Self::Letters(65_535),
        Self::Letters(65_536),
        Self::Unicode,
        Self::Window,
        Self::Documents,
        Self::Noise,
        Self::Lines,
        Self::Zeros,
        Self::NotUtf8,
    ];

    /// Writes every payload to its file.
    pub(crate) fn write_all(directory: &Path) -> Result<(), Error> {
        fs::create_dir_all(directory).map_err(Error::file(directory))?;
        for payload in Self::ALL {
            let path = directory.join(payload.file());
            fs::write(&path, payload.bytes()).map_err(Error::file(&path))?;
        }
        Ok(())
    }

    /// The name of its file.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Empty => "empty".into(),
            Self::Letters(count) => format!("letters-{count}"),
            Self::Unicode => "unicode".into(),
            Self::Window => "window".into(),
            Self::Documents => "documents".into(),
            Self::Noise => "noise".into(),
            Self::Lines => "lines".into(),
            Self::Zeros => "zeros".into(),
            Self::NotUtf8 => "not-utf8".into(),
        }
    }

    /// Whether it is mostly repetition, in any window, message by message.
    pub(crate) fn is_compressible(self) -> bool {
        matches!(self, Self::Window | Self::Documents | Self::Lines)
    }

    /// Its contents.
    pub(crate) fn bytes(self) -> Vec<u8> {
        match self {
            Self::Empty => Vec::new(),
            Self::Letters(count) => (b'a'..=b'z').cycle().take(count).collect(),
            Self::Unicode => "grüße, 世界 🦀\u{10ffff}\u{0}!".repeat(100).into_bytes(),
            Self::Window => window(),
            Self::Documents => documents(),
            Self::Noise => Random(1).bytes(16 * MEBIBYTE),
            Self::Lines => lines().into_bytes(),
            Self::Zeros => vec![0; MEBIBYTE],
            Self::NotUtf8 => b"caf\xe9".to_vec(),
        }
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.file())
    }
}

/// Words that do not compress, each repeated at a distance that doubles.
fn window() -> Vec<u8> {
    let mut random = Random(2);
    let mut text: Vec<u8> = Vec::new();
    while text.len() < 48 * 1024 {
        text.extend(random.bytes(40).iter().map(|byte| b'0' + (byte & 63)));
        for power in 6..16 {
            let distance = (1 << power) + 40;
            if let Some(start) = text.len().checked_sub(distance) {
                text.extend_from_within(start..start + 20);
            }
        }
    }
    text
}

fn documents() -> Vec<u8> {
    let mut random = Random(3);
    let mut text = String::new();
    while text.len() < 16 * MEBIBYTE {
        document(&mut text, &mut random);
        text.push('\n');
    }
    text.truncate(16 * MEBIBYTE);
    text.into_bytes()
}

fn lines() -> String {
    let mut random = Random(4);
    let mut text = String::new();
    for number in 0..LINES {
        if number > 0 {
            text.push('\n');
        }
        // Some lie below any threshold of compression, some above.
        for _ in 0..1 + number % 4 {
            document(&mut text, &mut random);
        }
    }
    text
}

/// A small JSON object, in ASCII.
fn document(text: &mut String, random: &mut Random) {
    let (id, price, flag) = (
        random.next(),
        random.next() % 100_000,
        random.next() % 2 == 0,
    );
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        r#"{{"id":"{id:016x}","price":{price},"flag":{flag},"name":"item {}"}}"#,
        id % 100
    );
}

/// SplitMix64: the same numbers everywhere and always.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_messages_are_as_many_as_they_say_and_all_different() {
        let text = lines();
        let mut messages: Vec<&str> = text.split('\n').collect();
        assert_eq!(messages.len(), LINES);
        messages.sort_unstable();
        messages.dedup();
        assert_eq!(messages.len(), LINES);
        assert!(messages.iter().all(|message| !message.is_empty()));
    }

    #[test]
    fn the_large_messages_are_exactly_the_default_limit() {
        assert_eq!(documents().len(), 16 << 20);
        assert_eq!(Payload::Noise.bytes().len(), 16 << 20);
    }

    #[test]
    fn every_payload_but_noise_and_the_wrong_one_is_text() {
        for payload in Payload::ALL {
            let is_text = std::str::from_utf8(&payload.bytes()).is_ok();
            let binary = matches!(payload, Payload::Noise | Payload::NotUtf8);
            assert_eq!(is_text, !binary, "{payload:?}");
        }
    }

    #[test]
    fn no_two_payloads_share_a_file() {
        let mut files: Vec<String> = Payload::ALL.iter().map(|payload| payload.file()).collect();
        files.sort();
        files.dedup();
        assert_eq!(files.len(), Payload::ALL.len());
    }
}
