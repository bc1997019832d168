//! What must hold for `unsafe` to be sound: whatever is done to a buffer, text that comes out of it is UTF-8.

use std::{collections::HashSet, format, string::String, vec, vec::Vec};

use bytes::{BufMut, Bytes, BytesMut};

use super::{ReceiveBuf, Utf8Bytes};
use crate::{MaskKey, OpCode, Role, Utf8Error, mask};

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

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// `text` behind three bytes of something else, masked from `from` on.
fn masked(text: &[u8], from: usize) -> ReceiveBuf {
    let mut buf = ReceiveBuf::new();
    buf.extend_from_slice(b"\x81\xff\x80");
    buf.extend_from_slice(text);
    mask::apply(buf.slice_mut(3 + from..3 + text.len()), KEY.into(), 0);
    buf
}

#[test]
fn text_is_unmasked_checked_and_marked_wherever_it_is_cut() {
    let text = "Grüße, 世界! \u{1f980}".as_bytes();
    for cut in 0..=text.len() {
        let mut buf = masked(text, 0);
        let key = MaskKey::from(KEY);
        buf.unmask_text(3, 3..3 + cut, key, 0, false).unwrap();
        buf.unmask_text(3, 3 + cut..3 + text.len(), key, cut, true)
            .unwrap();
        assert!(is_marked(&buf, 3..3 + text.len()), "cut at {cut}");
        assert_eq!(buf.text(3..3 + text.len()).unwrap().as_bytes(), text);
    }
}

#[test]
fn text_that_ends_inside_a_character_is_complete_only_where_it_may_go_on() {
    for text in [&b"a\xc3"[..], b"abcdefghijk\xe4\xb8", b"\xf0\x9f\xa6"] {
        let end = 3 + text.len();
        for cut in 0..=text.len() {
            for complete in [false, true] {
                let mut buf = masked(text, 0);
                buf.unmask_text(3, 3..3 + cut, KEY.into(), 0, false)
                    .unwrap();
                let rest = buf.unmask_text(3, 3 + cut..end, KEY.into(), cut, complete);
                assert_eq!(rest.is_ok(), !complete);
            }
        }
    }
}

/// Longer text is dealt with in pieces.
#[test]
fn a_character_or_an_impossible_byte_is_seen_at_every_edge_of_a_piece() {
    const LEN: usize = (32 << 10) + 100;
    let edges = [16 << 10, 32 << 10];
    for at in edges.iter().flat_map(|edge| edge - 4..edge + 2) {
        let mut text = vec![b'x'; LEN];
        text[at..at + 3].copy_from_slice("世".as_bytes());
        let mut buf = masked(&text, 0);
        buf.unmask_text(3, 3..3 + LEN, KEY.into(), 0, true).unwrap();
        assert_eq!(&buf[3..], &text[..]);
        assert!(is_marked(&buf, 3..3 + LEN), "{at}");

        text[at + 2] = b'y';
        let checked = masked(&text, 0).unmask_text(3, 3..3 + LEN, KEY.into(), 0, true);
        assert_eq!(checked, Err(Utf8Error::new()), "{at}");
    }
}
