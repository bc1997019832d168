//! What must hold for `unsafe` to be sound: whatever is done to a buffer, text that comes out of it is UTF-8.

use std::{collections::HashSet, format, string::String, vec, vec::Vec};

use bytes::{BufMut, Bytes, BytesMut};
use proptest::prelude::*;

use super::{ReceiveBuf, Utf8Bytes};
use crate::{OpCode, Role, Utf8Error, WholeFrame, mask};

fn marked(text: &str) -> ReceiveBuf {
    let mut buf = ReceiveBuf::from(BytesMut::from(text));
    buf.check_utf8(0..text.len(), true).unwrap();
    buf
}

/// Whether `range` is lent without being validated.
fn is_marked(buf: &ReceiveBuf, range: core::ops::Range<usize>) -> bool {
    format!("{buf:?}").contains(&format!("valid_utf8: {range:?}"))
}

#[test]
fn a_checked_range_is_lent_and_frozen_as_text() {
    let buf = marked("grüße");
    assert!(is_marked(&buf, 0..7));
    assert_eq!(buf.text(0..7).unwrap(), "grüße");
    assert_eq!(buf.text(0..2).unwrap(), "gr");
    assert!(buf.text(0..3).is_err());
    assert_eq!(buf.freeze_text().unwrap(), "grüße");
}

#[test]
fn bytes_that_were_never_checked_are_validated_when_lent() {
    let buf = ReceiveBuf::from(BytesMut::from(&b"ab\xff"[..]));
    assert_eq!(buf.text(0..2).unwrap(), "ab");
    assert!(buf.text(0..3).is_err());
    assert!(buf.freeze_text().is_err());
}

#[test]
fn text_that_arrives_byte_by_byte_is_marked_character_by_character() {
    let text = "aé語\u{1f980}";
    let mut buf = ReceiveBuf::new();
    for (at, byte) in text.bytes().enumerate() {
        buf.extend_from_slice(&[byte]);
        buf.check_utf8(0..at + 1, false).unwrap();
        let whole = (0..=at + 1)
            .rev()
            .find(|&end| text.is_char_boundary(end))
            .unwrap();
        assert!(is_marked(&buf, 0..whole));
        assert_eq!(buf.check_utf8(0..at + 1, true).is_ok(), whole == at + 1);
    }
    assert_eq!(buf.freeze_text().unwrap(), text);
}

#[test]
fn an_impossible_byte_fails_even_though_the_character_could_be_incomplete() {
    for bytes in [
        &b"a\xf0\x80"[..],
        b"\xf4\x90",
        b"\xed\xa0",
        b"\xc0",
        b"\xe0\x9f",
        b"\xff",
    ] {
        let mut buf = ReceiveBuf::from(BytesMut::from(bytes));
        assert_eq!(
            buf.check_utf8(0..bytes.len(), false),
            Err(Utf8Error::new()),
            "{bytes:x?}"
        );
    }
}

#[test]
fn a_check_that_ends_before_the_mark_does_not_borrow_its_outcome() {
    let mut buf = marked("grüße");
    assert!(buf.check_utf8(0..3, true).is_err());
    assert!(is_marked(&buf, 0..7));
    buf.check_utf8(0..3, false).unwrap();
    assert!(is_marked(&buf, 0..2));
}

#[test]
fn a_failed_check_keeps_what_was_valid_before() {
    let mut buf = marked("ok");
    buf.extend_from_slice(b"\xff");
    assert!(buf.check_utf8(0..3, false).is_err());
    assert!(is_marked(&buf, 0..2));
    assert!(buf.freeze_text().is_err());
}

#[test]
fn writing_into_marked_bytes_forgets_the_mark_and_writing_beside_them_does_not() {
    let mut buf = marked("abcdef");
    buf.check_utf8(2..4, true).unwrap();
    buf.slice_mut(0..2).fill(0xff);
    buf.slice_mut(4..6).fill(0xff);
    assert!(is_marked(&buf, 2..4));
    assert_eq!(buf.text(2..4).unwrap(), "cd");

    buf.slice_mut(3..5).fill(0xff);
    assert!(!is_marked(&buf, 2..4));
    assert!(buf.text(2..4).is_err());
}

#[test]
fn ranges_beyond_the_end_or_turned_around_are_cut() {
    let mut buf = marked("abc");
    assert_eq!(buf.slice_mut(1..usize::MAX), b"bc");
    assert_eq!(buf.slice_mut(7..9), b"");
    #[allow(
        clippy::reversed_empty_ranges,
        reason = "a caller's mistake must not panic"
    )]
    let backwards = 3..1;
    assert_eq!(buf.slice_mut(backwards.clone()), b"");
    assert_eq!(buf.text(backwards.clone()).unwrap(), "");
    buf.check_utf8(backwards, true).unwrap();
    buf.check_utf8(0..99, true).unwrap();
    assert_eq!(buf.text(0..99).unwrap(), "abc");
}

#[test]
fn advance_moves_the_mark_and_forgets_it_inside_a_character() {
    let mut buf = marked("--grüße");
    buf.check_utf8(2..9, true).unwrap();
    buf.advance(1);
    assert!(is_marked(&buf, 1..8));
    buf.advance(2);
    assert!(is_marked(&buf, 0..6));
    assert_eq!(buf.text(0..6).unwrap(), "rüße");
    buf.advance(2);
    assert!(is_marked(&buf, 0..0));
    assert!(buf.text(0..4).is_err());
    buf.advance(99);
    assert!(buf.is_empty() && buf.text(0..0).unwrap().is_empty());
}

#[test]
fn truncate_cuts_the_mark_and_forgets_it_inside_a_character() {
    let mut buf = marked("grüße");
    buf.truncate(99);
    buf.truncate(6);
    assert!(is_marked(&buf, 0..6));
    buf.truncate(3);
    assert!(is_marked(&buf, 0..0));
    assert!(buf.freeze_text().is_err());
}

#[test]
fn splitting_between_characters_keeps_both_marks() {
    let mut rest = marked("grüße");
    let front = rest.split_to(4);
    assert!(is_marked(&front, 0..4) && is_marked(&rest, 0..3));
    assert_eq!(
        (front.freeze_text().unwrap(), rest.freeze_text().unwrap()),
        ("grü".into(), "ße".into())
    );

    let mut rest = marked("grüße");
    let front = rest.split_to(3);
    assert!(front.freeze_text().is_err() && rest.freeze_text().is_err());

    let mut rest = marked("abc");
    assert_eq!(rest.split_to(99).freeze_text().unwrap(), "abc");
    assert!(rest.is_empty());
}

#[test]
fn growing_reserving_and_reclaiming_keep_the_mark() {
    let mut buf = marked("text");
    buf.reserve(1 << 16);
    let _ = buf.try_reclaim(1 << 16);
    buf.extend_from_slice(&[0xff; 100]);
    assert_eq!(buf.text(0..4).unwrap(), "text");
    assert!(is_marked(&buf, 0..4));
    assert!(buf.spare_capacity() > 0 && buf.capacity() >= buf.len());
}

#[test]
fn reserved_memory_is_there_and_what_was_read_is_reclaimed() {
    let mut buf = ReceiveBuf::with_capacity(64);
    assert!(!buf.try_reclaim(1000));
    buf.reserve(1000);
    assert!(buf.spare_capacity() >= 1000);

    buf.extend_from_slice(&vec![b'a'; buf.spare_capacity()]);
    let (len, capacity) = (buf.len(), buf.capacity());
    assert!(!buf.is_empty() && buf.spare_capacity() == 0);
    buf.advance(len - 10);
    assert_eq!((buf.len(), buf.spare_capacity()), (10, 0));
    assert!(buf.try_reclaim(len - 10));
    assert_eq!(
        (buf.capacity(), buf.as_slice()),
        (capacity, &[b'a'; 10][..])
    );
}

#[test]
fn what_is_written_through_the_inner_buffer_is_not_marked() {
    let mut buf = marked("text");
    buf.inner_mut()[3] = 0xff;
    assert_eq!(buf.as_slice(), b"tex\xff");
    assert!(is_marked(&buf, 0..0));
    assert!(buf.text(0..4).is_err());
    assert_eq!(buf.freeze(), &b"tex\xff"[..]);
}

#[test]
fn spare_appends_and_nothing_else() {
    let mut buf = marked("ab");
    let mut spare = buf.spare();
    spare.put_slice(b"cd");
    spare.put_bytes(b'e', 2);
    spare.put(&b"fg"[..]);
    spare.put_u8(b'h');
    spare.chunk_mut()[..1].copy_from_slice(b"i");
    // SAFETY: one byte was written just above.
    unsafe { spare.advance_mut(1) };
    assert!(spare.remaining_mut() > 1 << 20);
    assert_eq!(buf.as_slice(), b"abcdeefghi");
    assert!(is_marked(&buf, 0..2));
}

#[test]
fn spare_takes_over_a_whole_buffer_when_it_has_no_memory() {
    let mut buf = ReceiveBuf::new();
    buf.check_utf8(0..0, true).unwrap();
    buf.spare().put(Bytes::from(vec![0xff; 9]));
    assert!(buf.text(0..9).is_err() && buf.freeze_text().is_err());
}

#[test]
fn exact_memory_is_reserved_once_and_keeps_the_mark() {
    let mut buf = marked("text");
    buf.reserve_exact(96);
    assert_eq!((buf.capacity(), buf.spare_capacity()), (100, 96));
    let before = buf.as_slice().as_ptr();
    // There is room: nothing moves.
    buf.reserve_exact(96);
    assert_eq!((buf.capacity(), buf.as_slice().as_ptr()), (100, before));
    assert!(is_marked(&buf, 0..4));
    assert_eq!(buf.freeze_text().unwrap(), "text");
}

#[test]
fn debug_tells_of_a_buffer_and_its_end_what_they_hold_but_no_byte() {
    let mut buf = ReceiveBuf::with_capacity(100);
    buf.extend_from_slice(b"secret");
    assert_eq!(format!("{:?}", buf.spare()), "Spare { len: 94, .. }");
    let shown = format!("{buf:?}");
    assert!(shown.contains("len: 6") && !shown.contains("secret"));
    assert_eq!(AsRef::<[u8]>::as_ref(&buf), b"secret");
}

#[test]
fn cleared_and_reused_memory_is_not_marked() {
    let mut buf = marked("text");
    buf.clear();
    buf.extend_from_slice(b"\xff\xff\xff\xff");
    assert!(buf.text(0..4).is_err());
    assert_eq!(&*buf.into_inner(), b"\xff\xff\xff\xff");
}

#[test]
fn utf8_bytes_are_made_of_text_or_of_valid_bytes_only() {
    let text = Utf8Bytes::from_static("grüße");
    assert_eq!(text, Utf8Bytes::from("grüße"));
    assert_eq!(text, Utf8Bytes::from(String::from("grüße")));
    assert_eq!(text, Utf8Bytes::try_from(Bytes::from("grüße")).unwrap());
    assert_eq!(text, Utf8Bytes::try_from(BytesMut::from("grüße")).unwrap());
    assert_eq!(text, Utf8Bytes::try_from(Vec::from("grüße")).unwrap());
    assert!(Utf8Bytes::try_from(Bytes::from_static(b"\xed\xa0\x80")).is_err());
    assert!(Utf8Bytes::try_from(BytesMut::from(&b"\xc3"[..])).is_err());
    assert!(Utf8Bytes::try_from(vec![0x80]).is_err());
}

#[test]
fn utf8_bytes_convert_compare_and_print_like_text() {
    let text = Utf8Bytes::from("grüße");
    assert_eq!(text, *"grüße");
    assert_eq!("grüße", text);
    assert_eq!(*"grüße", text);
    assert_eq!(text, String::from("grüße"));
    assert_eq!(String::from("grüße"), text);
    let other = String::from("gruße");
    assert!(*"gruße" != text && "gruße" != text && other != text);
    assert!(text != *"gruße" && text != "gruße" && text != other);
    assert_eq!(text, Utf8Bytes::from(&String::from("grüße")));
    assert_eq!(AsRef::<str>::as_ref(&text), "grüße");
    assert_eq!(AsRef::<[u8]>::as_ref(&text), "grüße".as_bytes());
    assert_eq!(format!("{text} {text:?}"), "grüße \"grüße\"");
    assert_eq!(String::from(text.clone()), "grüße");
    assert_eq!(Bytes::from(text.clone()), text.clone().into_bytes());
    assert_eq!((text.as_bytes().len(), text.chars().count()), (7, 5));
    assert!(Utf8Bytes::new().is_empty() && Utf8Bytes::default().is_empty());
    assert!(HashSet::from([text]).contains("grüße"));
}

#[test]
fn utf8_bytes_are_sliced_between_characters_only() {
    let text = Utf8Bytes::from("grüße");
    assert_eq!(text.slice(2..4).unwrap(), "ü");
    assert_eq!(text.slice(2..3), None);
    assert_eq!(text.slice(0..99), None);
}

/// "Hé" in a masked text frame, behind one byte of something else.
const FRAME: [u8; 10] = [0xFF, 0x81, 0x83, 1, 2, 3, 4, b'H' ^ 1, 0xC3 ^ 2, 0xA9 ^ 3];

#[test]
fn a_whole_text_frame_is_unmasked_and_marked() {
    let mut buf = ReceiveBuf::from(BytesMut::from(&FRAME[..]));
    let frame = buf.whole_frame(1, Role::Server, 3).unwrap();
    assert_eq!((frame.opcode, frame.payload), (OpCode::Text, 6..9));
    assert!(is_marked(&buf, 7..10));
    assert_eq!(buf.text(7..10).unwrap(), "Hé");
}

#[test]
fn what_is_no_whole_text_frame_is_left_as_it_came() {
    for (at, byte, start, max_len) in [
        (8, 0xC4 ^ 2, 1, 3),
        (9, 0x29 ^ 3, 1, 3),
        (2, 0x84, 1, 3),
        (0, 0xFF, 1, 2),
        (0, 0xFF, 0, 3),
        (0, 0xFF, 11, 3),
    ] {
        let mut bytes = FRAME;
        bytes[at] = byte;
        if at == 8 {
            bytes[9] = 0x41 ^ 3;
        }
        let mut buf = ReceiveBuf::from(BytesMut::from(&bytes[..]));
        assert_eq!(buf.whole_frame(start, Role::Server, max_len), None);
        assert_eq!(buf.as_slice(), bytes);
        assert!(is_marked(&buf, 0..0));
    }
}

#[test]
fn unmasking_a_binary_frame_over_marked_bytes_forgets_the_mark() {
    let mut buf = marked("abcdefgh");
    // A frame right behind what is marked leaves it marked.
    buf.extend_from_slice(b"\x82\x82\x80\x80\x80\x80ij");
    assert!(buf.whole_frame(8, Role::Server, 9).is_some());
    assert!(is_marked(&buf, 0..8));

    let mut buf = ReceiveBuf::from(BytesMut::from(&b"\x02\x04abcd"[..]));
    buf.slice_mut(0..1).fill(0x82);
    buf.check_utf8(1..6, true).unwrap();
    assert!(buf.whole_frame(0, Role::Client, 9).is_some());
    assert!(is_marked(&buf, 0..0));
}

#[derive(Clone, Debug)]
enum Operation {
    WholeFrame(usize, Role),
    Append(Vec<u8>),
    Check(usize, usize, bool),
    Overwrite(usize, usize, u8),
    Advance(usize),
    Truncate(usize),
    SplitTo(usize),
    Reserve(usize),
    ReserveExact(usize),
    Clear,
}

fn operation() -> impl Strategy<Value = Operation> {
    let piece = prop_oneof![
        4 => "[a-cé語\u{1f980}]{0,6}".prop_map(String::into_bytes),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
        1 => "[é語\u{1f980}]".prop_map(|text| text.as_bytes()[..1].to_vec()),
    ];
    let at = 0..40usize;
    let frame = (piece.clone(), any::<[u8; 4]>(), 0..2u8, any::<bool>()).prop_map(
        |(mut payload, key, opcode, masked)| {
            let len = payload.len() as u8;
            let mut frame = vec![0x81 + opcode, len];
            if masked {
                frame[1] |= 0x80;
                frame.extend_from_slice(&key);
                mask::apply(&mut payload, key.into(), 0);
            }
            frame.append(&mut payload);
            frame
        },
    );
    let role = prop_oneof![Just(Role::Client), Just(Role::Server)];
    prop_oneof![
        2 => frame.prop_map(Operation::Append),
        4 => (at.clone(), role).prop_map(|(start, role)| Operation::WholeFrame(start, role)),
        4 => piece.prop_map(Operation::Append),
        4 => (at.clone(), at.clone(), any::<bool>()).prop_map(|(from, to, complete)| Operation::Check(from, to, complete)),
        2 => (0..4usize, at.clone(), any::<bool>()).prop_map(|(from, to, complete)| Operation::Check(from, to, complete)),
        1 => (at.clone(), at.clone(), any::<u8>()).prop_map(|(from, to, byte)| Operation::Overwrite(from, to, byte)),
        1 => (0..6usize).prop_map(Operation::Advance),
        1 => at.clone().prop_map(Operation::Truncate),
        1 => (0..8usize).prop_map(Operation::SplitTo),
        1 => (0..200usize).prop_map(Operation::Reserve),
        1 => (0..200usize).prop_map(Operation::ReserveExact),
        1 => Just(Operation::Clear),
    ]
}

fn every_text_is_valid(buf: &ReceiveBuf) -> Result<(), TestCaseError> {
    for start in 0..=buf.len() {
        for end in start..=buf.len() {
            let expected = core::str::from_utf8(&buf[start..end]).ok();
            prop_assert_eq!(buf.text(start..end).ok(), expected);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_sequence_of_operations_makes_invalid_text(operations in proptest::collection::vec(operation(), 1..30)) {
        let mut buf = ReceiveBuf::new();
        let mut model: Vec<u8> = Vec::new();
        for operation in operations {
            match operation {
                Operation::WholeFrame(start, role) => {
                    let unread = model.get_mut(start..).unwrap_or_default();
                    let mut expected = WholeFrame::decode(unread, role);
                    if let Some(frame) = &expected {
                        let payload = &mut unread[frame.payload.clone()];
                        let mut unmasked = payload.to_vec();
                        if let Some(key) = frame.mask {
                            mask::apply(&mut unmasked, key, 0);
                        }
                        let is_text = core::str::from_utf8(&unmasked).is_ok();
                        if frame.opcode == OpCode::Text && !is_text {
                            expected = None;
                        } else {
                            payload.copy_from_slice(&unmasked);
                        }
                    }
                    prop_assert_eq!(buf.whole_frame(start, role, usize::MAX), expected);
                }
                Operation::Append(bytes) => {
                    buf.extend_from_slice(&bytes);
                    model.extend_from_slice(&bytes);
                }
                Operation::Check(from, to, complete) => {
                    let to_model = to.min(model.len());
                    let bytes = &model[from.min(to_model)..to_model];
                    let expected = match core::str::from_utf8(bytes) {
                        Ok(_) => true,
                        Err(error) => !complete && error.error_len().is_none(),
                    };
                    prop_assert_eq!(buf.check_utf8(from..to, complete).is_ok(), expected);
                }
                Operation::Overwrite(from, to, byte) => {
                    buf.slice_mut(from..to).fill(byte);
                    let to = to.min(model.len());
                    model[from.min(to)..to].fill(byte);
                }
                Operation::Advance(count) => {
                    buf.advance(count);
                    model.drain(..count.min(model.len()));
                }
                Operation::Truncate(len) => {
                    buf.truncate(len);
                    model.truncate(len);
                }
                Operation::SplitTo(count) => {
                    let front = buf.split_to(count);
                    let front_model: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    prop_assert_eq!(front.as_slice(), &front_model[..]);
                    every_text_is_valid(&front)?;
                    prop_assert_eq!(front.freeze_text().is_ok(), core::str::from_utf8(&front_model).is_ok());
                }
                Operation::Reserve(additional) => buf.reserve(additional),
                Operation::ReserveExact(additional) => buf.reserve_exact(additional),
                Operation::Clear => {
                    buf.clear();
                    model.clear();
                }
            }
            prop_assert_eq!(buf.as_slice(), &model[..]);
            every_text_is_valid(&buf)?;
        }
        let valid = core::str::from_utf8(&model).is_ok();
        prop_assert_eq!(buf.freeze_text().is_ok(), valid);
    }
}
