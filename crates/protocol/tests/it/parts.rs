//! Messages sent part by part: RFC 6455 §5.4.

use socket_flow_protocol::{
    CloseCode, Compressed, Config, Message, MessageRef, Prepared, Role, SendError, Uncompressed,
};

use crate::support::{self, Endpoint, ROLES, Sent, binary, noise, ping, text};

fn sent(endpoint: &mut Endpoint) -> Vec<Sent> {
    endpoint.write();
    endpoint.sent()
}

/// RFC 6455 §5.4, §6.1.
#[test]
fn parts_leave_as_the_fragments_of_one_message() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        from.outgoing().queue_part("Hel").unwrap();
        from.outgoing().queue_part("l").unwrap();
        from.outgoing().queue_last_part("o").unwrap();
        from.outgoing().queue_part(&b"\x00"[..]).unwrap();
        from.outgoing().queue_last_part(vec![0xff]).unwrap();
        from.write();
        let mut to = Endpoint::new(role.peer(), &Config::new());
        to.feed(&from.output);
        assert_eq!(to.events, [text("Hello"), binary(b"\x00\xff")]);
        let expected: [Sent; 5] = [
            (0x01, b"Hel".to_vec()),
            (0x00, b"l".to_vec()),
            (0x80, b"o".to_vec()),
            (0x02, b"\x00".to_vec()),
            (0x80, b"\xff".to_vec()),
        ];
        assert_eq!(from.sent(), expected);
    }
}

/// RFC 6455 §5.7.
#[test]
fn a_server_writes_the_fragments_of_the_rfcs_example() {
    let mut server = Endpoint::new(Role::Server, &Config::new());
    server.outgoing().queue_part("Hel").unwrap();
    server.outgoing().queue_last_part("lo").unwrap();
    server.write();
    assert_eq!(server.output, b"\x01\x03Hel\x80\x02lo");
}

#[test]
fn a_last_part_without_others_is_a_whole_message() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        from.outgoing().queue_last_part("whole").unwrap();
        from.outgoing()
            .queue_last_part(&Prepared::new("one"))
            .unwrap();
        from.outgoing().queue_last_part("").unwrap();
        let frames = sent(&mut from);
        assert_eq!(
            frames,
            [
                (0x81, b"whole".to_vec()),
                (0x81, b"one".to_vec()),
                (0x81, Vec::new())
            ]
        );
    }
}

#[test]
fn any_part_may_be_empty() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        for part in ["", "a", "", "", "b"] {
            from.outgoing().queue_part(part).unwrap();
        }
        from.outgoing().queue_last_part("").unwrap();
        from.outgoing().queue_part(&b""[..]).unwrap();
        from.outgoing().queue_last_part(&b""[..]).unwrap();
        from.write();
        let mut to = Endpoint::new(role.peer(), &Config::new());
        to.feed(&from.output);
        assert_eq!(to.events, [text("ab"), binary(b"")]);
        assert_eq!(from.sent().len(), 8);
    }
}

#[test]
fn anything_that_is_a_message_can_be_a_part() {
    let mut from = Endpoint::new(Role::Server, &Config::new());
    let outgoing = from.outgoing();
    outgoing.queue_part(Message::from("a")).unwrap();
    outgoing.queue_part(MessageRef::from("b")).unwrap();
    outgoing.queue_part(&Prepared::new("c")).unwrap();
    outgoing.queue_part(Compressed("d")).unwrap();
    outgoing
        .queue_part(Uncompressed(String::from("e")))
        .unwrap();
    outgoing.queue_last_part(&Prepared::new("f")).unwrap();
    let frames = sent(&mut from);
    let bytes: Vec<_> = frames.iter().flat_map(|(_, payload)| payload).collect();
    assert_eq!(bytes, [b"a", b"b", b"c", b"d", b"e", b"f"].map(|b| &b[0]));
}

/// RFC 6455 §5.4.
#[test]
fn control_frames_may_stand_between_parts() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        let mut to = Endpoint::new(role.peer(), &Config::new());
        from.outgoing().queue_part("one ").unwrap();
        from.outgoing().ping(b"ours").unwrap();
        // A ping of the peer's is answered in between as well.
        to.outgoing().ping(b"theirs").unwrap();
        to.write();
        from.feed(&std::mem::take(&mut to.output));
        from.outgoing().queue_last_part("two").unwrap();
        from.write();
        to.feed(&from.output);
        assert_eq!(
            to.events,
            [ping(b"ours"), support::pong(b"theirs"), text("one two")]
        );
        assert_eq!(to.error, None);
    }
}

/// RFC 6455 §5.4.
#[test]
fn another_message_between_parts_is_refused_and_given_back() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        assert!(!from.sending.outgoing().is_unfinished());
        from.outgoing().queue_part("one ").unwrap();
        assert!(from.sending.outgoing().is_unfinished());
        let refused = from.sending.queue("other");
        assert!(matches!(refused, Err(SendError::Unfinished("other"))));
        assert_eq!(
            refused.unwrap_err().to_string(),
            "another message is sent part by part"
        );
        let prepared = Prepared::new("prepared");
        let refused = from.sending.queue(&prepared);
        assert!(matches!(refused, Err(SendError::Unfinished(_))));
        from.outgoing().queue_last_part("two").unwrap();
        assert!(!from.sending.outgoing().is_unfinished());
        from.sending.queue(&prepared).unwrap();
        let frames = sent(&mut from);
        assert_eq!(
            frames,
            [
                (0x01, b"one ".to_vec()),
                (0x80, b"two".to_vec()),
                (0x81, b"prepared".to_vec())
            ]
        );
    }
}

/// RFC 6455 §5.4.
#[test]
fn a_part_of_the_other_kind_is_refused_and_changes_nothing() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        from.outgoing().queue_part("text").unwrap();
        let bytes = &b"bytes"[..];
        let refused = from.outgoing().queue_part(bytes);
        assert_eq!(refused, Err(SendError::WrongKind(bytes)));
        let refused = from.outgoing().queue_last_part(bytes);
        assert_eq!(refused.unwrap_err().into_inner(), bytes);
        from.outgoing().queue_last_part("").unwrap();
        from.outgoing().queue_part(bytes).unwrap();
        let refused = from.outgoing().queue_last_part("text");
        assert_eq!(refused, Err(SendError::WrongKind("text")));
        from.outgoing().queue_last_part(&b""[..]).unwrap();
        let firsts: Vec<_> = sent(&mut from).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x01, 0x80, 0x02, 0x80]);
    }
}

#[test]
fn a_full_queue_gives_a_part_back_and_the_message_goes_on_behind_it() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new().high_water(1));
        from.sending.queue("before").unwrap();
        // Not begun: the next message may be another one.
        assert_eq!(
            from.outgoing().queue_part("one "),
            Err(SendError::Full("one "))
        );
        assert!(!from.sending.outgoing().is_unfinished());
        from.write();
        from.outgoing().queue_part("one ").unwrap();
        assert_eq!(
            from.outgoing().queue_part("two "),
            Err(SendError::Full("two "))
        );
        assert_eq!(
            from.outgoing().queue_last_part("three"),
            Err(SendError::Full("three"))
        );
        from.write();
        from.outgoing().queue_part("two ").unwrap();
        from.write();
        from.outgoing().queue_last_part("three").unwrap();
        from.write();
        let mut to = Endpoint::new(role.peer(), &Config::new());
        to.feed(&from.output);
        assert_eq!(to.events, [text("before"), text("one two three")]);
    }
}

/// RFC 6455 §5.5.1, §6.1.
#[test]
fn behind_a_close_no_part_is_taken() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new());
        from.outgoing().queue_part("one ").unwrap();
        from.close(CloseCode::NORMAL, "").unwrap();
        for refused in [
            from.outgoing().queue_part("two"),
            from.outgoing().queue_last_part("two"),
            from.sending.queue("two"),
        ] {
            assert_eq!(refused, Err(SendError::Closed("two")));
        }
        let firsts: Vec<_> = sent(&mut from).iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x01, 0x88]);
    }
}

#[test]
fn a_part_beyond_the_fragment_limit_leaves_in_several_frames() {
    for role in ROLES {
        let mut from = Endpoint::new(role, &Config::new().fragment(2));
        from.outgoing().queue_part("abcde").unwrap();
        from.outgoing().queue_part("f").unwrap();
        from.outgoing().queue_last_part("ghi").unwrap();
        let frames = sent(&mut from);
        let firsts: Vec<_> = frames.iter().map(|(first, _)| *first).collect();
        assert_eq!(firsts, [0x01, 0x00, 0x00, 0x00, 0x00, 0x80]);
        let parts: Vec<_> = frames.iter().map(|(_, payload)| &payload[..]).collect();
        assert_eq!(parts, [&b"ab"[..], b"cd", b"e", b"f", b"gh", b"i"]);
    }
}

#[test]
fn large_parts_arrive_as_they_were() {
    let bytes = noise(200_000);
    for role in ROLES {
        for fragment in [usize::MAX, 50_000] {
            let config = Config::new().high_water(usize::MAX).fragment(fragment);
            let mut from = Endpoint::new(role, &config);
            for part in bytes[..150_000].chunks(30_000) {
                from.outgoing().queue_part(part).unwrap();
            }
            from.outgoing().queue_last_part(&bytes[150_000..]).unwrap();
            from.write();
            let mut to = Endpoint::new(role.peer(), &Config::new());
            to.feed(&from.output);
            assert!(to.events == [binary(&bytes)]);
            assert_eq!(from.sent().len(), 6);
        }
    }
}
