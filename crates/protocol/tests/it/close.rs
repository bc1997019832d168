//! The Close frame and the closing handshake: RFC 6455 §5.5.1, §7.1 and §7.4.

use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{
    CloseCode, CloseError, Closing, Config, ControlError, Event, HeaderError, Input, Negotiated,
    ProtocolError, Role, SendError,
};

use crate::support::{
    Endpoint, Mode, Pair, ROLES, Script, arrives, close_payload, closed, frame, noise, ping, pong,
    protocol, text,
};

fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// RFC 6455 §5.5.1.
#[test]
fn a_close_without_a_code_is_answered_without_one() {
    for role in ROLES {
        let outcome = Script::to(role).frame(0x88, b"").run();
        outcome
            .assert_events(&[Event::Close(None)])
            .assert_sent(&[(0x88, b"")]);
        assert_eq!((outcome.error, outcome.closing), (None, Closing::Done));
        assert_eq!(outcome.close_frame, None);
        assert!(outcome.clean_eof);
    }
}

/// RFC 6455 §5.5.1, §7.1.6.
#[test]
fn a_close_with_code_and_reason_is_answered_with_its_code() {
    for role in ROLES {
        let outcome = Script::to(role).frame(0x88, b"\x03\xe9going home").run();
        outcome
            .assert_events(&[closed(1001, "going home")])
            .assert_sent(&[(0x88, b"\x03\xe9")]);
        assert_eq!((outcome.error, outcome.closing), (None, Closing::Done));
        assert_eq!(outcome.close_frame.unwrap().reason, "going home");
        assert!(outcome.clean_eof);
    }
}

/// RFC 6455 §5.5.1, §7.4.1, §7.4.2.
#[test]
fn of_all_codes_the_sendable_are_echoed_verbatim_and_the_others_refused() {
    let edges = [
        0, 999, 1000, 1003, 1004, 1005, 1006, 1007, 1014, 1015, 2999, 3000, 4999, 5000, 65_535,
    ];
    for role in ROLES {
        for code in 0..=u16::MAX {
            let script = Script::to(role).frame(0x88, &code.to_be_bytes());
            let outcome = if edges.contains(&code) {
                script.run()
            } else {
                script.run_cut(&[1, 3], Mode::Lent)
            };
            if may_be_sent(code) {
                outcome
                    .assert_events(&[closed(code, "")])
                    .assert_sent(&[(0x88, &code.to_be_bytes())]);
                assert_eq!(outcome.closing, Closing::Done);
            } else {
                let error = ProtocolError::Close(CloseError::InvalidCode(code));
                outcome.assert_events(&[]).assert_failed(error, 1002);
            }
        }
    }
}

/// RFC 6455 §5.5.1.
#[test]
fn a_close_with_half_a_code_fails_with_1002() {
    for role in ROLES {
        for payload in [b"\x03", b"\x00", b"\xff"] {
            let error = ProtocolError::Close(CloseError::Truncated);
            let outcome = Script::to(role).frame(0x88, payload).run();
            outcome.assert_events(&[]).assert_failed(error, 1002);
        }
    }
}

/// RFC 6455 §5.5.1.
#[test]
fn a_close_whose_reason_is_not_utf8_fails_with_1007() {
    for role in ROLES {
        for reason in [
            &b"\xff"[..],
            b"bye \xe2\x82",
            b"\xed\xa0\x80",
            b"\xc0\x80",
            b"ok\xce\x28",
        ] {
            let payload = [b"\x03\xe8", reason].concat();
            let outcome = Script::to(role).frame(0x88, &payload).run();
            let error = outcome.error.unwrap();
            assert!(matches!(
                error,
                ProtocolError::Close(CloseError::InvalidReason(_))
            ));
            outcome.assert_events(&[]).assert_failed(error, 1007);
        }
    }
}

#[test]
fn a_bad_code_with_a_bad_reason_fails_for_its_code() {
    for role in ROLES {
        let error = ProtocolError::Close(CloseError::InvalidCode(1005));
        let outcome = Script::to(role).frame(0x88, b"\x03\xed\xff").run();
        outcome.assert_failed(error, 1002);
    }
}

#[test]
fn a_close_holds_at_most_125_bytes() {
    for role in ROLES {
        for len in [122, 123] {
            let reason = "r".repeat(len);
            let outcome = Script::to(role)
                .frame(0x88, &close_payload(1000, &reason))
                .run();
            outcome
                .assert_events(&[closed(1000, &reason)])
                .assert_sent(&[(0x88, b"\x03\xe8")]);
        }
        let too_long = Script::to(role)
            .frame(0x88, &close_payload(1000, &"r".repeat(124)))
            .run();
        let error = too_long.error.unwrap();
        assert!(matches!(
            error,
            ProtocolError::Header(HeaderError::ControlTooLong(_))
        ));
        too_long.assert_events(&[]).assert_failed(error, 1002);
    }
}

/// RFC 6455 §5.5.1, §5.5.2.
#[test]
fn whatever_follows_a_close_is_ignored() {
    for role in ROLES {
        for behind in [
            &b"\xff\xff\xff"[..],
            b"\x81",
            b"\x88\x00\x81\x00",
            &noise(1000),
        ] {
            let outcome = Script::to(role)
                .echo()
                .frame(0x88, b"\x03\xe8")
                .frame(0x81, b"data")
                .frame(0x89, b"ping")
                .frame(0x88, b"\x03\xe9")
                .raw(behind)
                .run();
            outcome
                .assert_events(&[closed(1000, "")])
                .assert_sent(&[(0x88, b"\x03\xe8")]);
            assert_eq!((outcome.error, outcome.closing), (None, Closing::Done));
        }
    }
}

#[test]
fn the_step_that_finds_a_close_drops_what_follows_it() {
    for role in ROLES {
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        let behind = frame(role, 0x81, b"behind");
        let mut input = Input::from(&[frame(role, 0x88, b"\x03\xe8"), behind].concat()[..]);
        let found = protocol.step(&mut input).unwrap();
        assert!(found.unwrap().is_close());
        assert!(input.is_empty());
    }
}

/// RFC 6455 §5.5.1.
#[test]
fn what_is_queued_leaves_before_the_answer_to_a_close() {
    for role in ROLES {
        Script::to(role)
            .echo()
            .frame(0x81, b"one")
            .frame(0x89, b"two")
            .frame(0x88, b"\x0f\xa0")
            .run()
            .assert_events(&[text("one"), ping(b"two"), closed(4000, "")])
            .assert_sent(&[(0x81, b"one"), (0x8a, b"two"), (0x88, b"\x0f\xa0")]);
    }
}

/// RFC 6455 §5.5.2.
#[test]
fn after_our_close_messages_still_arrive_but_nothing_is_sent() {
    for role in ROLES {
        let outcome = Script::to(role)
            .closing()
            .frame(0x81, b"under way")
            .frame(0x89, b"are you there")
            .frame(0x8a, b"")
            .frame(0x88, b"\x03\xe8ok")
            .run();
        outcome
            .assert_events(&[
                text("under way"),
                ping(b"are you there"),
                pong(b""),
                closed(1000, "ok"),
            ])
            .assert_sent(&[(0x88, b"\x03\xe8")]);
        assert_eq!(outcome.closing, Closing::Done);
        assert!(outcome.clean_eof);
    }
}

/// RFC 6455 §7.1.7.
#[test]
fn a_violation_after_our_close_is_reported_and_sends_no_second_close() {
    for role in ROLES {
        let error = ProtocolError::Header(HeaderError::ReservedOpCode(0xb));
        let outcome = Script::to(role).closing().raw(b"\x8b").run();
        outcome.assert_sent(&[(0x88, b"\x03\xe8")]);
        assert_eq!(
            (outcome.error, outcome.closing),
            (Some(error), Closing::Sent)
        );
        assert!(!outcome.clean_eof);
    }
}

/// RFC 6455 §5.5.1, §6.1, §7.1.3.
#[test]
fn after_our_close_nothing_more_can_be_queued() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.sending.queue("before").unwrap();
        endpoint.close(CloseCode::GOING_AWAY, "bye").unwrap();
        assert_eq!(endpoint.sending.closing(), Closing::Sent);
        assert_eq!(
            endpoint.sending.queue("after"),
            Err(SendError::Closed("after"))
        );
        assert_eq!(endpoint.outgoing().ping(b""), Err(ControlError::Closed));
        assert_eq!(endpoint.close(CloseCode::NORMAL, ""), Ok(()));
        endpoint.write();
        let close = (0x88, b"\x03\xe9bye".to_vec());
        assert_eq!(endpoint.sent(), [(0x81, b"before".to_vec()), close]);
        assert_eq!(
            endpoint.sending.queue("later"),
            Err(SendError::Closed("later"))
        );
    }
}

/// RFC 6455 §5.5.1, §6.1, §7.1.3.
#[test]
fn after_the_peers_close_or_a_failure_nothing_can_be_queued() {
    for role in ROLES {
        for bytes in [frame(role, 0x88, b"\x03\xe8"), b"\xff".to_vec()] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.feed(&bytes);
            assert_eq!(endpoint.sent().len(), 1);
            assert_eq!(
                endpoint.sending.queue("after"),
                Err(SendError::Closed("after"))
            );
            assert_eq!(endpoint.outgoing().ping(b""), Err(ControlError::Closed));
            assert_eq!(endpoint.close(CloseCode::NORMAL, ""), Ok(()));
            endpoint.write();
            assert_eq!(endpoint.sent(), []);
        }
    }
}

/// RFC 6455 §5.5.1, §7.1.2, §7.4.2.
#[test]
fn every_code_that_may_be_sent_is_sent_verbatim() {
    for code in (0..=u16::MAX).filter(|code| may_be_sent(*code)) {
        let mut pair = Pair::new(&Config::new());
        let close = CloseCode::try_from(code).unwrap();
        pair.client.close(close, "why").unwrap();
        pair.exchange();
        assert_eq!(pair.server.events, [closed(code, "why")]);
        assert_eq!(pair.client.events, [closed(code, "")]);
        assert_eq!(pair.client.sending.closing(), Closing::Done);
        assert_eq!(pair.server.sending.closing(), Closing::Done);
    }
}

/// RFC 6455 §5.5, §5.5.1.
#[test]
fn a_reason_over_123_bytes_is_refused_and_sends_nothing() {
    let mut server = Endpoint::new(Role::Server, &Config::new());
    let refused = server.close(CloseCode::NORMAL, &"r".repeat(124));
    assert_eq!(refused, Err(ControlError::ReasonTooLong));
    assert_eq!(server.sending.closing(), Closing::Open);
    let reason = "r".repeat(123);
    server.close(CloseCode::NORMAL, &reason).unwrap();
    server.write();
    assert_eq!(server.sent(), [(0x88, close_payload(1000, &reason))]);
}

/// RFC 6455 §5.5.1, §7.1.2.
#[test]
fn two_closes_that_cross_end_the_connection() {
    let mut pair = Pair::new(&Config::new());
    pair.client.close(CloseCode::NORMAL, "client").unwrap();
    pair.server.close(CloseCode::GOING_AWAY, "server").unwrap();
    pair.exchange();
    assert_eq!(pair.client.events, [closed(1001, "server")]);
    assert_eq!(pair.server.events, [closed(1000, "client")]);
    for endpoint in [pair.client, pair.server] {
        assert_eq!(endpoint.sending.closing(), Closing::Done);
        assert!(matches!(endpoint.result, Some(Ok(()))));
    }
}

/// RFC 6455 §7.1.4.
#[test]
fn the_end_of_the_transport_is_clean_only_after_the_peers_close() {
    for role in ROLES {
        let inside_a_message = frame(role, 0x01, b"Hel");
        let inside_a_frame = &inside_a_message[..3];
        for bytes in [b"", &inside_a_message[..], inside_a_frame] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.feed(bytes);
            assert!(!endpoint.end());
            let Some(Err(Failure::Abnormal(error))) = endpoint.result else {
                panic!("{:?}", endpoint.result);
            };
            assert_eq!(error.to_string(), "connection ended without a close frame");
            assert!(!endpoint.receiving.incoming().is_unfinished());
            // Asked again it says the same.
            assert!(!endpoint.end());
        }
        let mut closing = Endpoint::new(role, &Config::new());
        closing.close(CloseCode::NORMAL, "").unwrap();
        assert!(!closing.end());
    }
}

#[test]
fn nothing_is_parsed_after_the_end_of_the_transport() {
    for role in ROLES {
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        assert!(protocol.receive_eof().is_err());
        let mut input = Input::new();
        for late in [&frame(role, 0x81, b"late")[..], b"\xff"] {
            arrives(&mut protocol, &mut input, late);
            assert!(input.is_empty());
        }
        let mut endpoint = Endpoint::new(role, &Config::new());
        assert!(!endpoint.end());
        endpoint.feed(&frame(role, 0x81, b"late"));
        endpoint.feed(b"\xff");
        assert_eq!((endpoint.events, endpoint.error), (vec![], None));
    }
}
