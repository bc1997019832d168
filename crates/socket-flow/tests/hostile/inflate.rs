//! Compressed data that is legal and rare, and compression that nobody agreed on.

use socket_flow::Message;

use crate::victim::{Attack, SIDES, Side, is_refused};

/// "Hello" compressed alone (RFC 7692 §7.2.3.1).
const HELLO: &[u8] = b"\xf2\x48\xcd\xc9\xc9\x07\x00";

/// Sends compressed messages with "Hello" behind them; texts are delivered and echoed in order,
/// and the context has survived.
async fn are_delivered(side: Side, payloads: &[&[u8]], texts: &[&str]) {
    let mut attack = Attack::compressed(side).await;
    for payload in payloads {
        attack.frame(0xc1, payload).await;
    }
    attack.frame(0xc1, HELLO).await;
    let texts: Vec<_> = texts.iter().copied().chain(["Hello"]).collect();
    for text in &texts {
        let echo = attack.wire.frame().await.unwrap();
        // Below the threshold of what is worth compressing.
        assert_eq!((echo.first, &*echo.payload), (0x81, text.as_bytes()));
    }
    attack.is_alive().await;
    let seen = attack.end().await;
    let expected: Vec<_> = texts
        .into_iter()
        .chain(["alive?"])
        .map(Message::from)
        .collect();
    assert_eq!(seen.messages, expected, "{side:?} {payloads:?}");
}

/// A message whose last block says so: the stream ends, the next message begins a new one, and
/// neither is empty or lost (RFC 7692 §7.2.3.4; RFC 1951 §3.2.3).
#[tokio::test]
async fn a_message_that_ends_its_deflate_stream_takes_nothing_from_the_next() {
    for side in SIDES {
        let last = b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00";
        are_delivered(side, &[last], &["Hello"]).await;
        are_delivered(side, &[last, last, last], &["Hello"; 3]).await;
        // The end in the middle of a message, which goes on with another stream.
        let twice = [&last[..7], last].concat();
        are_delivered(side, &[&twice], &["HelloHello"]).await;
    }
}

/// Empty messages in every spelling: no payload, the one byte of the RFC, empty blocks of each
/// kind (RFC 7692 §7.2.3.6).
#[tokio::test]
async fn empty_compressed_messages_are_delivered_empty() {
    for side in SIDES {
        for payload in [
            &b""[..],
            b"\x00",
            b"\x02\x00",
            b"\x03\x00",
            b"\x00\x00\x00\xff\xff\x00",
            b"\x01\x00\x00\xff\xff",
            b"\x01\x00\x00\xff\xff\x00",
        ] {
            are_delivered(side, &[payload], &[""]).await;
            are_delivered(side, &[payload, payload], &["", ""]).await;
        }
    }
}

/// Stored blocks, two blocks, and thousands of empty ones, each a step that makes no output
/// (RFC 7692 §7.2.3.3, §7.2.3.5).
#[tokio::test]
async fn blocks_that_bring_nothing_make_no_endless_loop() {
    for side in SIDES {
        let stored = b"\x00\x05\x00\xfa\xffHello\x00";
        are_delivered(side, &[stored], &["Hello"]).await;
        let two = b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00";
        are_delivered(side, &[two], &["Hello"]).await;
        let empty = b"\x00\x00\x00\xff\xff".repeat(10_000);
        are_delivered(side, &[&[&empty, HELLO].concat()], &["Hello"]).await;
    }
}

/// Data that is no DEFLATE (RFC 7692 §7.2.2; RFC 1951 §3.2.3).
#[tokio::test]
async fn invalid_compressed_data_is_refused_with_1007() {
    for side in SIDES {
        for payload in [
            // A reserved block type, a stored length that is not its own complement.
            &b"\x06"[..],
            b"\xff\xff\xff",
            b"\x00\x05\x00\x05\x00Hello",
            // A distance that reaches behind the first byte.
            b"\x02\x13\x00\x00",
            // Cut off in the middle of a block.
            &HELLO[..3],
        ] {
            let mut attack = Attack::compressed(side).await;
            attack.is_alive().await;
            attack.frame(0xc1, payload).await;
            assert_eq!(attack.refusal(1007).await.messages.len(), 1);
        }
    }
}

/// A compressed frame where no extension was agreed on is not inflated (RFC 6455 §5.2;
/// CVE-2026-59881).
#[tokio::test]
async fn a_compressed_frame_without_negotiation_is_refused_with_1002() {
    for side in SIDES {
        is_refused(side, &side.whole(0xc1, HELLO), 1002).await;
        is_refused(side, &side.whole(0x41, HELLO), 1002).await;
    }
}

/// Offered and not accepted is not agreed on: the answer decides, in both directions
/// (RFC 7692 §5; CVE-2026-59881).
#[tokio::test]
async fn an_offer_that_was_declined_is_no_agreement() {
    use socket_flow::Deflate;
    for side in SIDES {
        // The client offers and the server's answer is silent about it, or the server would and
        // the client does not offer.
        let mut attack = Attack::open(
            side,
            "",
            |server| server.deflate(Deflate::balanced()),
            |client| client.deflate(Deflate::balanced()),
        )
        .await;
        attack.is_alive().await;
        attack.frame(0xc1, HELLO).await;
        assert_eq!(attack.refusal(1002).await.messages.len(), 1);
    }
}
