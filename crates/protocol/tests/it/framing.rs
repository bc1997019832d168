//! Base framing: RFC 6455 §5.2.

use socket_flow_protocol::{HeaderError, ProtocolError, Role};

use crate::support::{ROLES, Script, binary, noise, ping, pong, text};

/// The opcodes of RFC 6455, with FIN.
const FIRST_BYTES: [u8; 6] = [0x80, 0x81, 0x82, 0x88, 0x89, 0x8a];

fn header_error(error: &ProtocolError) -> HeaderError {
    match error {
        ProtocolError::Header(error) => *error,
        other => panic!("not a header error: {other:?}"),
    }
}

/// RFC 6455 §5.7.
#[test]
fn a_client_reads_the_examples_of_the_rfc() {
    let bytes = b"\x81\x05\x48\x65\x6c\x6c\x6f\x01\x03\x48\x65\x6c\x80\x02\x6c\x6f\x89\x05\x48\x65\x6c\x6c\x6f";
    Script::to(Role::Client)
        .raw(bytes)
        .run()
        .assert_events(&[text("Hello"), text("Hello"), ping(b"Hello")])
        .assert_sent(&[(0x8a, b"Hello")])
        .assert_open();
}

/// RFC 6455 §5.7.
#[test]
fn a_server_reads_the_examples_of_the_rfc() {
    let bytes =
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";
    Script::to(Role::Server)
        .raw(bytes)
        .run()
        .assert_events(&[text("Hello"), pong(b"Hello")])
        .assert_sent(&[])
        .assert_open();
}

/// RFC 6455 §5.2.
#[test]
fn messages_of_every_length_form_are_received_whole() {
    for role in ROLES {
        for len in [
            0, 1, 125, 126, 127, 128, 2047, 2048, 65_521, 65_522, 65_523, 65_535, 65_536,
        ] {
            let payload = noise(len);
            Script::to(role)
                .frame(0x82, &payload)
                .frame(0x81, b"behind")
                .run()
                .assert_events(&[binary(&payload), text("behind")])
                .assert_open();
        }
    }
}

/// RFC 6455 §5.2.
#[test]
fn every_reserved_bit_fails_every_opcode() {
    for role in ROLES {
        for first in FIRST_BYTES {
            for rsv in 1..=7 {
                let outcome = Script::to(role)
                    .frame(0x81, b"before")
                    .frame(first | rsv << 4, b"")
                    .frame(0x81, b"behind")
                    .run();
                let error = outcome.error.unwrap();
                assert!(matches!(header_error(&error), HeaderError::ReservedBits(_)));
                outcome
                    .assert_events(&[text("before")])
                    .assert_failed(error, 1002);
            }
        }
    }
}

/// RFC 6455 §5.2.
#[test]
fn every_reserved_bit_fails_inside_a_fragmented_message_too() {
    for role in ROLES {
        for first in FIRST_BYTES {
            for rsv in 1..=7 {
                let outcome = Script::to(role)
                    .frame(0x01, b"Hel")
                    .frame(first | rsv << 4, b"")
                    .run();
                let error = outcome.error.unwrap();
                assert!(matches!(header_error(&error), HeaderError::ReservedBits(_)));
                outcome.assert_events(&[]).assert_failed(error, 1002);
            }
        }
    }
}

/// RFC 6455 §5.2.
#[test]
fn every_reserved_opcode_fails_with_and_without_fin_at_its_first_byte() {
    for role in ROLES {
        for opcode in (0x3..=0x7).chain(0xb..=0xf) {
            for fin in [0x00, 0x80] {
                let error = ProtocolError::Header(HeaderError::ReservedOpCode(opcode));
                Script::to(role)
                    .raw(&[fin | opcode])
                    .run()
                    .assert_events(&[])
                    .assert_failed(error, 1002);
                Script::to(role)
                    .frame(0x02, b"in a message")
                    .raw(&[fin | opcode])
                    .run()
                    .assert_events(&[])
                    .assert_failed(error, 1002);
            }
        }
    }
}

/// Headers in a longer form than needed, for data frames of a server.
const NOT_MINIMAL: [&[u8]; 8] = [
    b"\x81\x7e\x00\x00",
    b"\x81\x7e\x00\x05Hello",
    b"\x82\x7e\x00\x7d",
    b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x00",
    b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05Hello",
    b"\x82\x7f\x00\x00\x00\x00\x00\x00\x00\x7e",
    b"\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff",
    b"\x02\x7e\x00\x01a",
];

/// RFC 6455 §5.2.
#[test]
fn a_length_that_is_not_minimal_fails_at_the_header() {
    let error = ProtocolError::Header(HeaderError::NonMinimalLength);
    for bytes in NOT_MINIMAL {
        let to_client = Script::to(Role::Client).raw(bytes);
        to_client
            .run()
            .assert_events(&[])
            .assert_failed(error, 1002);

        let mut masked = bytes.to_vec();
        masked[1] |= 0x80;
        let to_server = Script::to(Role::Server).raw(&masked);
        to_server
            .run()
            .assert_events(&[])
            .assert_failed(error, 1002);
    }
}

/// RFC 6455 §5.2.
#[test]
fn the_shortest_lengths_of_the_long_forms_pass() {
    for role in ROLES {
        for len in [126, 65_535, 65_536] {
            let outcome = Script::to(role).header(0x82, len).run();
            outcome.assert_events(&[]).assert_sent(&[]).assert_open();
        }
    }
}

/// RFC 6455 §5.2.
#[test]
fn a_length_with_the_top_bit_fails_with_1002_at_its_first_byte() {
    let error = ProtocolError::Header(HeaderError::LengthOverflow);
    for tail in [
        &b"\x80"[..],
        b"\xff",
        b"\x80\0\0\0\0\0\0\0",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        let to_client = Script::to(Role::Client).raw(b"\x82\x7f").raw(tail);
        to_client
            .run()
            .assert_events(&[])
            .assert_failed(error, 1002);
        let to_server = Script::to(Role::Server).raw(b"\x82\xff").raw(tail);
        to_server
            .run()
            .assert_events(&[])
            .assert_failed(error, 1002);
    }
}

#[test]
fn messages_before_a_violation_are_delivered_and_answered_first() {
    for role in ROLES {
        let outcome = Script::to(role)
            .echo()
            .frame(0x81, b"one")
            .frame(0x89, b"two")
            .frame(0x82, b"three")
            .raw(b"\xff")
            .frame(0x81, b"behind")
            .run();
        let error = outcome.error.unwrap();
        let close = [&b"\x03\xea"[..], b"invalid frame header"].concat();
        outcome
            .assert_events(&[text("one"), ping(b"two"), binary(b"three")])
            .assert_sent(&[
                (0x81, b"one"),
                (0x8a, b"two"),
                (0x82, b"three"),
                (0x88, &close),
            ])
            .assert_failed(error, 1002);
    }
}

/// RFC 6455 §7.1.7.
#[test]
fn nothing_is_parsed_behind_a_violation() {
    for role in ROLES {
        let outcome = Script::to(role)
            .raw(b"\x83")
            .frame(0x81, b"message")
            .frame(0x89, b"ping")
            .frame(0x88, b"\x03\xe8")
            .raw(b"\xff\xff\xff")
            .run();
        outcome
            .assert_events(&[])
            .assert_failed(ProtocolError::Header(HeaderError::ReservedOpCode(3)), 1002);
    }
}
