//! UTF-8 in text messages: RFC 6455 §5.6 and §8.1.

use bytes::{Buf, BufMut};
use socket_flow_protocol::{Config, Input, Negotiated, ProtocolError, Role};

use crate::support::{
    self, Endpoint, MODES, Mode, Outcome, ROLES, Script, arrives, binary, frame, header, ping,
    protocol, text,
};

#[track_caller]
fn assert_invalid(outcome: &Outcome) {
    let Some(error @ ProtocolError::InvalidUtf8(_)) = outcome.error else {
        panic!("not failed for its text: {:?}", outcome.error);
    };
    outcome.assert_failed(error, 1007);
}

/// Sequences that are no UTF-8, with how many of their bytes could still
/// have become a character.
const INVALID: [(&[u8], usize); 16] = [
    (b"\x80", 0),
    (b"\xbf", 0),
    (b"\xc0\x80", 0),
    (b"\xc1\xbf", 0),
    (b"\xc2\x20", 1),
    (b"\xe0\x9f\xbf", 1),
    (b"\xe2\x82\x28", 2),
    (b"\xed\xa0\x80", 1), // the surrogate d800
    (b"\xed\xbf\xbf", 1), // the surrogate dfff
    (b"\xf0\x8f\xbf\xbf", 1),
    (b"\xf0\x9f\x98\x20", 3),
    (b"\xf4\x90\x80\x80", 1), // beyond 10ffff
    (b"\xf5\x80\x80\x80", 0),
    (b"\xf8\x88\x80\x80\x80", 0),
    (b"\xfe", 0),
    (b"\xff", 0),
];

/// Texts at the corners of UTF-8.
const VALID: [&str; 10] = [
    "",
    "\0",
    "\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}",
    "\u{d7ff}\u{e000}",
    "\u{10ffff}",
    "\u{fffe}\u{feff}",
    "κόσμε",
    "Hello-µ@ßöäüàá-UTF-8!!",
    "😀😀😀",
    "a𐍈b",
];

/// RFC 6455 §5.6.
#[test]
fn valid_text_passes_whole_and_fragmented_at_every_byte() {
    for role in ROLES {
        for valid in VALID {
            let bytes = valid.as_bytes();
            Script::to(role)
                .frame(0x81, bytes)
                .run()
                .assert_events(&[text(valid)])
                .assert_open();
            for cut in 0..=bytes.len() {
                let (front, back) = bytes.split_at(cut);
                Script::to(role)
                    .frame(0x01, front)
                    .frame(0x80, back)
                    .run()
                    .assert_events(&[text(valid)])
                    .assert_open();
            }
            let mut script = Script::to(role).frame(0x01, b"");
            for byte in bytes {
                script = script.frame(0x00, &[*byte]).frame(0x89, b"?");
            }
            let mut events = vec![ping(b"?"); bytes.len()];
            events.push(text(valid));
            let outcome = script.frame(0x80, b"").run();
            outcome.assert_events(&events).assert_open();
        }
    }
}

/// RFC 6455 §5.6.
#[test]
fn invalid_text_fails_whole_and_fragmented_at_every_byte() {
    for role in ROLES {
        for (invalid, _) in INVALID {
            let bytes = [b"ok ", invalid, b" ok"].concat();
            assert_invalid(&Script::to(role).frame(0x81, &bytes).run());
            for cut in 0..=bytes.len() {
                let (front, back) = bytes.split_at(cut);
                let script = Script::to(role)
                    .frame(0x01, front)
                    .frame(0x89, b"")
                    .frame(0x80, back);
                assert_invalid(&script.run());
            }
        }
    }
}

/// RFC 6455 §5.6.
#[test]
fn a_binary_message_may_hold_what_no_text_may() {
    for role in ROLES {
        for (invalid, _) in INVALID {
            Script::to(role)
                .frame(0x82, invalid)
                .frame(0x02, invalid)
                .frame(0x80, invalid)
                .run()
                .assert_events(&[binary(invalid), binary(&invalid.repeat(2))])
                .assert_open();
        }
    }
}

/// RFC 6455 §8.1.
#[test]
fn text_fails_at_its_first_impossible_byte_inside_a_frame() {
    for role in ROLES {
        for mode in MODES {
            for declared in [100, 60_000, 100_000] {
                for (invalid, possible) in INVALID {
                    let mut endpoint = Endpoint::new(role, &Config::new());
                    endpoint.mode = mode;
                    endpoint.feed(&header(role, 0x81, declared));
                    let masked = frame(role, 0x81, &[b"fine: ", invalid].concat());
                    let payload = &masked[header(role, 0x81, 8).len()..];
                    let (before, rest) = payload.split_at(6 + possible);
                    endpoint.feed(before);
                    assert_eq!(endpoint.error, None);
                    endpoint.feed(&rest[..1]);
                    let error = endpoint.error.expect("failed at this byte");
                    assert_eq!(error.close_code().as_u16(), 1007);
                    assert_eq!(endpoint.sent().last().unwrap().0, 0x88);
                }
            }
        }
    }
}

/// RFC 6455 §8.1.
#[test]
fn text_fails_at_its_first_impossible_byte_across_fragments_and_a_ping() {
    for role in ROLES {
        for (invalid, possible) in INVALID.into_iter().filter(|(_, possible)| *possible > 0) {
            let (begun, impossible) = invalid.split_at(possible);
            let going_on = Script::to(role)
                .frame(0x01, b"fine: ")
                .frame(0x00, begun)
                .frame(0x89, b"in between");
            going_on
                .run()
                .assert_events(&[ping(b"in between")])
                .assert_open();
            // Neither the rest of the frame nor the message's end is awaited.
            let one_more = frame(role, 0x00, &impossible[..1]);
            let mut longer = header(role, 0x00, 100);
            longer.push(*one_more.last().unwrap());
            assert_invalid(&going_on.raw(&longer).run());
        }
    }
}

/// RFC 6455 §8.1.
#[test]
fn a_text_that_ends_inside_a_character_fails_at_its_end() {
    for role in ROLES {
        for begun in ["ß", "€", "😀"] {
            for cut in 1..begun.len() {
                let begun = &begun.as_bytes()[..cut];
                assert_invalid(&Script::to(role).frame(0x81, begun).run());
                let fragmented = Script::to(role).frame(0x01, b"a").frame(0x80, begun);
                assert_invalid(&fragmented.run());
                let ended_later = Script::to(role).frame(0x01, begun).frame(0x80, b"");
                assert_invalid(&ended_later.run());
                Script::to(role).frame(0x01, begun).run().assert_open();
            }
        }
    }
}

#[test]
fn each_text_is_judged_on_its_own() {
    for role in ROLES {
        let begun = Script::to(role).frame(0x81, b"a").frame(0x02, b"\xe2\x82");
        let binary_between = begun.frame(0x80, b"\xff").frame(0x81, "€".as_bytes());
        binary_between
            .run()
            .assert_events(&[text("a"), binary(b"\xe2\x82\xff"), text("€")])
            .assert_open();
        // The second half of a character is no text of its own.
        let halves = Script::to(role)
            .frame(0x81, "€".as_bytes())
            .frame(0x81, b"\xac");
        let outcome = halves.run();
        assert_invalid(outcome.assert_events(&[text("€")]));
    }
}

#[test]
fn large_text_is_judged_wherever_it_is_cut() {
    let mut valid = "käse€😀".repeat(8000); // 96,000 bytes
    valid.push('!');
    for role in ROLES {
        let outcome = Script::to(role).frame(0x81, valid.as_bytes()).run();
        outcome.assert_events(&[text(&valid)]).assert_open();
        for at in [0, 40_000, 70_000, valid.len() - 1] {
            let mut invalid = valid.clone().into_bytes();
            invalid[at] = 0xff;
            assert_invalid(&Script::to(role).frame(0x81, &invalid).run_twice());
        }
    }
}

#[test]
fn a_large_text_read_directly_fails_inside_its_frame() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.mode = Mode::Direct;
        let mut payload = vec![b'a'; 300_000];
        payload[200_000] = 0xff;
        let bytes = frame(role, 0x81, &payload);
        let body = bytes.len() - payload.len();
        endpoint.feed(&bytes[..body + 200_000]);
        assert_eq!(endpoint.error, None);
        assert!(endpoint.direct().is_some());
        endpoint.feed(&bytes[body + 200_000..][..1]);
        assert_eq!(endpoint.error.unwrap().close_code().as_u16(), 1007);
        assert_eq!(endpoint.direct(), None);
    }
}

#[test]
fn a_direct_read_reports_bad_text_itself() {
    for role in ROLES {
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        let mut input = Input::new();
        let mut payload = vec![b'a'; 100_000];
        payload[99_000] = 0xff;
        let bytes = frame(role, 0x81, &payload);
        arrives(&mut protocol, &mut input, &bytes[..70_000]);
        let (incoming, outgoing) = protocol.halves();
        let rest = &bytes[70_000..];
        incoming.direct(&input).unwrap().put_slice(rest);
        let error = incoming.direct_done(rest.len(), outgoing).unwrap_err();
        assert_eq!(error.close_code().as_u16(), 1007);
        assert_eq!(protocol.step(&mut input), Ok(None));
        let sent = support::parse(role, protocol.output().chunk());
        assert_eq!((sent.len(), sent[0].0), (1, 0x88));

        // And what drives it says no other.
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&bytes[..70_000]);
        assert!(endpoint.direct().is_some());
        endpoint.feed(rest);
        assert_eq!((endpoint.events.len(), endpoint.error), (0, Some(error)));
        assert_eq!(endpoint.sent().len(), 1);
    }
}

/// RFC 6455 §6.2.
#[test]
fn text_is_judged_unmasked_also_where_its_masked_bytes_are_text() {
    for bytes in [
        &b"\x81\x81\x80\x80\x80\x80a"[..],
        b"\x81\x83\x9e\x00\x00\x00abc",
    ] {
        assert_invalid(&Script::to(Role::Server).raw(bytes).run());
    }
}

#[test]
fn a_lent_text_may_be_looked_at_again_and_again() {
    let mut protocol = protocol(Role::Client, &Config::new(), Negotiated::default());
    let mut input = Input::from(&b"\x81\x03\xe2\x82\xac\x81\x01a"[..]);
    let found = protocol.step(&mut input).unwrap().unwrap();
    for _ in 0..2 {
        let lent = protocol.lend(found, &input);
        assert_eq!(format!("{lent:?}"), "Message(Text(3 bytes))");
    }
    let taken = protocol.halves().0.take(found, &mut input);
    assert_eq!(taken, text("€"));
    assert_eq!(protocol.receive(&mut input), Ok(Some(text("a"))));
    assert_eq!(protocol.receive(&mut input), Ok(None));
}
