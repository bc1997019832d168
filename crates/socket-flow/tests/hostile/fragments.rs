//! Fragments in an order that makes no message, and characters cut by them.

use crate::victim::{Attack, SIDES, is_refused};

/// A message that begins inside of another: what is there so far must neither be lost nor joined
/// (RFC 6455 §5.4).
#[tokio::test]
async fn a_message_inside_of_another_is_refused_with_1002() {
    for side in SIDES {
        for first in [0x01, 0x02, 0x81, 0x82] {
            let mut wire = side.frame(0x01, &[2], b"aa");
            wire.extend(side.frame(first, &[2], b"bb"));
            wire.extend(side.frame(0x80, &[2], b"cc"));
            is_refused(side, &wire, 1002).await;
        }
    }
}

/// A continuation of nothing, at the start and behind a complete message (RFC 6455 §5.4).
#[tokio::test]
async fn a_continuation_without_a_message_is_refused_with_1002() {
    for side in SIDES {
        for first in [0x00, 0x80] {
            let mut attack = Attack::on(side).await;
            attack.frame(first, b"x").await;
            assert_eq!(attack.refusal(1002).await.messages, []);

            let mut attack = Attack::on(side).await;
            attack.frame(0x01, b"He").await;
            attack.frame(0x80, b"llo").await;
            let echo = attack.wire.frame().await.unwrap();
            assert_eq!((echo.first, &*echo.payload), (0x81, &b"Hello"[..]));
            attack.frame(first, b"x").await;
            let seen = attack.refusal(1002).await;
            assert_eq!(seen.messages, [socket_flow::Message::from("Hello")]);
        }
    }
}

/// Text that ends in half a character is not delivered short of it (RFC 6455 §5.6, §8.1).
#[tokio::test]
async fn a_character_cut_off_at_the_end_of_a_message_is_refused_with_1007() {
    for side in SIDES {
        for cut in [&b"\xc3"[..], b"\xe2\x82", b"\xf0\x9f\x98"] {
            let text = [b"Hello ", cut].concat();
            is_refused(side, &side.whole(0x81, &text), 1007).await;
            let mut wire = side.whole(0x01, b"Hello ");
            wire.extend(side.whole(0x80, cut));
            is_refused(side, &wire, 1007).await;
            let mut wire = side.whole(0x01, &text);
            wire.extend(side.whole(0x80, b""));
            is_refused(side, &wire, 1007).await;
        }
    }
}

/// The byte that no text can hold is refused where it stands, before its frame is complete
/// (RFC 6455 §8.1).
#[tokio::test]
async fn invalid_text_is_refused_with_1007_before_the_end_of_its_frame() {
    for side in SIDES {
        for text in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90"] {
            is_refused(side, &side.frame(0x81, &[125], text), 1007).await;
            let mut wire = side.frame(0x01, &[1], b"\xc3");
            wire.extend(side.frame(0x89, &[0], b""));
            wire.extend(side.frame(0x00, &[125], b"\xc3"));
            // The pong of the ping is on its way before the Close.
            let mut attack = Attack::on(side).await;
            attack.send(wire).await;
            assert_eq!(attack.wire.frame().await.unwrap().first, 0x8a);
            assert_eq!(attack.refusal(1007).await.messages, []);
        }
    }
}

/// A character over two fragments with a ping between them is valid text (RFC 6455 §5.4, §5.6).
#[tokio::test]
async fn a_character_cut_by_a_fragment_is_delivered_whole() {
    for side in SIDES {
        let mut attack = Attack::on(side).await;
        attack.frame(0x01, b"\xf0\x9f").await;
        attack.frame(0x89, b"between").await;
        attack.frame(0x00, b"\x98").await;
        attack.frame(0x80, b"\x80").await;
        let pong = attack.wire.frame().await.unwrap();
        assert_eq!((pong.first, &*pong.payload), (0x8a, &b"between"[..]));
        let echo = attack.wire.frame().await.unwrap();
        assert_eq!((echo.first, &*echo.payload), (0x81, "\u{1f600}".as_bytes()));
    }
}
