//! What errors and values say, in logs and to a caller that asks.

use std::error::Error;

use socket_flow_frames::{
    CloseCode, CloseError, ClosePayload, FrameHeader, HeaderError, MaskKey, OpCode, Role, Rsv,
    decode_close, utf8,
};

const NAMES: [&str; 4] = ["Ping", "Close", "{RSV1,", "RSV3}"];

/// An error's message, held to the rules of all of them: lower case, no full stop, no cause.
#[track_caller]
fn said(error: &dyn Error) -> String {
    let said = error.to_string();
    // A name of the RFC, such as `Ping`, and a number may stand first.
    let sentence = |word: &str| !word.starts_with(char::is_uppercase) || NAMES.contains(&word);
    assert!(said.split(' ').all(sentence), "{said}");
    assert!(!said.ends_with('.') && !said.contains('\n'), "{said}");
    if let Some(cause) = error.source() {
        assert!(
            !said.contains(&cause.to_string()),
            "{said} repeats its cause"
        );
    }
    said
}

#[test]
fn every_refused_header_says_why() {
    for (bytes, receiver, expected) in [
        (
            &b"\xd1"[..],
            Role::Server,
            "reserved bits {RSV1, RSV3} are set",
        ),
        (b"\x83", Role::Server, "reserved opcode 0x3"),
        (b"\x09", Role::Server, "fragmented Ping frame"),
        (
            b"\x88\xfe",
            Role::Server,
            "Close frame longer than 125 bytes",
        ),
        (b"\x81\x05", Role::Server, "unmasked frame from a client"),
        (b"\x81\x85", Role::Client, "masked frame from a server"),
        (
            b"\x82\x7e\x00\x7d",
            Role::Client,
            "payload length not minimally encoded",
        ),
        (
            b"\x82\x7f\x80",
            Role::Client,
            "payload length with the most significant bit set",
        ),
    ] {
        let error = FrameHeader::decode_for(bytes, receiver, Rsv::NONE).unwrap_err();
        assert_eq!(said(&error), expected);
        assert_eq!(error.close_code(), CloseCode::PROTOCOL_ERROR);
    }
}

#[test]
fn every_refused_close_says_why() {
    for (payload, expected) in [
        (&b"\x03"[..], "close frame with half a code"),
        (b"\x03\xed", "close frame with the invalid code 1005"),
        (b"\x03\xe8\xff", "close frame with an invalid reason"),
        (&[3; 126], "close frame longer than 125 bytes"),
    ] {
        let error = decode_close(payload).unwrap_err();
        assert_eq!(said(&error), expected);
        let is_text = matches!(error, CloseError::InvalidReason(_));
        assert_eq!(error.source().is_some(), is_text, "{error}");
    }
    let error = ClosePayload::new(CloseCode::NORMAL, &"a".repeat(124)).unwrap_err();
    assert_eq!(said(&error), "close reason of 124 bytes is longer than 123");
}

#[test]
fn what_is_no_code_no_opcode_and_no_text_is_named() {
    let error = CloseCode::try_from(1006).unwrap_err();
    assert_eq!(said(&error), "1006 may not stand in a close frame");
    let error = OpCode::try_from(0xb).unwrap_err();
    assert_eq!(said(&error), "reserved opcode 0xb");
    let error = utf8::validate(b"\xff").unwrap_err();
    assert_eq!(said(&error), "invalid utf-8");
    assert_eq!(
        said(&HeaderError::ReservedOpCode(0xf)),
        "reserved opcode 0xf"
    );
}

/// RFC 6455 §7.4.1, and the IANA registry.
#[test]
fn close_codes_are_displayed_with_their_registered_names() {
    let names = [
        (CloseCode::NORMAL, "1000 normal closure"),
        (CloseCode::GOING_AWAY, "1001 going away"),
        (CloseCode::PROTOCOL_ERROR, "1002 protocol error"),
        (CloseCode::UNSUPPORTED_DATA, "1003 unsupported data"),
        (CloseCode::INVALID_PAYLOAD, "1007 invalid payload"),
        (CloseCode::POLICY_VIOLATION, "1008 policy violation"),
        (CloseCode::MESSAGE_TOO_BIG, "1009 message too big"),
        (CloseCode::MANDATORY_EXTENSION, "1010 mandatory extension"),
        (CloseCode::INTERNAL_ERROR, "1011 internal error"),
        (CloseCode::SERVICE_RESTART, "1012 service restart"),
        (CloseCode::TRY_AGAIN_LATER, "1013 try again later"),
        (CloseCode::BAD_GATEWAY, "1014 bad gateway"),
    ];
    for (code, name) in names {
        assert_eq!(code.to_string(), name);
    }
    assert_eq!(CloseCode::try_from(4999).unwrap().to_string(), "4999");
}

#[test]
fn debug_shows_what_a_close_says_and_no_masking_key() {
    let payload = ClosePayload::new(CloseCode::GOING_AWAY, "bye").unwrap();
    let shown = format!("{payload:?}");
    assert!(
        shown.contains("1001") && shown.contains("\"bye\""),
        "{shown}"
    );
    let header = FrameHeader {
        fin: true,
        rsv: Rsv::NONE,
        opcode: OpCode::Text,
        mask: Some(MaskKey::from([201, 202, 203, 204])),
        len: 5,
    };
    assert!(format!("{header:?}").contains("mask: Some(MaskKey(..))"));
    for shown in [format!("{header:?}"), format!("{:?}", header.encode())] {
        assert!(!shown.contains("201") && !shown.contains("204"), "{shown}");
    }
}

#[test]
fn encoded_parts_are_bytes_for_whoever_takes_bytes() {
    fn bytes(it: impl AsRef<[u8]>) -> Vec<u8> {
        it.as_ref().to_vec()
    }
    let payload = ClosePayload::from(CloseCode::NORMAL);
    assert_eq!(bytes(payload), b"\x03\xe8");
    let header = FrameHeader {
        fin: false,
        rsv: Rsv::RSV1,
        opcode: OpCode::Binary,
        mask: None,
        len: 300,
    };
    assert_eq!(bytes(header.encode()), b"\x42\x7e\x01\x2c");
}
