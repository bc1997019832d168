//! Limits and memory: RFC 6455 §10.4.

use bytes::{BufMut, BytesMut};
use socket_flow_protocol::{
    Config, Event, Input, Message, Negotiated, Protocol, ProtocolError, Role,
};

use crate::support::{
    Endpoint, MODES, Mode, ROLES, Script, arrives, binary, frame, header, noise, ping, protocol,
};

/// A quarter of all lengths that memory can have.
const VAST: u64 = 1 << (usize::BITS - 2);

/// The core alone: a shell does not show what memory it keeps.
fn core(role: Role, config: &Config) -> (Protocol, Input) {
    let protocol = protocol(role, config, Negotiated::default());
    (protocol, Input::new())
}

/// How much memory the next direct read may fill, and nothing was read.
fn offered(protocol: &mut Protocol, input: &Input) -> Option<usize> {
    let direct = protocol.halves().0.direct(input);
    direct.map(|mut direct| direct.chunk_mut().len())
}

#[test]
fn a_message_at_its_limit_passes_and_one_byte_more_fails() {
    for role in ROLES {
        for limit in [0, 1, 125, 126, 1000, 65_522, 65_523, 70_000] {
            let script = Script::to(role).config(Config::new().max_message(limit));
            let payload = noise(limit + 1);
            for len in [limit.saturating_sub(1), limit] {
                let outcome = script.clone().frame(0x82, &payload[..len]).run_twice();
                outcome
                    .assert_events(&[binary(&payload[..len])])
                    .assert_open();
            }
            let outcome = script.frame(0x82, &payload).run_twice();
            let error = ProtocolError::MessageTooBig { limit };
            outcome.assert_events(&[]).assert_failed(error, 1009);
        }
    }
}

/// RFC 6455 §10.4.
#[test]
fn the_limit_holds_for_the_sum_of_all_fragments() {
    for role in ROLES {
        let script = Script::to(role)
            .config(Config::new().max_message(10))
            .frame(0x02, b"1234")
            .frame(0x00, b"5678")
            .frame(0x89, b"a ping counts nothing");
        let last_fits = script
            .clone()
            .frame(0x80, b"90")
            .frame(0x82, b"0123456789")
            .run();
        last_fits
            .assert_events(&[
                ping(b"a ping counts nothing"),
                binary(b"1234567890"),
                binary(b"0123456789"),
            ])
            .assert_open();
        let error = ProtocolError::MessageTooBig { limit: 10 };
        for first in [0x00, 0x80] {
            let one_more = script.clone().header(first, 3).run();
            one_more.assert_failed(error, 1009);
            let beyond = script.clone().frame(0x00, b"90").header(first, 1).run();
            beyond.assert_failed(error, 1009);
        }
    }
}

/// RFC 6455 §10.4.
#[test]
fn a_frame_over_the_limit_fails_on_its_header() {
    for role in ROLES {
        let limit = 16 << 20;
        let error = ProtocolError::MessageTooBig { limit };
        let at_the_limit = Script::to(role).header(0x81, limit as u64).run();
        at_the_limit.assert_open();
        for len in [
            limit as u64 + 1,
            1 << 32,
            (1 << 32) + 1,
            1 << 62,
            (1 << 63) - 1,
        ] {
            let outcome = Script::to(role).header(0x81, len).run();
            outcome.assert_events(&[]).assert_failed(error, 1009);
            let fragment = Script::to(role)
                .frame(0x02, b"begun")
                .header(0x00, len)
                .run();
            fragment.assert_events(&[]).assert_failed(error, 1009);
        }
    }
}

#[test]
fn without_a_limit_the_greatest_lengths_are_begun_and_do_not_overflow() {
    for role in ROLES {
        let unlimited = Config::new().max_message(usize::MAX);
        for len in [VAST, 2 * VAST - 1] {
            let script = Script::to(role).config(unlimited.clone());
            script.header(0x82, len).raw(b"payload").run().assert_open();
            let script = Script::to(role).config(unlimited.clone());
            let fragment = script
                .frame(0x02, b"begun")
                .header(0x00, len)
                .raw(b"payload");
            fragment.run().assert_open();
        }
    }
}

#[test]
fn a_declared_length_costs_nothing_before_its_payload() {
    for role in ROLES {
        let config = Config::new().max_message(usize::MAX);
        let (mut protocol, mut input) = core(role, &config);
        for byte in header(role, 0x82, VAST) {
            arrives(&mut protocol, &mut input, &[byte]);
        }
        assert!(input.capacity() <= 1 << 10);
        assert_eq!(offered(&mut protocol, &input), None);
        arrives(&mut protocol, &mut input, &[0; 10]);
        assert!(offered(&mut protocol, &input).unwrap() <= 4 << 10);
        assert!(input.capacity() <= 4 << 10);

        for mode in MODES {
            let mut endpoint = Endpoint::new(role, &config);
            endpoint.mode = mode;
            for byte in header(role, 0x82, VAST) {
                endpoint.feed(&[byte]);
            }
            assert_eq!(endpoint.direct(), None);
            endpoint.feed(&[0; 10]);
            assert!(endpoint.direct().unwrap() <= 4 << 10);
            assert_eq!(endpoint.receiving.into_input().capacity(), 0);
        }
    }
}

#[test]
fn memory_grows_with_what_arrives_and_not_with_what_is_declared() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().max_message(usize::MAX));
        endpoint.feed(&header(role, 0x82, VAST));
        endpoint.feed(&[0]);
        let mut arrived = 1;
        while arrived < 5 << 20 {
            let room = endpoint.direct().unwrap();
            let allowed = if arrived < 64 << 10 {
                (2 * arrived).max(4 << 10)
            } else {
                // Vec doubles where that is more than was asked for.
                (1 << 20) + arrived
            };
            assert!(room <= allowed, "{room} bytes of room for {arrived}");
            endpoint.feed(&vec![0; room]);
            arrived += room;
        }
        assert_eq!(endpoint.receiving.into_input().capacity(), 0);
    }
}

#[test]
fn a_direct_read_never_goes_beyond_its_frame() {
    for role in ROLES {
        let payload = noise(1 << 20);
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.mode = Mode::Direct;
        let bytes = frame(role, 0x82, &payload);
        let body = bytes.len() - payload.len();
        endpoint.feed(&bytes[..body + 100_000]);
        let mut arrived = 100_000;
        while let Some(room) = endpoint.direct() {
            assert!(arrived + room <= payload.len());
            endpoint.feed(&bytes[body + arrived..][..room]);
            arrived += room;
        }
        // The last bytes come through the input, with whatever follows.
        assert!(payload.len() - arrived < 16 << 10);
        endpoint.feed(&[&bytes[body + arrived..], &frame(role, 0x89, b"next")].concat());
        assert_eq!(endpoint.events, [binary(&payload), ping(b"next")]);
    }
}

#[test]
fn the_last_16_kib_of_a_frame_come_through_the_input_with_what_follows() {
    for role in ROLES {
        let bytes = frame(role, 0x82, &noise(100_000));
        for (rest, direct) in [(16_385, true), (16_384, true), (16_383, false), (1, false)] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.feed(&bytes[..bytes.len() - rest]);
            assert_eq!(endpoint.direct().is_some(), direct, "{rest}");
        }
    }
}

#[test]
fn a_frame_that_fits_the_input_is_not_read_directly() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        assert_eq!(endpoint.direct(), None);
        endpoint.feed(&header(role, 0x82, 65_522));
        endpoint.feed(b"x");
        assert_eq!(endpoint.direct(), None);
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&header(role, 0x82, 65_523));
        endpoint.feed(b"x");
        assert!(endpoint.direct().is_some());
        assert!(!endpoint.end());
    }
}

#[test]
fn a_large_message_in_one_frame_takes_its_length() {
    for role in ROLES {
        for mode in [Mode::Owned, Mode::Direct] {
            for len in [65_523, 100_000, 1 << 20, (1 << 20) + 1, 3_000_000] {
                let mut endpoint = Endpoint::new(role, &Config::new());
                endpoint.mode = mode;
                let bytes = frame(role, 0x82, &vec![7; len]);
                for piece in bytes.chunks(10_000) {
                    endpoint.feed(piece);
                }
                let Some(Event::Message(Message::Binary(payload))) = endpoint.events.pop() else {
                    panic!("a message of {len} bytes");
                };
                assert_eq!(payload.len(), len);
                assert_eq!(payload.try_into_mut().unwrap().capacity(), len);
            }
        }
    }
}

#[test]
fn a_small_message_does_not_pin_the_input() {
    for len in [0, 1, 100, 2047] {
        let (mut protocol, mut input) = core(Role::Client, &Config::new());
        input.reserve(64 << 10);
        input.extend_from_slice(&frame(Role::Client, 0x82, &vec![7; len]));
        let received = protocol.receive(&mut input);
        let Ok(Some(Event::Message(Message::Binary(payload)))) = received else {
            panic!("a message of {len} bytes");
        };
        if len > 0 {
            assert_eq!(payload.try_into_mut().unwrap().capacity(), len);
        }
        let storage = std::mem::take(input.storage());
        assert!(storage.capacity() >= 60 << 10, "the input kept its memory");
    }
}

#[test]
fn a_small_message_does_not_keep_the_memory_of_a_large_one_before_it() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&frame(role, 0x82, &vec![7; 1 << 20]));
        endpoint.mode = Mode::Owned;
        endpoint.feed(&frame(role, 0x02, b"a"));
        endpoint.feed(&frame(role, 0x80, b"b"));
        let Some(Event::Message(Message::Binary(payload))) = endpoint.events.pop() else {
            panic!("a binary message");
        };
        assert_eq!(payload, b"ab"[..]);
        assert!(payload.try_into_mut().unwrap().capacity() <= 4 << 10);
    }
}

#[test]
fn an_idle_connection_can_give_all_its_memory_back() {
    for role in ROLES {
        let (mut protocol, mut input) = core(role, &Config::new());
        let release = |protocol: &mut Protocol, input: &mut Input| {
            let storage = BytesMut::with_capacity(input.len());
            assert!(input.move_to(storage).is_empty());
            protocol.halves().0.release();
        };
        input.extend_from_slice(&frame(role, 0x82, &vec![7; 100_000]));
        assert!(protocol.receive(&mut input).unwrap().is_some());
        release(&mut protocol, &mut input);
        assert_eq!(input.capacity(), 0);
        arrives(&mut protocol, &mut input, &frame(role, 0x82, b"half")[..4]);
        release(&mut protocol, &mut input);
        assert!(input.capacity() <= 8);
        input.extend_from_slice(&frame(role, 0x82, b"half")[4..]);
        let received = protocol.receive(&mut input).unwrap();
        assert_eq!(received, Some(binary(b"half")));
        assert!(!protocol.has_output());

        // A shell does, whenever it waits.
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&frame(role, 0x82, &vec![7; 100_000]));
        assert_eq!(endpoint.receiving.into_input().capacity(), 0);
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&frame(role, 0x82, b"half")[..4]);
        assert!(endpoint.receiving.into_input().capacity() <= 64);
    }
}

#[test]
fn releasing_memory_never_loses_a_message_under_way() {
    for role in ROLES {
        let payload = noise(200_000);
        let mut endpoint = Endpoint::new(role, &Config::new());
        for piece in frame(role, 0x82, &payload).chunks(30_000) {
            endpoint.receiving.release_memory();
            endpoint.feed(piece);
        }
        assert_eq!(endpoint.events, [binary(&payload)]);
    }
}
