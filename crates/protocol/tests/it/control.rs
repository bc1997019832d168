//! Pings and pongs: RFC 6455 §5.5.2 and §5.5.3.

use bytes::Buf;
use socket_flow_protocol::{
    Config, ControlError, HeaderError, Input, Negotiated, ProtocolError, Role,
};

use crate::support::{Endpoint, ROLES, Script, Sent, frame, noise, ping, pong, protocol, text};

fn pongs(data: impl IntoIterator<Item = u32>) -> Vec<Sent> {
    let data = data.into_iter();
    data.map(|number| (0x8a, number.to_string().into_bytes()))
        .collect()
}

fn pings(role: Role, data: impl IntoIterator<Item = u32>) -> Vec<u8> {
    let data = data.into_iter();
    data.flat_map(|number| frame(role, 0x89, number.to_string().as_bytes()))
        .collect()
}

/// RFC 6455 §5.5.2, §5.5.3.
#[test]
fn a_ping_is_answered_with_equal_data_up_to_125_bytes() {
    let data = noise(125);
    for role in ROLES {
        for len in [0, 1, 124, 125] {
            Script::to(role)
                .frame(0x89, &data[..len])
                .run()
                .assert_events(&[ping(&data[..len])])
                .assert_sent(&[(0x8a, &data[..len])])
                .assert_open();
        }
    }
}

/// RFC 6455 §5.5.2.
#[test]
fn ten_pings_at_once_are_answered_ten_times_in_order() {
    for role in ROLES {
        let outcome = Script::to(role).raw(&pings(role, 0..10)).run();
        assert_eq!(outcome.sent(), pongs(0..10));
        assert_eq!(outcome.events.len(), 10);
        outcome.assert_open();
    }
}

/// RFC 6455 §5.5.3.
#[test]
fn unsolicited_pongs_are_shown_and_never_answered() {
    for role in ROLES {
        Script::to(role)
            .frame(0x8a, b"")
            .frame(0x8a, b"unsolicited")
            .frame(0x89, b"ping")
            .run()
            .assert_events(&[pong(b""), pong(b"unsolicited"), ping(b"ping")])
            .assert_sent(&[(0x8a, b"ping")])
            .assert_open();
    }
}

/// RFC 6455 §5.5.3.
#[test]
fn control_data_need_not_be_utf8() {
    for role in ROLES {
        Script::to(role)
            .frame(0x89, b"\x00\xff\xfe")
            .frame(0x8a, b"\xed\xa0\x80")
            .run()
            .assert_events(&[ping(b"\x00\xff\xfe"), pong(b"\xed\xa0\x80")])
            .assert_sent(&[(0x8a, b"\x00\xff\xfe")])
            .assert_open();
    }
}

/// RFC 6455 §5.5.
#[test]
fn control_frames_over_125_bytes_fail_at_their_second_byte() {
    for role in ROLES {
        let mask = if role == Role::Server { 0x80 } else { 0 };
        for first in [0x88, 0x89, 0x8a] {
            for second in [126, 127] {
                let outcome = Script::to(role).raw(&[first, mask | second]).run();
                let error = outcome.error.unwrap();
                assert!(matches!(
                    error,
                    ProtocolError::Header(HeaderError::ControlTooLong(_))
                ));
                outcome.assert_events(&[]).assert_failed(error, 1002);
            }
        }
    }
}

/// RFC 6455 §5.4, §5.5.
#[test]
fn fragmented_control_frames_fail_at_their_first_byte() {
    for role in ROLES {
        for first in [0x08, 0x09, 0x0a] {
            for before in [None, Some(0x01)] {
                let mut script = Script::to(role);
                if let Some(begin) = before {
                    script = script.frame(begin, b"begun");
                }
                let outcome = script.raw(&[first]).run();
                let error = outcome.error.unwrap();
                assert!(matches!(
                    error,
                    ProtocolError::Header(HeaderError::FragmentedControl(_))
                ));
                outcome.assert_events(&[]).assert_failed(error, 1002);
            }
        }
    }
}

#[test]
fn a_ping_under_way_does_not_disturb_the_message_around_it() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.feed(&frame(role, 0x01, "€".as_bytes()));
        let bytes = frame(role, 0x89, b"slow");
        for byte in &bytes[..bytes.len() - 1] {
            endpoint.feed(&[*byte]);
            assert_eq!(endpoint.events, []);
        }
        endpoint.feed(&bytes[bytes.len() - 1..]);
        endpoint.feed(&frame(role, 0x80, "ß".as_bytes()));
        assert_eq!(endpoint.events, [ping(b"slow"), text("€ß")]);
    }
}

/// RFC 6455 §5.5.3.
#[test]
fn sixteen_pongs_wait_in_order_and_beyond_them_only_the_newest() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.blocked = true;
        endpoint.feed(&pings(role, 0..1000));
        assert_eq!(endpoint.events.len(), 1000);
        assert!(endpoint.sending.outgoing().is_pressed());
        endpoint.blocked = false;
        endpoint.pump();
        assert_eq!(endpoint.sent(), pongs((0..16).chain([999])));
        assert!(!endpoint.sending.outgoing().is_pressed());
        // And then it goes on as before.
        endpoint.feed(&pings(role, 1000..1003));
        assert_eq!(endpoint.sent(), pongs(1000..1003));
    }
}

#[test]
fn the_number_of_pongs_is_a_setting() {
    for (setting, first) in [
        (0, 1),
        (1, 1),
        (2, 2),
        (255, 255),
        (256, 255),
        (usize::MAX, 255),
    ] {
        let mut endpoint = Endpoint::new(Role::Server, &Config::new().max_pongs(setting));
        endpoint.blocked = true;
        endpoint.feed(&pings(Role::Server, 0..1000));
        endpoint.blocked = false;
        endpoint.pump();
        assert_eq!(endpoint.sent(), pongs((0..first).chain([999])));
    }
}

/// RFC 6455 §5.5.3.
#[test]
fn over_the_high_water_mark_only_the_newest_ping_is_answered() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().high_water(10));
        endpoint.blocked = true;
        endpoint.sending.queue("over the mark").unwrap();
        endpoint.feed(&pings(role, 0..1000));
        endpoint.blocked = false;
        endpoint.pump();
        let message = (0x81, b"over the mark".to_vec());
        assert_eq!(endpoint.sent(), [vec![message], pongs([999])].concat());
    }
}

#[test]
fn a_ping_flood_that_is_not_read_is_held_in_bounds() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.blocked = true;
        let thousand = frame(role, 0x89, &[b'p'; 125]).repeat(1000);
        for _ in 0..100 {
            endpoint.feed(&thousand);
            endpoint.events.clear();
            let frame = 2 + 125 + if role == Role::Client { 4 } else { 0 };
            assert_eq!(endpoint.sending.outgoing().buffered(), 17 * frame);
        }
    }
}

/// RFC 6455 §5.5.1.
#[test]
fn with_a_flood_waiting_the_close_comes_after_the_newest_pong() {
    for role in ROLES {
        for (bytes, code) in [
            (frame(role, 0x88, b"\x0f\xa0"), 4000_u16),
            (b"\xff".to_vec(), 1002),
        ] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.blocked = true;
            endpoint.feed(&pings(role, 0..20));
            endpoint.feed(&bytes);
            endpoint.feed(&pings(role, 20..40));
            endpoint.blocked = false;
            endpoint.pump();
            let mut sent = endpoint.sent();
            let (first, payload) = sent.pop().unwrap();
            assert_eq!((first, &payload[..2]), (0x88, &code.to_be_bytes()[..]));
            assert_eq!(sent, pongs((0..16).chain([19])));
        }
    }
}

/// RFC 6455 §5.5.
#[test]
fn our_own_pings_carry_their_data() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        let data = noise(126);
        assert_eq!(endpoint.outgoing().ping(&data), Err(ControlError::TooLong));
        endpoint.outgoing().ping(&data[..125]).unwrap();
        endpoint.outgoing().ping(b"").unwrap();
        endpoint.write();
        assert_eq!(
            endpoint.sent(),
            [(0x89, data[..125].to_vec()), (0x89, vec![])]
        );
    }
}

#[test]
fn output_waits_as_long_as_the_newest_pong_does() {
    for role in ROLES {
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        assert!(!protocol.has_output());
        for number in 0..100 {
            let mut input = Input::from(&frame(role, 0x89, &[number])[..]);
            assert!(protocol.step(&mut input).unwrap().is_some());
            assert!(protocol.has_output());
        }
        // What found room is written; the newest found none.
        let written = protocol.output().len();
        protocol.output().advance(written);
        assert!(protocol.has_output());
        let written = protocol.output().len();
        protocol.output().advance(written);
        assert!(!protocol.has_output());
    }
}
