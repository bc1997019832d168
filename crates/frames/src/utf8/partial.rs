//! A text that may end inside a character.

use crate::{Utf8Error, utf8};

/// What the next byte of a character has to be: one state of the table of well-formed byte sequences
/// (Unicode 3.9, table 3-7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Character {
    /// How many bytes are missing; 0 between characters.
    missing: u8,
    /// The lowest value of the next byte.
    low: u8,
    /// The highest value of the next byte.
    high: u8,
}

impl Character {
    /// Between two characters.
    pub(crate) const NONE: Self = Self {
        missing: 0,
        low: 0x80,
        high: 0xBF,
    };
    /// No byte can follow.
    pub(crate) const IMPOSSIBLE: Self = Self {
        missing: 1,
        low: 1,
        high: 0,
    };

    #[inline]
    pub(crate) const fn is_complete(self) -> bool {
        self.missing == 0
    }

    /// The state behind `byte`.
    pub(crate) const fn next(self, byte: u8) -> Result<Self, Utf8Error> {
        if self.missing == 0 {
            return Self::start(byte);
        }
        if byte < self.low || byte > self.high {
            return Err(Utf8Error::new());
        }
        Ok(Self {
            missing: self.missing - 1,
            ..Self::NONE
        })
    }

    const fn start(byte: u8) -> Result<Self, Utf8Error> {
        let (missing, low, high) = match byte {
            0x00..=0x7F => (0, 0x80, 0xBF),
            0xC2..=0xDF => (1, 0x80, 0xBF),
            0xE0 => (2, 0xA0, 0xBF),
            0xE1..=0xEC | 0xEE..=0xEF => (2, 0x80, 0xBF),
            0xED => (2, 0x80, 0x9F),
            0xF0 => (3, 0x90, 0xBF),
            0xF1..=0xF3 => (3, 0x80, 0xBF),
            0xF4 => (3, 0x80, 0x8F),
            _ => return Err(Utf8Error::new()),
        };
        Ok(Self { missing, low, high })
    }
}

/// Validates `bytes`, which begin with a character, as far as they can be: returns how many of them are whole
/// characters (all but at most three) and the state of the one they end in.
pub(crate) fn validate(bytes: &[u8]) -> Result<(usize, Character), Utf8Error> {
    let (whole, tail) = split_incomplete(bytes);
    utf8::validate(whole)?;
    let mut character = Character::NONE;
    for &byte in tail {
        character = character.next(byte)?;
    }
    Ok((whole.len(), character))
}

/// Splits off a last character that lacks bytes. What is no character at all stays in the first part.
fn split_incomplete(bytes: &[u8]) -> (&[u8], &[u8]) {
    for (behind, &byte) in bytes.iter().rev().take(3).enumerate() {
        let len = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => break,
        };
        if len > behind + 1 {
            return bytes
                .split_at_checked(bytes.len() - behind - 1)
                .unwrap_or((bytes, &[]));
        }
        break;
    }
    (bytes, &[])
}

#[cfg(test)]
mod tests {
    use super::{Character, validate};

    /// How text that begins so fares with the standard library: whole, possible, or not.
    fn judged(bytes: &[u8]) -> Result<bool, ()> {
        match core::str::from_utf8(bytes) {
            Ok(_) => Ok(true),
            Err(error) if error.error_len().is_none() => Ok(false),
            Err(_) => Err(()),
        }
    }

    #[test]
    fn what_is_whole_ends_with_the_last_complete_character() {
        let text = "aé語\u{1f980}z\u{1f980}語éa";
        let boundaries = text.char_indices().map(|(at, _)| at);
        for start in boundaries {
            for end in start..=text.len() {
                let bytes = &text.as_bytes()[start..end];
                let (whole, character) = validate(bytes).unwrap();
                let expected = match core::str::from_utf8(bytes) {
                    Ok(text) => text.len(),
                    Err(error) => error.valid_up_to(),
                };
                assert_eq!(whole, expected, "{start}..{end}");
                assert_eq!(character.is_complete(), whole == bytes.len());
            }
        }
    }

    /// Also for bytes that no caller begins a character with.
    #[test]
    fn the_first_two_bytes_of_a_character_are_judged_as_by_the_standard_library() {
        for first in 0..=u8::MAX {
            let begun = Character::NONE.next(first);
            let complete = begun.map(Character::is_complete);
            assert_eq!(complete.map_err(drop), judged(&[first]), "{first:#x}");
            let Ok(begun) = begun else { continue };
            if begun.is_complete() {
                continue;
            }
            for second in 0..=u8::MAX {
                let complete = begun.next(second).map(Character::is_complete);
                let expected = judged(&[first, second]);
                assert_eq!(complete.map_err(drop), expected, "{first:#x} {second:#x}");
            }
        }
    }
}
