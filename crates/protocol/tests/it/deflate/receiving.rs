//! permessage-deflate as its receiver sees it: RFC 7692 §6 and §7.2.

use flate2::FlushCompress;
use socket_flow_protocol::{
    Config, DeflateParams, Event, HeaderError, Message, Negotiated, ProtocolError, Role,
};

use crate::support::deflate::{
    HELLO, agreed, compressed, everywhere, failed, finished, flushed, then_hello,
};
use crate::support::tokens::Walker;
use crate::support::{
    Endpoint, MODES, Mode, ROLES, Script, binary, frame, noise, ping, pong, text,
};

// RFC 7692 §7.2.3: the examples.

/// RFC 7692 §6.2, §7.2.3.1.
#[test]
fn a_message_in_one_frame_is_the_example_of_7_2_3_1() {
    everywhere(|script, _| {
        let outcome = script.frame(0xc1, &HELLO).run();
        outcome.assert_events(&[text("Hello")]).assert_open();
    });
}

/// RFC 7692 §6.2, §7.2.3.1.
#[test]
fn a_message_in_two_frames_is_the_example_of_7_2_3_1() {
    everywhere(|script, _| {
        let outcome = script
            .frame(0x41, &HELLO[..3])
            .frame(0x80, &HELLO[3..])
            .run();
        outcome.assert_events(&[text("Hello")]).assert_open();
    });
}

/// RFC 7692 §7.2.2, §7.2.3.2.
#[test]
fn a_kept_window_is_the_example_of_7_2_3_2() {
    everywhere(|script, keeps_context| {
        let script = script
            .frame(0xc1, &HELLO)
            .frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
        if keeps_context {
            let outcome = script.run();
            outcome
                .assert_events(&[text("Hello"), text("Hello")])
                .assert_open();
        } else {
            failed(script, ProtocolError::InvalidCompression, 1007).assert_events(&[text("Hello")]);
        }
    });
}

/// RFC 7692 §7.2.3.3.
#[test]
fn a_stored_block_is_the_example_of_7_2_3_3() {
    everywhere(|script, _| {
        let stored = b"\x00\x05\x00\xfa\xffHello\x00";
        let outcome = then_hello(script.frame(0xc1, stored)).run();
        outcome
            .assert_events(&[text("Hello"), text("Hello")])
            .assert_open();
    });
}

/// RFC 7692 §7.2.3.4.
#[test]
fn a_last_block_is_the_example_of_7_2_3_4() {
    everywhere(|script, _| {
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        let outcome = then_hello(script.frame(0xc1, &last)).run();
        outcome
            .assert_events(&[text("Hello"), text("Hello")])
            .assert_open();
    });
}

/// RFC 7692 §7.2.3.5.
#[test]
fn two_blocks_are_the_example_of_7_2_3_5() {
    everywhere(|script, _| {
        let two = [
            0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00,
        ];
        let outcome = then_hello(script.frame(0xc1, &two)).run();
        outcome
            .assert_events(&[text("Hello"), text("Hello")])
            .assert_open();
    });
}

/// RFC 7692 §7.2.3.6.
#[test]
fn an_empty_message_is_the_example_of_7_2_3_6() {
    everywhere(|script, _| {
        let outcome = then_hello(script.frame(0xc1, &[0x00]).frame(0xc2, &[0x00])).run();
        outcome
            .assert_events(&[text(""), binary(b""), text("Hello")])
            .assert_open();
    });
}

// Blocks.

/// RFC 7692 §7.2.2.
#[test]
fn stored_fixed_and_dynamic_blocks_are_inflated_alone_and_together() {
    let stored = b"\x00\x05\x00\xfa\xffHello".to_vec();
    // Each ends with a flush, so they can follow each other.
    let fixed = flushed(b"Hello", FlushCompress::Sync);
    let words = "now is the winter of our discontent made glorious summer ".repeat(9);
    let dynamic = flushed(words.as_bytes(), FlushCompress::Sync);
    let all = [&stored[..], &fixed, &dynamic, &stored, &[0x00]].concat();
    let tokens = Walker::new(false).message(&all).unwrap();
    assert!(
        tokens.blocks.iter().all(|count| *count > 0),
        "{:?}",
        tokens.blocks
    );
    let expected = format!("HelloHello{words}Hello");
    assert_eq!(tokens.output, expected.as_bytes());
    everywhere(|script, _| {
        let outcome = then_hello(script.frame(0xc1, &all)).run();
        outcome
            .assert_events(&[text(&expected), text("Hello")])
            .assert_open();
    });
}

#[test]
fn a_last_block_may_end_a_message_with_or_without_a_byte_behind_it() {
    // An empty last block; it was an endless loop elsewhere, a remote denial
    // of service of four bytes.
    for payload in [&[0x03, 0x80][..], &[0x03, 0x00], &[0x03, 0x00, 0x00]] {
        everywhere(|script, _| {
            let outcome = then_hello(script.frame(0xc2, payload)).run();
            outcome
                .assert_events(&[binary(b""), text("Hello")])
                .assert_open();
        });
    }
    let stream = finished(b"the whole message");
    for stream in [stream.clone(), [&stream[..], &[0x00]].concat()] {
        everywhere(|script, _| {
            let script = script.frame(0xc1, &stream).frame(0xc1, &stream);
            let outcome = then_hello(script).run();
            let message = text("the whole message");
            outcome
                .assert_events(&[message.clone(), message, text("Hello")])
                .assert_open();
        });
    }
}

#[test]
fn the_four_bytes_of_an_empty_last_block_are_an_empty_message() {
    for keeps_context in [true, false] {
        let script = Script::to(Role::Client).negotiated(agreed(keeps_context));
        let outcome = script.raw(b"\xc2\x02\x03\x80").run();
        outcome.assert_events(&[binary(b"")]).assert_open();
    }
}

#[test]
fn a_last_block_that_the_tail_completes_ends_its_message() {
    // The sender marked its empty stored block as the last one.
    everywhere(|script, _| {
        let script = script.frame(0xc1, &[0x01]).frame(0xc1, &[0x01]);
        let outcome = then_hello(script.frame(0x89, b"p")).run();
        outcome
            .assert_events(&[text(""), text(""), ping(b"p"), text("Hello")])
            .assert_open();
    });
}

/// RFC 7692 §7.2.2.
#[test]
fn blocks_behind_a_last_block_go_on_with_the_message() {
    let parts: [&[u8]; 4] = [b"one, ", b"two, ", b"three, ", b"four"];
    let mut payload: Vec<u8> = parts[..3].iter().flat_map(|part| finished(part)).collect();
    payload.extend(compressed(parts[3]));
    everywhere(|script, _| {
        let script = script.frame(0xc1, &payload).frame(0xc1, &payload);
        let outcome = then_hello(script).run();
        let message = text("one, two, three, four");
        outcome
            .assert_events(&[message.clone(), message, text("Hello")])
            .assert_open();
    });
}

#[test]
fn behind_a_last_block_the_message_so_far_is_still_in_the_window() {
    // "Hello" and a last block; then a fixed block that is nothing but a
    // match of 5 at distance 5 (the second message of §7.2.3.2's example).
    let payload = [
        0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x02, 0x13, 0x00, 0x00,
    ];
    let tokens = Walker::new(false).message(&payload).unwrap();
    assert_eq!(tokens.matches, [(5, 5)]);
    everywhere(|script, _| {
        let outcome = script.frame(0xc1, &payload).run();
        outcome.assert_events(&[text("HelloHello")]).assert_open();
    });
}

#[test]
fn behind_a_last_block_the_window_holds_the_last_32_kib_of_the_message() {
    let message = noise(40_000);
    let mut payload = finished(&message);
    // A match that reaches back as far as there is; distance code 29.
    let farthest = [0x02, 0x1f, 0xfe, 0x7f, 0x00, 0x00];
    let tail = (0..=u8::MAX).find_map(|byte| {
        let mut block = farthest;
        block[1] = byte;
        let mut all = payload.clone();
        all.extend(block);
        let tokens = Walker::new(false).message(&all).ok()?;
        (tokens.farthest() > 32_000).then_some(block)
    });
    payload.extend(tail.expect("a block with a far match"));
    let expected = Walker::new(false).message(&payload).unwrap().output;
    assert!(expected.len() > message.len());
    for keeps_context in [true, false] {
        let outcome = Script::to(Role::Client)
            .negotiated(agreed(keeps_context))
            .frame(0xc2, &payload)
            .run_twice();
        outcome.assert_events(&[binary(&expected)]).assert_open();
    }
}

/// RFC 7692 §7.2.2.
#[test]
fn behind_a_message_that_ended_its_stream_the_window_is_empty() {
    for role in ROLES {
        let script = Script::to(role)
            .negotiated(agreed(true))
            .frame(0xc1, &finished(b"Hello"))
            .frame(0xc1, &[0xf2, 0x00, 0x11, 0x00, 0x00]);
        failed(script, ProtocolError::InvalidCompression, 1007).assert_events(&[text("Hello")]);
    }
}

/// RFC 7692 §5, §7.2.2.
#[test]
fn a_match_32_kib_back_is_inflated_whatever_window_was_agreed_on() {
    // The beginning of the first message is the farthest that the second may
    // refer to: a fixed block with nothing but a match of 3 at that distance.
    let first = noise(32_768);
    let farthest = [0x02, 0xde, 0xff, 0x0f, 0x00];
    let stored = [&[0x00, 0x00, 0x80, 0xff, 0x7f][..], &first, &[0x00]].concat();
    let mut walker = Walker::new(true);
    assert_eq!(walker.message(&stored).unwrap().output, first);
    let tokens = walker.message(&farthest).unwrap();
    assert_eq!(tokens.matches, [(3, 32_768)]);
    for role in ROLES {
        for bits in 8..=15 {
            let params = DeflateParams {
                server_max_window_bits: bits,
                client_max_window_bits: bits,
                ..DeflateParams::default()
            };
            let outcome = Script::to(role)
                .negotiated(Negotiated::default().with_deflate(params))
                .frame(0xc2, &stored)
                .frame(0xc2, &farthest)
                .run_cut(&[], Mode::Owned);
            outcome
                .assert_events(&[binary(&first), binary(&first[..3])])
                .assert_open();
        }
    }
}

// Fragments and empty messages.

#[test]
fn fragments_may_be_empty_and_have_control_frames_between_them() {
    everywhere(|script, _| {
        let script = script
            .frame(0x41, b"")
            .frame(0x89, b"one")
            .frame(0x00, &HELLO[..1])
            .frame(0x8a, b"two")
            .frame(0x00, b"")
            .frame(0x00, &HELLO[1..])
            .frame(0x89, b"three")
            .frame(0x80, b"");
        let outcome = then_hello(script).run();
        outcome
            .assert_events(&[
                ping(b"one"),
                pong(b"two"),
                ping(b"three"),
                text("Hello"),
                text("Hello"),
            ])
            .assert_sent(&[(0x8a, b"one"), (0x8a, b"three")])
            .assert_open();
    });
}

/// RFC 7692 §6.2.
#[test]
fn a_message_in_a_fragment_for_each_byte_is_inflated() {
    let message = "every byte its own frame, every byte its own frame".repeat(3);
    let payload = compressed(message.as_bytes());
    everywhere(|script, _| {
        let mut script = script.frame(0x41, &payload[..1]);
        for byte in &payload[1..] {
            script = script.frame(0x00, &[*byte]);
        }
        let outcome = then_hello(script.frame(0x80, b"")).run();
        outcome
            .assert_events(&[text(&message), text("Hello")])
            .assert_open();
    });
}

/// RFC 7692 §6.2, §7.2.2.
#[test]
fn compressed_and_plain_messages_may_alternate() {
    everywhere(|script, keeps_context| {
        let again: &[u8] = if keeps_context {
            &[0xf2, 0x00, 0x11, 0x00, 0x00]
        } else {
            &HELLO
        };
        let outcome = script
            .frame(0xc1, &HELLO)
            .frame(0x81, b"plain")
            .frame(0x02, b"in ")
            .frame(0x80, b"two")
            .frame(0xc1, again)
            .run();
        outcome
            .assert_events(&[
                text("Hello"),
                text("plain"),
                binary(b"in two"),
                text("Hello"),
            ])
            .assert_open();
    });
}

// Reserved bits: RFC 7692 §6.

/// RFC 7692 §6.1.
#[test]
fn rsv1_is_a_protocol_error_anywhere_but_on_the_first_frame_of_a_message() {
    let error = ProtocolError::Header(HeaderError::ReservedBits(socket_flow_frames::Rsv::RSV1));
    everywhere(|script, _| {
        for control in [0xc8, 0xc9, 0xca] {
            failed(script.clone().frame(control, b""), error, 1002).assert_events(&[]);
            let between = script.clone().frame(0x41, &HELLO[..3]).frame(control, b"");
            failed(between, error, 1002);
        }
        for continuation in [0x40, 0xc0] {
            for first in [0x02, 0x42] {
                let script = script.clone().frame(first, &HELLO[..3]);
                failed(script.frame(continuation, &HELLO[3..]), error, 1002);
            }
            failed(script.clone().frame(continuation, &HELLO), error, 1002);
        }
    });
}

#[test]
fn the_other_reserved_bits_stay_errors() {
    everywhere(|script, _| {
        for first in [0xa1, 0x91, 0xe1, 0xd1, 0xf1, 0xb2] {
            let outcome = script.clone().frame(first, &HELLO).run();
            assert!(matches!(
                outcome.error,
                Some(ProtocolError::Header(HeaderError::ReservedBits(_)))
            ));
            outcome.assert_events(&[]);
            let sent = outcome.sent();
            assert_eq!(sent[0].1[..2], 1002_u16.to_be_bytes());
        }
    });
}

/// RFC 6455 §5.8.
#[test]
fn rsv1_without_the_extension_is_a_protocol_error() {
    let error = ProtocolError::Header(HeaderError::ReservedBits(socket_flow_frames::Rsv::RSV1));
    for role in ROLES {
        for first in [0x41, 0xc1, 0xc2, 0xc9] {
            failed(Script::to(role).frame(first, &HELLO), error, 1002).assert_events(&[]);
        }
    }
}

#[test]
fn a_new_message_inside_a_compressed_one_is_a_protocol_error() {
    everywhere(|script, _| {
        for first in [0x81, 0xc1, 0x41, 0xc2] {
            let script = script.clone().frame(0x41, &HELLO[..3]).frame(first, &HELLO);
            failed(script, ProtocolError::ExpectedContinuation, 1002).assert_events(&[]);
        }
    });
}

// Failures.

#[test]
fn data_that_is_not_deflate_fails() {
    let invalid: [&[u8]; 6] = [
        // A block of type 3.
        &[0x06],
        &[0x07, 0x00],
        // A stored length that is not its own complement.
        &[0x00, 0x05, 0x00, 0xfa, 0xfe, b'H'],
        // A code length code with too many codes.
        &[0x04, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        b"plain text where there should be none of it",
        &[0xff; 20],
    ];
    for payload in invalid {
        assert!(Walker::new(false).message(payload).is_err());
        everywhere(|script, _| {
            let error = ProtocolError::InvalidCompression;
            let whole = script.clone().frame(0xc2, payload);
            failed(whole, error, 1007).assert_events(&[]);
            let behind = script.clone().frame(0xc1, &HELLO).frame(0xc1, payload);
            failed(behind, error, 1007).assert_events(&[text("Hello")]);
            let cut = payload.len().min(2);
            let fragments = script
                .frame(0x42, &payload[..cut])
                .frame(0x80, &payload[cut..]);
            failed(fragments, error, 1007).assert_events(&[]);
        });
    }
}

#[test]
fn a_failure_ends_the_connection_and_nothing_behind_it_is_read() {
    everywhere(|script, _| {
        let script = script.frame(0xc2, &[0x06]);
        let outcome = then_hello(script).frame(0x89, b"p").run();
        outcome
            .assert_failed(ProtocolError::InvalidCompression, 1007)
            .assert_events(&[]);
        assert_eq!(outcome.sent().len(), 1);
    });
}

// Text: RFC 6455 §8.1.

/// RFC 7692 §6.
#[test]
fn text_is_validated_across_everything_it_is_cut_by() {
    let message = "h\u{fc}, \u{20ac}, \u{1f600}, ".repeat(20);
    let payload = compressed(message.as_bytes());
    everywhere(|script, _| {
        let mut script = script;
        for (at, byte) in payload.iter().enumerate() {
            script = script.frame(if at == 0 { 0x41 } else { 0x00 }, &[*byte]);
        }
        let outcome = script.frame(0x80, b"").run();
        outcome.assert_events(&[text(&message)]).assert_open();
    });
}

/// RFC 7692 §6.
#[test]
fn text_that_is_not_utf8_fails_as_it_arrives() {
    for bad in [&b"Hell\xff"[..], b"\xc0\xaf...", b"abc\xed\xa0\x80"] {
        // Stored, so that each byte shows at once; ten more are missing.
        let len = bad.len() as u8 + 10;
        let mut payload = vec![0x00, len, 0x00, !len, 0xff];
        payload.extend_from_slice(bad);
        everywhere(|script, _| {
            let frame_len = payload.len() as u64 + 10;
            let outcome = script.header(0xc1, frame_len);
            // The mask begins anew for what `raw` adds, so mask it here.
            let masked = match outcome.receiver() {
                Role::Server => frame(Role::Server, 0xc1, &payload)[6..].to_vec(),
                Role::Client => payload.clone(),
            };
            let outcome = outcome.raw(&masked).run();
            assert!(matches!(outcome.error, Some(ProtocolError::InvalidUtf8(_))));
            outcome.assert_failed(outcome.error.unwrap(), 1007);
            outcome.assert_events(&[]);
        });
    }
}

#[test]
fn text_that_ends_inside_a_character_fails_at_its_end() {
    for cut in 1..4 {
        let message = &"ab\u{1f600}".as_bytes()[..2 + cut];
        for payload in [compressed(message), finished(message)] {
            everywhere(|script, _| {
                let outcome = script.clone().frame(0xc1, &payload).run();
                assert!(matches!(outcome.error, Some(ProtocolError::InvalidUtf8(_))));
                outcome.assert_events(&[]);
                let outcome = script.frame(0xc2, &payload).run();
                outcome.assert_events(&[binary(message)]).assert_open();
            });
        }
    }
}

// Limits.

/// RFC 6455 §10.4.
#[test]
fn the_inflated_size_stops_at_the_limit_at_every_nesting_of_fragments() {
    let message = vec![b'b'; 100_000];
    let bombs = [
        compressed(&message),
        finished(&message),
        // Last blocks, one behind the other.
        finished(&message[..25_000]).repeat(4),
        // Stored, at the end.
        [
            flushed(&message[..99_999], FlushCompress::Sync),
            b"\x00\x01\x00\xfe\xffb\x00".to_vec(),
        ]
        .concat(),
    ];
    for payload in bombs {
        for role in ROLES {
            for keeps_context in [true, false] {
                for step in [1, 3, 50, payload.len()] {
                    let mut frames = vec![(0x42, Vec::new())];
                    for piece in payload.chunks(step) {
                        frames.push((0x00, piece.to_vec()));
                        frames.push((0x00, Vec::new()));
                    }
                    frames.push((0x80, Vec::new()));
                    for limit in [99_999, 100_000, 100_001] {
                        let mut endpoint = Endpoint::negotiated(
                            role,
                            &Config::new().max_message(limit),
                            agreed(keeps_context),
                        );
                        endpoint.mode = Mode::Owned;
                        for (first, payload) in &frames {
                            endpoint.feed(&frame(role, *first, payload));
                        }
                        if limit < message.len() {
                            let error = ProtocolError::MessageTooBig { limit };
                            assert_eq!(endpoint.error, Some(error));
                            let sent = endpoint.sent();
                            assert_eq!(sent[0].1[..2], 1009_u16.to_be_bytes());
                            assert_eq!(endpoint.events, []);
                        } else {
                            assert_eq!(endpoint.error, None);
                            let [Event::Message(Message::Binary(bytes))] = &endpoint.events[..]
                            else {
                                panic!("a binary message");
                            };
                            assert!(*bytes == message);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn the_limit_counts_inflated_bytes_and_not_those_of_frames() {
    // Noise, stored with five bytes of its own for each block.
    let message = noise(1000);
    let mut payload = Vec::new();
    for byte in &message {
        payload.extend([0x00, 0x01, 0x00, 0xfe, 0xff, *byte]);
    }
    payload.push(0x00);
    everywhere(|script, _| {
        let limited = script.config(Config::new().max_message(1000));
        let outcome = limited.frame(0xc2, &payload).run_twice();
        outcome.assert_events(&[binary(&message)]).assert_open();
    });
}

#[test]
fn blocks_that_hold_nothing_cost_nothing() {
    let limited = Config::new().max_message(0);
    let empty = b"\x00\x00\x00\xff\xff".repeat(2000);
    let last = [0x03, 0x00].repeat(2000);
    for payload in [empty, last] {
        for mode in MODES {
            let mut server = Endpoint::negotiated(Role::Server, &limited, agreed(true));
            server.mode = mode;
            server.feed(&frame(Role::Server, 0x42, &payload));
            server.feed(&frame(Role::Server, 0x80, &[0x00]));
            assert_eq!(server.events, [binary(b"")]);
            assert_eq!(server.error, None);
        }
    }
}

#[test]
fn a_closing_side_still_inflates_what_is_under_way() {
    everywhere(|script, _| {
        let outcome = then_hello(script.closing()).frame(0x88, b"").run();
        outcome.assert_events(&[text("Hello"), Event::Close(None)]);
        assert!(outcome.clean_eof);
    });
}
