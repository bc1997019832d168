//! What errors say, in logs and to a caller that asks.

use std::error::Error;

use socket_flow_protocol::{
    AbnormalClosure, CloseCode, CloseError, Config, ControlError, Expired, HeaderError, Negotiated,
    Protocol, ProtocolError, Role, SendError,
};

use crate::support::{self, ROLES, Script, noise};

/// An error's message, held to the rules of all of them: lower case, no full stop, no cause.
#[track_caller]
fn said(error: &dyn Error) -> String {
    let said = error.to_string();
    assert_eq!(said, said.to_lowercase());
    assert!(!said.ends_with('.') && !said.contains('\n'), "{said}");
    if let Some(cause) = error.source() {
        assert_ne!(said, cause.to_string());
    }
    said
}

#[test]
fn every_failure_of_the_peer_says_what_it_was_and_what_it_came_from() {
    let config = Config::new().max_message(1000);
    for (first, payload, expected, cause) in [
        (
            0x83,
            &b""[..],
            "invalid frame header",
            Some("reserved opcode 0x3"),
        ),
        (0x80, b"", "unexpected continuation frame", None),
        (
            0x81,
            b"\xff",
            "text message is not valid utf-8",
            Some("invalid utf-8"),
        ),
        (
            0x88,
            b"\x03",
            "invalid close frame",
            Some("close frame with half a code"),
        ),
        (
            0x82,
            &[7; 1001],
            "message larger than the limit of 1000 bytes",
            None,
        ),
    ] {
        for role in ROLES {
            let script = Script::to(role).config(config.clone());
            let error = script.frame(first, payload).run_twice().error.unwrap();
            assert_eq!(said(&error), expected);
            assert_eq!(error.source().map(ToString::to_string).as_deref(), cause);
        }
    }
    for (error, expected) in [
        (
            ProtocolError::ExpectedContinuation,
            "expected a continuation frame",
        ),
        (ProtocolError::InvalidCompression, "invalid compressed data"),
        (
            ProtocolError::TooManyRestarts,
            "compressed data restarted too often",
        ),
    ] {
        assert_eq!(said(&error), expected);
        assert!(error.source().is_none());
    }
    let close = ProtocolError::Close(CloseError::InvalidCode(1005));
    assert_eq!(close.close_code(), CloseCode::PROTOCOL_ERROR);
    let header = ProtocolError::from(HeaderError::MissingMask);
    assert_eq!(header, ProtocolError::Header(HeaderError::MissingMask));
    assert_eq!(
        said(&AbnormalClosure),
        "connection ended without a close frame"
    );
}

#[test]
fn every_refused_message_comes_back_with_the_reason() {
    for (error, name, expected) in [
        (SendError::Full("secret"), "Full", "write queue is full"),
        (
            SendError::Closed("secret"),
            "Closed",
            "connection is closing",
        ),
        (
            SendError::Unfinished("secret"),
            "Unfinished",
            "another message is sent part by part",
        ),
        (
            SendError::WrongKind("secret"),
            "WrongKind",
            "text and binary parts in one message",
        ),
        (
            SendError::Stalled("secret"),
            "Stalled",
            "connection took nothing over in time",
        ),
    ] {
        assert_eq!(said(&error), expected);
        // The payload belongs in no log.
        assert_eq!(format!("{error:?}"), name);
        assert_eq!(error.is_full(), name == "Full");
        let longer = error.map(|message| message.len() + 1);
        assert_eq!(format!("{longer:?}"), name);
        assert_eq!(longer.into_inner(), 7);
        assert_eq!(error.into_inner(), "secret");
    }
}

#[test]
fn every_refused_control_frame_says_why() {
    let config = Config::new().high_water(100);
    let mut server = Protocol::server(config, Negotiated::default());
    let refused = |error: Result<(), ControlError>| said(&error.unwrap_err());
    assert_eq!(
        refused(server.ping(&noise(126))),
        "control payload longer than 125 bytes"
    );
    assert_eq!(
        refused(server.close(CloseCode::NORMAL, &"a".repeat(124))),
        "close reason longer than 123 bytes"
    );
    server.queue(&noise(100)[..]).unwrap();
    assert_eq!(refused(server.ping(b"")), "write queue is full");
    server.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(refused(server.ping(b"")), "connection is closing");
}

#[test]
fn every_deadline_says_which_one_it_was() {
    for (expired, expected) in [
        (Expired::Close, "closing handshake timed out"),
        (Expired::Pong, "peer did not answer a ping in time"),
        (Expired::Idle, "connection was idle for too long"),
        (Expired::Read, "frame under way made no progress"),
        (Expired::Write, "blocked write made no progress"),
    ] {
        assert_eq!(said(&expired), expected);
        assert!(expired.source().is_none());
    }
}

#[test]
fn a_refused_message_can_be_told_from_a_closed_connection() {
    let mut client = Protocol::client(Config::new(), Negotiated::default(), support::SEED);
    client.close(CloseCode::NORMAL, "").unwrap();
    let error = client.queue("too late").unwrap_err();
    assert!(!error.is_full());
    assert_eq!(error, SendError::Closed("too late"));
    assert_eq!(client.incoming().role(), Role::Client);
}
