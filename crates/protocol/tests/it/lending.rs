//! What a step found: lent, taken, or no longer there.

use std::io::IoSlice;

use bytes::Buf;
use socket_flow_protocol::{
    Config, EventRef, Expired, Found, Input, Message, MessageRef, NEVER, Negotiated, Protocol, Role,
};

use crate::support::{self, ROLES, frame, header, noise, seconds};

fn protocol(role: Role) -> Protocol {
    support::protocol(role, &Config::new(), Negotiated::default())
}

/// Steps through `bytes` to what they hold.
fn found(protocol: &mut Protocol, bytes: &[u8]) -> (Found, Input) {
    let mut input = Input::from(bytes);
    let found = protocol.step(&mut input).unwrap().expect("an event");
    (found, input)
}

/// A payload of text, or of bytes.
fn payload(is_text: bool, len: usize) -> Vec<u8> {
    match is_text {
        true => vec![b'a'; len],
        false => noise(len),
    }
}

#[test]
fn a_message_is_lent_and_taken_whatever_its_length_and_wherever_it_lies() {
    for role in ROLES {
        for len in [0, 1, 125, 2047, 2048, 65_522, 65_523, 200_000] {
            for (first, is_text) in [(0x81, true), (0x82, false)] {
                let payload = payload(is_text, len);
                let expected = match is_text {
                    true => Message::from(String::from_utf8(payload.clone()).unwrap()),
                    false => Message::from(payload.clone()),
                };
                let mut protocol = protocol(role);
                let (found, mut input) = found(&mut protocol, &frame(role, first, &payload));
                let lent = protocol.lend_message(found, &input);
                assert_eq!(lent.map(|it| it.to_message()).as_ref(), Some(&expected));
                let taken = protocol.take_message(found, &mut input);
                assert_eq!(taken, Some(expected), "{len} bytes");
            }
        }
    }
}

/// Where the payload lies that is linked into the output.
fn linked(protocol: &mut Protocol) -> *const u8 {
    let output = protocol.output();
    let mut slices = [IoSlice::new(&[]); 4];
    let count = output.chunks_vectored(&mut slices);
    assert_eq!(count, 2, "a header and a payload");
    slices[1].as_ptr()
}

#[test]
fn a_large_message_that_is_lent_is_sent_on_without_a_copy() {
    for len in [16 << 10, 65_522, 65_523, 1 << 20] {
        for (first, is_text) in [(0x81, true), (0x82, false)] {
            let payload = payload(is_text, len);
            let mut server = protocol(Role::Server);
            let mut input = Input::from(&frame(Role::Server, first, &payload)[..]);
            let memory = input.unread().as_ptr_range();
            let found = server.step(&mut input).unwrap().expect("a message");
            let mut other = protocol(Role::Server);
            let message = server.lend_message(found, &input).unwrap();
            assert_eq!(message.as_bytes(), payload);
            let place = message.as_bytes().as_ptr();
            // All of it was there: it is not assembled either.
            assert!(memory.contains(&place), "{len} bytes");
            other.queue(message).unwrap();
            assert_eq!(linked(&mut other), place, "{len} bytes");
        }
    }
}

#[test]
fn an_input_that_ran_dry_has_the_memory_back_that_a_lent_message_shared() {
    const LEN: usize = 20 << 10;
    for role in ROLES {
        let mut protocol = protocol(role);
        let mut input = Input::new();
        input.reserve(64 << 10);
        let memory = input.unread().as_ptr();
        for small in [false, true] {
            let mut bytes = frame(role, 0x82, &noise(LEN));
            bytes.extend(frame(role, 0x81, b"small"));
            for _ in 0..10 {
                input.extend_from_slice(&bytes);
                let found = protocol.step(&mut input).unwrap().expect("a message");
                let lent = protocol.lend_message(found, &input);
                assert_eq!(lent.map(|it| it.len()), Some(LEN));
                if small {
                    let found = protocol.step(&mut input).unwrap().expect("a message");
                    let lent = protocol.lend_message(found, &input);
                    assert_eq!(lent, Some(MessageRef::from("small")));
                    assert_eq!(protocol.step(&mut input), Ok(None));
                } else {
                    // Nor is it in the way of a connection that waits.
                    protocol.halves().0.release();
                    while protocol.step(&mut input).unwrap().is_some() {}
                }
                assert!(input.storage().try_reclaim(64 << 10));
                assert_eq!(input.unread().as_ptr(), memory);
                assert!(protocol.halves().0.is_idle(&input));
            }
        }
    }
}

/// What was left of the input had no length and kept all of its memory: an
/// idle connection held 64 KiB that nobody saw.
#[test]
fn an_input_that_a_message_ends_with_keeps_none_of_its_memory() {
    const SIZE: usize = 64 << 10;
    let payload = noise(SIZE - 8);
    for take in [false, true] {
        let mut server = protocol(Role::Server);
        let mut input = Input::new();
        input.reserve(SIZE);
        assert_eq!(input.capacity(), SIZE);
        input.extend_from_slice(&frame(Role::Server, 0x82, &payload));
        assert_eq!((input.len(), input.capacity()), (SIZE, SIZE));
        let found = server.step(&mut input).unwrap().expect("a message");
        let message = match take {
            true => server.take_message(found, &mut input).unwrap(),
            false => server.lend_message(found, &input).unwrap().to_message(),
        };
        assert_eq!(server.step(&mut input), Ok(None));
        assert_eq!(input.capacity(), 0);
        assert!(!input.storage().try_reclaim(1));
        // Nobody else has it.
        let memory = message.into_bytes().try_into_mut().unwrap();
        assert_eq!(memory, payload);
    }
}

#[test]
fn what_a_message_lay_in_is_reclaimed_for_the_next_once_nobody_has_the_message() {
    const SIZE: usize = 64 << 10;
    let rest = b"\x82\xfe\x40\x00....and some of what it announces";
    let mut server = protocol(Role::Server);
    let mut input = Input::new();
    input.reserve(SIZE);
    let memory = input.unread().as_ptr();
    input.extend_from_slice(&frame(Role::Server, 0x82, &noise(SIZE / 2)));
    input.extend_from_slice(rest);
    let found = server.step(&mut input).unwrap().expect("a message");
    let message = server.take_message(found, &mut input).unwrap();
    let room = SIZE - rest.len();
    // Room behind it there is, and needs nothing.
    assert!(input.try_reclaim(1000));
    assert!(!input.try_reclaim(room));
    drop(message);
    assert!(input.try_reclaim(room));
    assert_eq!(input.unread(), rest);
    assert_eq!(input.unread().as_ptr(), memory);
    assert!(!input.try_reclaim(room + 1));
}

/// A box that stays where it is kept a message that had been lent before.
#[test]
fn a_message_that_was_taken_leaves_nothing_of_one_before_it() {
    let mut server = protocol(Role::Server);
    let mut bytes = frame(Role::Server, 0x01, b"He");
    bytes.extend(frame(Role::Server, 0x80, b"llo"));
    let large = payload(true, 20 << 10);
    bytes.extend(frame(Role::Server, 0x81, &large));
    let (found, mut input) = found(&mut server, &bytes);
    let lent = server.lend_message(found, &input);
    assert_eq!(lent, Some(MessageRef::from("Hello")));
    let found = server.step(&mut input).unwrap().expect("a message");
    let taken = server.take_message(found, &mut input);
    assert_eq!(taken.map(|it| it.len()), Some(20 << 10));
    assert_eq!(
        server.lend_message(found, &input),
        Some(MessageRef::from(""))
    );
    assert_eq!(
        server.take_message(found, &mut input),
        Some(Message::from(""))
    );
}

#[test]
fn a_control_frame_is_neither_lent_nor_taken_as_a_message() {
    for role in ROLES {
        for (first, payload) in [(0x89, &b"data"[..]), (0x8a, b""), (0x88, b"\x03\xe8")] {
            let mut protocol = protocol(role);
            let (found, mut input) = found(&mut protocol, &frame(role, first, payload));
            assert!(!found.is_message());
            assert_eq!(protocol.lend_message(found, &input), None);
            assert_eq!(protocol.take_message(found, &mut input), None);
        }
    }
}

#[test]
fn a_message_that_was_released_or_taken_is_empty_when_it_is_asked_for_again() {
    for role in ROLES {
        for (first, is_text) in [(0x81, true), (0x82, false)] {
            let bytes = frame(role, first, &payload(is_text, 100_000));
            for take in [false, true] {
                let mut protocol = protocol(role);
                let (found, mut input) = found(&mut protocol, &bytes);
                let incoming = protocol.halves().0;
                match take {
                    true => assert!(incoming.take_message(found, &mut input).is_some()),
                    false => incoming.release(),
                }
                let nothing = match is_text {
                    true => MessageRef::from(""),
                    false => MessageRef::from(&b""[..]),
                };
                assert_eq!(protocol.lend(found, &input), EventRef::Message(nothing));
                assert_eq!(protocol.lend_message(found, &input), Some(nothing));
                let taken = protocol.take_message(found, &mut input);
                assert_eq!(taken, Some(nothing.to_message()));
            }
        }
    }
}

#[test]
fn a_direct_read_nobody_offered_changes_nothing() {
    for role in ROLES {
        let mut protocol = protocol(role);
        let (incoming, outgoing) = protocol.halves();
        assert!(incoming.direct(&Input::new()).is_none());
        incoming.direct_done(usize::MAX, outgoing).unwrap();
        let (found, input) = found(&mut protocol, &frame(role, 0x81, b"goes on"));
        let lent = protocol.lend_message(found, &input);
        assert_eq!(lent, Some(MessageRef::from("goes on")));
    }
}

#[test]
fn a_header_alone_offers_no_direct_read_with_its_memory_released_or_not() {
    for role in ROLES {
        for release in [false, true] {
            let mut protocol = protocol(role);
            let mut input = Input::from(&header(role, 0x82, 100_000)[..]);
            assert_eq!(protocol.step(&mut input), Ok(None));
            let (incoming, _) = protocol.halves();
            if release {
                incoming.release();
            }
            assert!(incoming.direct(&input).is_none());
            // The payload finds its message all the same.
            let whole = noise(100_000);
            input
                .extend_from_slice(&frame(role, 0x82, &whole)[header(role, 0x82, 100_000).len()..]);
            let found = protocol.step(&mut input).unwrap().expect("the message");
            let lent = protocol.lend_message(found, &input);
            assert_eq!(lent, Some(MessageRef::from(&whole[..])));
        }
    }
}

#[test]
fn a_direct_read_of_nothing_is_no_sign_of_life() {
    for role in ROLES {
        let bytes = frame(role, 0x82, &noise(100_000));
        let config = Config::new().stall_timeout(NEVER);
        let mut protocol = support::protocol(role, &config, Negotiated::default());
        support::arrives(&mut protocol, &mut Input::new(), &bytes[..80_000]);
        // The ping left after 20 seconds, and its answer is due 20 later.
        for told in [1000, 1020, 1039] {
            protocol.handle_timeout(seconds(told)).unwrap();
        }
        let (incoming, outgoing) = protocol.halves();
        incoming.direct_done(0, outgoing).unwrap();
        let expired = protocol.handle_timeout(seconds(1040));
        assert_eq!(expired, Err(Expired::Pong));
    }
}
