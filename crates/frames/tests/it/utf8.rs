//! UTF-8 piece by piece: the standard library is the oracle, and the first impossible byte is where it fails.

use proptest::prelude::*;
use socket_flow_frames::{Utf8Validator, utf8};

/// Whether some text begins with `bytes`.
fn can_go_on(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

/// Bytes around every border of the table of well-formed sequences.
const BORDERS: [u8; 36] = [
    0x00, 0x41, 0x7F, 0x80, 0x81, 0x8E, 0x8F, 0x90, 0x91, 0x9E, 0x9F, 0xA0, 0xA1, 0xBE, 0xBF, 0xC0,
    0xC1, 0xC2, 0xC3, 0xDE, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0, 0xF1, 0xF3, 0xF4, 0xF5,
    0xF7, 0xF8, 0xFE, 0xFF,
];

/// Pushes `bytes` in pieces that begin at `cuts`, and checks each outcome.
fn agrees(bytes: &[u8], cuts: &[usize]) {
    let mut validator = Utf8Validator::new();
    let (mut start, mut valid) = (0, true);
    for &end in cuts.iter().chain([&bytes.len()]) {
        valid &= can_go_on(&bytes[..end]);
        assert_eq!(
            validator.push(&bytes[start..end]).is_ok(),
            valid,
            "{bytes:x?} cut at {cuts:?}"
        );
        start = end;
    }
    let whole = std::str::from_utf8(bytes).is_ok();
    assert_eq!(validator.is_complete(), whole, "{bytes:x?} cut at {cuts:?}");
    assert_eq!(
        validator.finish().is_ok(),
        whole,
        "{bytes:x?} cut at {cuts:?}"
    );
    assert!(validator.is_complete(), "as new");
    assert_eq!(utf8::validate(bytes).is_ok(), whole);
}

#[test]
fn every_sequence_of_up_to_two_bytes_is_judged_like_the_standard_library_does() {
    agrees(&[], &[]);
    for first in 0..=u8::MAX {
        agrees(&[first], &[]);
        for second in 0..=u8::MAX {
            agrees(&[first, second], &[]);
            agrees(&[first, second], &[1]);
        }
    }
}

/// RFC 6455 §8.1.
#[test]
fn every_sequence_of_border_bytes_is_judged_like_the_standard_library_does() {
    for a in BORDERS {
        for b in BORDERS {
            for c in BORDERS {
                agrees(&[a, b, c], &[]);
                agrees(&[a, b, c], &[1, 2]);
                if a >= 0xE0 {
                    for d in BORDERS {
                        agrees(&[a, b, c, d], &[]);
                        agrees(&[a, b, c, d], &[2]);
                        agrees(&[a, b, c, d], &[1, 2, 3]);
                    }
                }
            }
        }
    }
}

#[test]
fn every_character_is_valid_at_every_cut() {
    let mut encoded = [0; 4];
    for character in
        ('\0'..=char::MAX)
            .step_by(97)
            .chain(['\u{7ff}', '\u{800}', '\u{ffff}', char::MAX])
    {
        let bytes = character.encode_utf8(&mut encoded).as_bytes();
        for cut in 0..=bytes.len() {
            agrees(bytes, &[cut]);
        }
    }
}

#[test]
fn impossible_second_bytes_fail_at_once() {
    for [first, second] in [
        [0xF0, 0x80],
        [0xF4, 0x90],
        [0xED, 0xA0],
        [0xE0, 0x9F],
        [0xC2, 0x41],
    ] {
        let mut validator = Utf8Validator::new();
        assert!(validator.push(&[first]).is_ok());
        assert!(validator.push(&[second]).is_err());
        assert!(Utf8Validator::new().push(&[first, second]).is_err());
    }
    for first in [0x80, 0xBF, 0xC0, 0xC1, 0xF5, 0xFF] {
        assert!(Utf8Validator::new().push(&[first]).is_err());
    }
}

#[test]
fn an_error_stays_until_the_text_is_finished() {
    let mut validator = Utf8Validator::default();
    assert!(validator.push(b"\xff").is_err());
    assert!(validator.push(b"").is_err());
    assert!(validator.push(b"a").is_err());
    assert!(validator.finish().is_err());
    assert!(validator.push(b"a").is_ok() && validator.finish().is_ok());
}

#[test]
fn text_that_ends_inside_a_character_is_not_finished() {
    let mut validator = Utf8Validator::new();
    assert!(validator.push(b"\xe8\xaa").is_ok());
    assert!(!validator.is_complete());
    assert!(validator.finish().is_err());
    assert!(validator.push("語".as_bytes()).is_ok() && validator.finish().is_ok());
}

proptest! {
    #[test]
    fn text_cut_anywhere_is_valid(
        text in "[ -~é語\u{1f980}]{0,200}",
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        cuts.sort_unstable();
        agrees(text.as_bytes(), &cuts);
    }

    #[test]
    fn damaged_text_cut_anywhere_is_judged_like_the_standard_library_does(
        text in "[ -~é語\u{1f980}]{1,200}",
        damage in any::<(prop::sample::Index, u8)>(),
        end in any::<prop::sample::Index>(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut bytes = text.into_bytes();
        let at = damage.0.index(bytes.len());
        bytes[at] = damage.1;
        bytes.truncate(end.index(bytes.len() + 1));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        agrees(&bytes, &cuts);
    }
}
