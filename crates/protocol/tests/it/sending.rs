//! What goes out: RFC 6455 §5.2, §5.4 and §6.1.

use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use socket_flow_protocol::{
    CloseCode, Config, ControlError, Message, MessageRef, Negotiated, Protocol, Role, SendError,
    Utf8Bytes,
};

use crate::support::{self, Endpoint, ROLES, SEED, Sent, noise};

fn server(config: Config) -> Protocol {
    Protocol::server(config, Negotiated::default())
}

fn output(protocol: &mut Protocol) -> Vec<u8> {
    let output = protocol.output();
    output.copy_to_bytes(output.remaining()).to_vec()
}

/// The frames `payload` leaves in, by either role.
fn frames(role: Role, fragment: usize, payload: &[u8]) -> Vec<Sent> {
    let mut endpoint = Endpoint::new(role, &Config::new().fragment(fragment));
    endpoint.sending.queue(payload).unwrap();
    endpoint.write();
    endpoint.sent()
}

/// RFC 6455 §5.1, §5.2, §6.1.
#[test]
fn a_server_sends_the_bytes_of_the_rfc() {
    let mut server = server(Config::new());
    server.queue("Hello").unwrap();
    server.queue(&b"\x00\xff"[..]).unwrap();
    server.ping(b"Hello").unwrap();
    server.queue("").unwrap();
    let expected = b"\x81\x05Hello\x82\x02\x00\xff\x89\x05Hello\x81\x00";
    assert_eq!(output(&mut server), expected);
}

/// RFC 6455 §5.2, §5.3.
#[test]
fn a_client_sends_the_same_frames_masked() {
    let mut client = Protocol::client(Config::new(), Negotiated::default(), SEED);
    client.queue("Hello").unwrap();
    let bytes = output(&mut client);
    assert_eq!(bytes[..2], *b"\x81\x85");
    let key = &bytes[2..6];
    let masked: Vec<_> = b"Hello"
        .iter()
        .zip(key.iter().cycle())
        .map(|(b, k)| b ^ k)
        .collect();
    assert_eq!(bytes[6..], masked);
}

/// RFC 6455 §5.2, §6.1.
#[test]
fn lengths_are_written_in_their_shortest_form() {
    for (len, header) in [
        (125, &b"\x82\x7d"[..]),
        (126, b"\x82\x7e\x00\x7e"),
        (65_535, b"\x82\x7e\xff\xff"),
        (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
    ] {
        let mut server = server(Config::new());
        let payload = noise(len);
        server.queue(&payload[..]).unwrap();
        assert_eq!(output(&mut server), [header, &payload].concat());
    }
}

/// RFC 6455 §6.1.
#[test]
fn every_kind_of_payload_goes_out_as_its_kind() {
    let mut server = server(Config::new());
    server.queue("a").unwrap();
    server.queue(String::from("b")).unwrap();
    server.queue(Utf8Bytes::from("c")).unwrap();
    server.queue(Message::from("d")).unwrap();
    server.queue(MessageRef::from("e")).unwrap();
    server.queue(&b"f"[..]).unwrap();
    server.queue(vec![b'g']).unwrap();
    server.queue(Bytes::from_static(b"h")).unwrap();
    server.queue(BytesMut::from("i")).unwrap();
    server.queue(Message::from(&b"j"[..])).unwrap();
    server.queue(MessageRef::from(&b"k"[..])).unwrap();
    let expected = b"\x81\x01a\x81\x01b\x81\x01c\x81\x01d\x81\x01e\
                     \x82\x01f\x82\x01g\x82\x01h\x82\x01i\x82\x01j\x82\x01k";
    assert_eq!(output(&mut server), expected);
}

#[test]
fn small_messages_leave_in_one_slice_and_large_ones_are_not_copied() {
    let mut server = server(Config::new());
    let large = Bytes::from(noise(16 << 10));
    for _ in 0..3 {
        server.queue("small").unwrap();
    }
    server.queue(large.clone()).unwrap();
    server.queue("behind").unwrap();
    let output = server.output();
    let mut slices = [IoSlice::new(&[]); 8];
    assert_eq!(output.chunks_vectored(&mut slices), 3);
    assert_eq!(&slices[0][..21], b"\x81\x05small\x81\x05small\x81\x05small");
    assert_eq!(&slices[0][21..], b"\x82\x7e\x40\x00");
    assert_eq!(slices[1].as_ptr(), large.as_ptr());
    assert_eq!(&*slices[2], b"\x81\x06behind");
}

/// RFC 6455 §6.1.
#[test]
fn a_long_message_leaves_in_fragments() {
    for role in ROLES {
        let expected = [
            (0x02, b"abc".to_vec()),
            (0x00, b"def".to_vec()),
            (0x80, b"g".to_vec()),
        ];
        assert_eq!(frames(role, 3, b"abcdefg"), expected);
        // An exact multiple ends without an empty frame.
        let expected = [(0x02, b"abc".to_vec()), (0x80, b"def".to_vec())];
        assert_eq!(frames(role, 3, b"abcdef"), expected);
        assert_eq!(frames(role, 3, b"abc"), [(0x82, b"abc".to_vec())]);
        assert_eq!(frames(role, 3, b""), [(0x82, vec![])]);
    }
}

#[test]
fn a_fragment_size_of_zero_counts_as_one() {
    for role in ROLES {
        for size in [0, 1] {
            assert_eq!(
                frames(role, size, b"ab"),
                [(0x02, b"a".to_vec()), (0x80, b"b".to_vec())]
            );
            assert_eq!(frames(role, size, b""), [(0x82, vec![])]);
        }
    }
}

/// RFC 6455 §5.4, §6.1.
#[test]
fn fragments_of_every_size_make_up_the_message() {
    let payload = noise(100_000);
    for role in ROLES {
        for size in [
            1000,
            16_383,
            16_384,
            16_385,
            50_000,
            99_999,
            100_000,
            usize::MAX,
        ] {
            let frames = frames(role, size, &payload);
            let last = frames.len() - 1;
            for (at, (first, part)) in frames.iter().enumerate() {
                let opcode = if at == 0 { 0x02 } else { 0x00 };
                let fin = if at == last { 0x80 } else { 0x00 };
                assert_eq!(*first, fin | opcode);
                assert!(part.len() == size || at == last);
            }
            let whole: Vec<_> = frames.into_iter().flat_map(|(_, part)| part).collect();
            assert_eq!(whole, payload);
        }
    }
}

/// RFC 6455 §5.6.
#[test]
fn text_may_be_fragmented_inside_a_character() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().fragment(2));
        endpoint.sending.queue("€uro").unwrap();
        endpoint.write();
        let expected = [
            (0x01, b"\xe2\x82".to_vec()),
            (0x00, b"\xacu".to_vec()),
            (0x80, b"ro".to_vec()),
        ];
        assert_eq!(endpoint.sent(), expected);
    }
}

#[test]
fn a_full_queue_gives_the_message_back() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().high_water(10));
        let outgoing = endpoint.outgoing();
        outgoing.queue("1").unwrap();
        assert!(!outgoing.is_full());
        outgoing.queue("23456789").unwrap();
        assert!(outgoing.is_full());
        let before = outgoing.buffered();

        let message = String::from("one too many");
        let address = message.as_ptr();
        let error = outgoing.queue(message).unwrap_err();
        assert!(error.is_full());
        assert_eq!(error.to_string(), "write queue is full");
        let message = error.into_inner();
        assert_eq!(message.as_ptr(), address);
        assert_eq!(outgoing.ping(b""), Err(ControlError::Full));
        assert_eq!(outgoing.buffered(), before);

        endpoint.write();
        endpoint.sending.queue("and now it fits").unwrap();
        endpoint.write();
        let sent: Vec<_> = endpoint
            .sent()
            .into_iter()
            .map(|(_, payload)| payload)
            .collect();
        assert_eq!(sent, [&b"1"[..], b"23456789", b"and now it fits"]);
    }
}

#[test]
fn the_default_mark_is_64_kib_and_one_message() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        let kib = noise(1 << 10);
        let mut queued = 0;
        while endpoint.sending.queue(&kib[..]).is_ok() {
            queued += 1;
        }
        assert_eq!(queued, 64);
        let buffered = endpoint.sending.outgoing().buffered();
        assert!(buffered < (64 << 10) + (2 << 10));
        endpoint.write();
        assert_eq!(endpoint.sent().len(), 64);
    }
}

#[test]
fn an_empty_queue_takes_a_message_of_any_size() {
    for role in ROLES {
        for high_water in [0, 1, 64 << 10] {
            let mut endpoint = Endpoint::new(role, &Config::new().high_water(high_water));
            let large = noise(1 << 20);
            endpoint.sending.queue(&large[..]).unwrap();
            assert_eq!(endpoint.sending.queue(""), Err(SendError::Full("")));
            endpoint.write();
            assert_eq!(endpoint.sent(), [(0x82, large)]);
        }
    }
}

#[test]
fn a_close_is_taken_by_a_full_queue() {
    let mut server = server(Config::new().high_water(1));
    server.queue("a").unwrap();
    server.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(output(&mut server), b"\x81\x01a\x88\x02\x03\xe8");
}

/// RFC 6455 §6.1.
#[test]
fn writes_that_stop_anywhere_lose_nothing() {
    for role in ROLES {
        let large = noise(20_000);
        let bytes = |step: usize| {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.sending.queue("small").unwrap();
            endpoint.sending.queue(&large[..]).unwrap();
            endpoint.outgoing().ping(b"ping").unwrap();
            endpoint.sending.queue("behind").unwrap();
            while endpoint.sending.queued().has_remaining() {
                endpoint.write_some(step);
            }
            endpoint.output
        };
        let whole = bytes(usize::MAX);
        assert_eq!(support::parse(role, &whole).len(), 4);
        for step in [1, 2, 3, 7, 1000, 16_384] {
            assert_eq!(bytes(step), whole);
        }
    }
}

/// RFC 6455 §5.4.
#[test]
fn messages_queued_while_others_leave_stay_in_order() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        for number in 0..1000_u32 {
            let payload = noise(1 + (number as usize * 37) % 2000);
            endpoint.sending.queue(&payload[..]).unwrap();
            endpoint.write_some(payload.len());
            if endpoint.sending.outgoing().is_full() {
                endpoint.write();
            }
        }
        endpoint.write();
        let sent = endpoint.sent();
        assert_eq!(sent.len(), 1000);
        for (number, (_, payload)) in sent.iter().enumerate() {
            assert_eq!(*payload, noise(1 + (number * 37) % 2000));
        }
    }
}

#[test]
fn an_abandoned_half_sends_nothing_more() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.sending.queue("lost").unwrap();
        let outgoing = endpoint.outgoing();
        outgoing.abandon();
        assert_eq!(outgoing.queue("late"), Err(SendError::Closed("late")));
        assert_eq!(outgoing.buffered(), 0);
        endpoint.feed(&support::frame(role, 0x89, b"ping"));
        endpoint.feed(&support::frame(role, 0x88, b""));
        assert_eq!(endpoint.sent(), []);
        assert_eq!(endpoint.events.len(), 2);
    }
}

#[test]
fn a_sending_half_that_was_taken_keeps_its_queue_and_leaves_a_closed_one() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.sending.queue("before").unwrap();
        let outgoing = endpoint.outgoing();
        let mut taken = outgoing.take();
        assert_eq!((outgoing.output().len(), outgoing.buffered()), (0, 0));
        assert_eq!(outgoing.queue("lost"), Err(SendError::Closed("lost")));
        assert_eq!(outgoing.ping(b""), Err(ControlError::Closed));
        taken.queue("behind").unwrap();
        std::mem::swap(outgoing, &mut taken);
        endpoint.write();
        let expected = [(0x81, b"before".to_vec()), (0x81, b"behind".to_vec())];
        assert_eq!(endpoint.sent(), expected);
    }
}

/// For a Close that is to follow it, however full the queue is.
#[test]
fn a_promised_message_is_queued_at_the_high_water_mark_and_never_behind_a_close() {
    let mut server = server(Config::new().high_water(10));
    server.queue("0123456789").unwrap();
    assert_eq!(server.queue("full"), Err(SendError::Full("full")));
    let (_, outgoing) = server.halves();
    outgoing.queue_promised("a").unwrap();
    outgoing.queue_promised(&b"b"[..]).unwrap();
    outgoing.close(CloseCode::NORMAL, "").unwrap();
    let late = outgoing.queue_promised("late");
    assert_eq!(late, Err(SendError::Closed("late")));
    let expected = b"\x81\x0a0123456789\x81\x01a\x82\x01b\x88\x02\x03\xe8";
    assert_eq!(output(&mut server), expected);
}

#[test]
fn a_promised_message_does_not_stand_between_the_parts_of_another() {
    let mut server = server(Config::new());
    server.queue_part("begun").unwrap();
    let (_, outgoing) = server.halves();
    let refused = outgoing.queue_promised("other");
    assert_eq!(refused, Err(SendError::Unfinished("other")));
}
