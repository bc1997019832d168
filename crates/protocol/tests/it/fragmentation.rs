//! Fragmentation: RFC 6455 §5.4.

use socket_flow_protocol::{Config, Event, Input, Message, Negotiated, ProtocolError, Role};

use crate::support::{
    self, Endpoint, MODES, Mode, ROLES, Script, arrives, binary, frame, noise, ping, pong,
    protocol, text,
};

/// First bytes of the data frames: FIN off, FIN on.
const TEXT: [u8; 2] = [0x01, 0x81];
const BINARY: [u8; 2] = [0x02, 0x82];
const CONTINUATION: [u8; 2] = [0x00, 0x80];

/// RFC 6455 §5.4, §6.2.
#[test]
fn a_message_is_assembled_from_its_fragments() {
    for role in ROLES {
        Script::to(role)
            .frame(0x01, b"Hel")
            .frame(0x00, b"l")
            .frame(0x80, b"o")
            .frame(0x02, b"\x00")
            .frame(0x80, b"\xff")
            .run()
            .assert_events(&[text("Hello"), binary(b"\x00\xff")])
            .assert_open();
    }
}

/// RFC 6455 §5.4.
#[test]
fn with_no_message_under_way_a_continuation_fails_and_the_rest_passes() {
    for role in ROLES {
        for first in CONTINUATION {
            Script::to(role)
                .frame(first, b"a")
                .run()
                .assert_events(&[])
                .assert_failed(ProtocolError::UnexpectedContinuation, 1002);
        }
        for first in [TEXT[0], BINARY[0]] {
            Script::to(role)
                .frame(first, b"a")
                .run()
                .assert_events(&[])
                .assert_open();
        }
        Script::to(role)
            .frame(TEXT[1], b"a")
            .frame(BINARY[1], b"a")
            .run()
            .assert_events(&[text("a"), binary(b"a")])
            .assert_open();
    }
}

/// RFC 6455 §5.4, §6.2.
#[test]
fn with_a_message_under_way_only_a_continuation_passes() {
    for role in ROLES {
        for (begin, whole) in [(TEXT[0], text("ab")), (BINARY[0], binary(b"ab"))] {
            let begun = Script::to(role).frame(begin, b"a");
            for first in TEXT.into_iter().chain(BINARY) {
                begun
                    .clone()
                    .frame(first, b"b")
                    .run()
                    .assert_events(&[])
                    .assert_failed(ProtocolError::ExpectedContinuation, 1002);
            }
            let going_on = begun.clone().frame(CONTINUATION[0], b"b");
            going_on.run().assert_events(&[]).assert_open();
            let ended = begun.frame(CONTINUATION[1], b"b");
            ended.run().assert_events(&[whole]).assert_open();
        }
    }
}

/// RFC 6455 §6.2.
#[test]
fn after_a_fragmented_message_a_continuation_fails_again() {
    for role in ROLES {
        for first in CONTINUATION {
            Script::to(role)
                .frame(0x01, b"a")
                .frame(0x80, b"b")
                .frame(first, b"c")
                .run()
                .assert_events(&[text("ab")])
                .assert_failed(ProtocolError::UnexpectedContinuation, 1002);
        }
    }
}

#[test]
fn after_a_large_unfragmented_message_a_continuation_fails() {
    let payload = noise(70_000);
    for role in ROLES {
        Script::to(role)
            .frame(0x82, &payload)
            .frame(0x80, b"")
            .run()
            .assert_events(&[binary(&payload)])
            .assert_failed(ProtocolError::UnexpectedContinuation, 1002);
    }
}

#[test]
fn a_large_frame_inside_a_fragmented_message_fails_on_its_header() {
    for role in ROLES {
        Script::to(role)
            .frame(0x01, b"a")
            .header(0x82, 70_000)
            .run()
            .assert_events(&[])
            .assert_failed(ProtocolError::ExpectedContinuation, 1002);
    }
}

/// RFC 6455 §5.4, §6.2.
#[test]
fn control_frames_between_fragments_are_answered_at_once() {
    for role in ROLES {
        Script::to(role)
            .frame(0x01, b"Hel")
            .frame(0x89, b"1")
            .frame(0x00, b"")
            .frame(0x8a, b"2")
            .frame(0x89, b"3")
            .frame(0x80, b"lo")
            .run()
            .assert_events(&[ping(b"1"), pong(b"2"), ping(b"3"), text("Hello")])
            .assert_sent(&[(0x8a, b"1"), (0x8a, b"3")])
            .assert_open();
    }
}

/// RFC 6455 §5.4, §5.5.2.
#[test]
fn a_ping_is_answered_while_its_message_is_unfinished() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&frame(role, 0x01, b"Hel"));
        endpoint.feed(&frame(role, 0x89, b"now"));
        assert_eq!(endpoint.sent(), [(0x8a, b"now".to_vec())]);
        assert_eq!(endpoint.events, [ping(b"now")]);
        endpoint.feed(&frame(role, 0x80, b"lo"));
        assert_eq!(endpoint.events, [ping(b"now"), text("Hello")]);
    }
}

#[test]
fn a_close_between_fragments_ends_the_connection_without_the_message() {
    for role in ROLES {
        Script::to(role)
            .frame(0x01, b"Hel")
            .frame(0x88, b"\x03\xe8")
            .frame(0x80, b"lo")
            .run()
            .assert_events(&[support::closed(1000, "")])
            .assert_sent(&[(0x88, b"\x03\xe8")]);
    }
}

/// RFC 6455 §5.4.
#[test]
fn empty_fragments_are_legal_everywhere() {
    for role in ROLES {
        Script::to(role)
            .frame(0x01, b"")
            .frame(0x00, b"")
            .frame(0x80, b"")
            .frame(0x02, b"")
            .frame(0x00, b"a")
            .frame(0x00, b"")
            .frame(0x80, b"")
            .run()
            .assert_events(&[text(""), binary(b"a")])
            .assert_open();
    }
}

/// RFC 6455 §5.4.
#[test]
fn a_large_message_in_pieces_of_every_kind_is_assembled() {
    let payload = noise(150_000);
    for role in ROLES {
        for size in [1000, 16_384, 65_535, 65_536, 75_000] {
            let mut script = Script::to(role);
            for (at, piece) in payload.chunks(size).enumerate() {
                script = script.frame(if at == 0 { 0x02 } else { 0x00 }, piece);
                script = script.frame(0x8a, b"between");
            }
            // As the fuzzers do it: an empty final frame.
            let outcome = script.frame(0x80, b"").run();
            assert_eq!(outcome.events.last(), Some(&binary(&payload)));
            assert_eq!(outcome.events.len(), 1 + payload.len().div_ceil(size));
            outcome.assert_open();
        }
    }
}

/// How much memory a message holds.
fn capacity(event: Event) -> usize {
    let Event::Message(Message::Binary(bytes)) = event else {
        panic!("not a binary message: {event:?}");
    };
    bytes.try_into_mut().expect("the only owner").capacity()
}

/// The input of the core keeps nothing of what is parsed.
fn kept_in_bounds(role: Role, first: &[u8], thousand: &[u8]) {
    let mut protocol = protocol(role, &Config::new(), Negotiated::default());
    let mut input = Input::new();
    arrives(&mut protocol, &mut input, first);
    for _ in 0..1000 {
        arrives(&mut protocol, &mut input, thousand);
        assert!(input.capacity() <= 64 << 10);
    }
}

#[test]
fn a_million_one_byte_fragments_cost_no_more_than_their_payload() {
    for role in ROLES {
        let thousand = frame(role, 0x00, b"x").repeat(1000);
        kept_in_bounds(role, &frame(role, 0x02, b""), &thousand);
        for mode in MODES {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.mode = mode;
            endpoint.feed(&frame(role, 0x02, b""));
            // Quadratic work would take minutes here.
            for _ in 0..1000 {
                endpoint.feed(&thousand);
            }
            endpoint.feed(&frame(role, 0x80, b""));
            let event = endpoint.events.pop().unwrap();
            assert_eq!(event, binary(&[b'x'; 1_000_000]));
            if mode != Mode::Lent && mode != Mode::Moved {
                assert!(capacity(event) <= 2_000_000);
            }
        }
    }
}

#[test]
fn a_million_empty_fragments_cost_nothing() {
    for role in ROLES {
        let thousand = frame(role, 0x00, b"").repeat(1000);
        kept_in_bounds(role, &frame(role, 0x02, b"a"), &thousand);
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.mode = Mode::Owned;
        endpoint.feed(&frame(role, 0x02, b"a"));
        for _ in 0..1000 {
            endpoint.feed(&thousand);
        }
        endpoint.feed(&frame(role, 0x80, b"b"));
        let event = endpoint.events.pop().unwrap();
        assert_eq!(event, binary(b"ab"));
        assert!(capacity(event) <= 4 << 10);
    }
}

/// The quick way of a connection, and its deadlines, go by this.
#[test]
fn the_input_is_idle_only_between_messages() {
    for role in ROLES {
        for mode in MODES {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.mode = mode;
            let messages = [
                frame(role, 0x82, b"whole"),
                [
                    frame(role, 0x01, b"in "),
                    frame(role, 0x89, b"ping"),
                    frame(role, 0x80, b"parts"),
                ]
                .concat(),
                frame(role, 0x82, &noise(70_000)),
                frame(role, 0x8A, b"pong"),
            ];
            for message in messages {
                for piece in pieces(&message) {
                    endpoint.feed(piece);
                    let ends = std::ptr::eq(piece.as_ptr_range().end, message.as_ptr_range().end);
                    assert_eq!(
                        endpoint.receiving.is_idle(&endpoint.sending),
                        ends,
                        "{mode:?}"
                    );
                    let incoming = endpoint.receiving.incoming();
                    assert_eq!(incoming.is_unfinished(), !ends, "{mode:?}");
                }
            }
            endpoint.feed(&frame(role, 0x88, b""));
            assert!(
                !endpoint.receiving.is_idle(&endpoint.sending),
                "after a Close"
            );
        }
    }
}

/// Single bytes, but for what a large message has in the middle.
fn pieces(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let edge = message.len().min(40);
    let (first, rest) = message.split_at(edge);
    let (middle, last) = rest.split_at(rest.len().saturating_sub(40));
    let middle = (!middle.is_empty()).then_some(middle);
    first.chunks(1).chain(middle).chain(last.chunks(1))
}
