//! Defects of permessage-deflate that were found, each by its cause.

use socket_flow_protocol::{Config, Event, Message, ProtocolError, Role};

use crate::support::deflate::{HELLO, agreed, compressed, everywhere, finished, then_hello};
use crate::support::tokens::Walker;
use crate::support::{Endpoint, Mode, Script, frame, noise, text};

/// A whole frame was inflated before its text was looked at: what failed
/// depended on where the bytes had been cut.
#[test]
fn of_two_failures_the_first_counts_however_the_bytes_are_cut() {
    let bad_text = b"\x00\x06\x00\xf9\xffHell\xff!";
    everywhere(|script, _| {
        let behind = [&bad_text[..], &[0x06]].concat();
        let outcome = script.clone().frame(0xc1, &behind).run();
        assert!(matches!(outcome.error, Some(ProtocolError::InvalidUtf8(_))));
        let limited = script.clone().config(Config::new().max_message(5));
        let outcome = limited.frame(0xc1, bad_text).run();
        assert!(matches!(outcome.error, Some(ProtocolError::InvalidUtf8(_))));
        let limit = 4;
        let limited = script.config(Config::new().max_message(limit));
        let outcome = limited.frame(0xc1, &behind).run();
        outcome.assert_failed(ProtocolError::MessageTooBig { limit }, 1009);
    });
}

/// `reserve` doubles whatever is asked for: a message just under its limit
/// held up to twice the limit.
#[test]
fn an_inflated_message_never_holds_more_memory_than_its_limit() {
    for limit in [2, 1000, 20_000, 70_000, 1_000_000] {
        for len in [limit, limit * 3 / 4, limit * 51 / 100] {
            let message = vec![7; len];
            let mut server = Endpoint::negotiated(
                Role::Server,
                &Config::new().max_message(limit),
                agreed(true),
            );
            server.mode = Mode::Owned;
            for byte in frame(Role::Server, 0xc2, &compressed(&message)) {
                server.feed(&[byte]);
            }
            let Some(Event::Message(Message::Binary(bytes))) = server.events.pop() else {
                panic!("a message of {len} bytes");
            };
            assert!(bytes == message);
            let capacity = bytes.try_into_mut().unwrap().capacity();
            assert!(capacity <= limit.max(8), "{capacity} bytes for {limit}");
        }
    }
}

/// Its tail alone is not a block: it left the context in the middle of one,
/// and the next message was refused.
#[test]
fn a_compressed_message_without_any_payload_is_empty_and_disturbs_no_context() {
    everywhere(|script, keeps_context| {
        let again: &[u8] = if keeps_context {
            &[0xf2, 0x00, 0x11, 0x00, 0x00]
        } else {
            &HELLO
        };
        let outcome = script
            .frame(0xc1, b"")
            .frame(0xc1, &HELLO)
            .frame(0x41, b"")
            .frame(0x80, b"")
            .frame(0xc1, again)
            .run();
        outcome
            .assert_events(&[text(""), text("Hello"), text(""), text("Hello")])
            .assert_open();
    });
}

/// The codec waited for the rest of the block: the message passed, short of
/// its end, and the next one was read as that rest.
///
/// RFC 7692 §7.2.2.
#[test]
fn a_message_cut_off_fails() {
    let words = "a message that is compressed and then cut off ".repeat(4);
    for whole in [
        compressed(b"Hello"),
        compressed(words.as_bytes()),
        finished(words.as_bytes()),
        compressed(&noise(40)),
        b"\x00\x05\x00\xfa\xffHello\x00".to_vec(),
    ] {
        assert!(Walker::new(true).message(&whole).is_ok());
        for len in 1..whole.len() {
            let payload = &whole[..len];
            if Walker::new(true).message(payload).is_ok() {
                // Cut at the end of a block: the tail completes it.
                continue;
            }
            for keeps_context in [true, false] {
                let script = Script::to(Role::Server).negotiated(agreed(keeps_context));
                let script = then_hello(script.frame(0xc2, payload));
                let outcome = script.run_cut(&[], Mode::Lent);
                outcome
                    .assert_failed(ProtocolError::InvalidCompression, 1007)
                    .assert_events(&[]);
            }
        }
    }
}

/// Two bytes of a last block made the window of 32 KiB be copied: 0.4 s for
/// each MiB received.
#[test]
fn restarts_inside_a_message_are_bounded_by_the_bytes_that_arrive() {
    // The first restart is free, of 32 KiB; from then on each pays 2 * 1032
    // bytes of as many, and 1 MiB may be owed: 34 of them.
    let stream = finished(&vec![0; 40_000]);
    for (pairs, passes) in [(34, true), (35, false)] {
        let payload = [&stream[..], &[0x03, 0x00].repeat(pairs)].concat();
        everywhere(|script, _| {
            let outcome = then_hello(script.frame(0xc2, &payload)).run_twice();
            if passes {
                outcome.assert_open();
                assert_eq!(outcome.events.len(), 2);
                assert_eq!(outcome.events[1], text("Hello"));
            } else {
                outcome
                    .assert_failed(ProtocolError::TooManyRestarts, 1008)
                    .assert_events(&[]);
            }
        });
    }
}

#[test]
fn what_restarts_owe_is_not_forgotten_between_messages() {
    let stream = finished(&vec![0; 40_000]);
    let payload = [&stream[..], &[0x03, 0x00].repeat(20)].concat();
    everywhere(|script, _| {
        let script = script.frame(0xc2, &payload).frame(0xc2, &payload);
        let outcome = script.frame(0xc2, &payload).run_cut(&[], Mode::Owned);
        assert_eq!(outcome.error, Some(ProtocolError::TooManyRestarts));
        assert_eq!(outcome.events.len(), 1);
    });
    // Other messages in between pay for it.
    let between = compressed(&noise(1000));
    everywhere(|script, _| {
        let mut script = script;
        for _ in 0..4 {
            script = script.frame(0xc2, &payload).frame(0xc2, &between);
        }
        script.run_cut(&[], Mode::Owned).assert_open();
    });
}

#[test]
fn a_sender_that_ends_its_stream_in_each_message_is_never_refused() {
    // Compressed as well as can be, and an empty block behind it, which
    // restarts (RFC 7692 §7.2.3.4).
    for len in [100, 32_768, 100_000] {
        let stream = finished(&vec![0; len]);
        let frame = frame(Role::Client, 0xc2, &[&stream[..], &[0x00]].concat());
        for keeps_context in [true, false] {
            let negotiated = agreed(keeps_context);
            let mut client = Endpoint::negotiated(Role::Client, &Config::new(), negotiated);
            for _ in 0..100 {
                client.feed(&frame);
                assert_eq!((client.error, client.events.len()), (None, 1));
                client.events.clear();
            }
        }
    }
}

#[test]
fn a_sender_that_ends_its_stream_in_each_small_part_is_never_refused() {
    let mut payload = Vec::new();
    for part in noise(100_000).chunks(200) {
        payload.extend(finished(part));
    }
    everywhere(|script, _| {
        let outcome = script.frame(0xc2, &payload).run_cut(&[], Mode::Owned);
        let expected = [Event::Message(Message::from(noise(100_000)))];
        assert!(outcome.events == expected);
    });
}
