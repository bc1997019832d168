//! Keepalive: pings that ask, and the deadline for an answer.

use std::time::Duration;

use socket_flow_protocol::{CloseCode, Closing, Config, Expired, NEVER, Negotiated, Role};

use crate::support::{
    Endpoint, Mode, Pair, ROLES, close_payload, frame, noise, ping, pong, protocol, seconds, text,
};

#[test]
fn a_silent_peer_is_pinged_after_20_seconds_and_gone_after_40() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(19)).unwrap();
        assert_eq!(endpoint.sent(), []);
        endpoint.wait(seconds(1)).unwrap();
        assert_eq!(endpoint.sent(), [(0x89, vec![])]);
        assert_eq!(endpoint.expiry(), (Expired::Pong, seconds(20)));
        endpoint.write();
        assert_eq!(
            endpoint.sent(),
            [(0x88, close_payload(1011, "ping timeout"))]
        );
        assert_eq!(endpoint.sending.closing(), Closing::Sent);
        // Nobody is there to be awaited.
        assert!(endpoint.result.is_some());

        // Whoever goes on nevertheless has five seconds more.
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        for told in [1000, 1020] {
            protocol.handle_timeout(seconds(told)).unwrap();
        }
        let expired = protocol.handle_timeout(seconds(1040));
        assert_eq!(expired, Err(Expired::Pong));
        protocol.handle_timeout(seconds(1040)).unwrap();
        let early = seconds(1045) - Duration::from_nanos(1);
        protocol.handle_timeout(early).unwrap();
        let expired = protocol.handle_timeout(seconds(1045));
        assert_eq!(expired, Err(Expired::Close));
    }
}

#[test]
fn any_byte_after_the_ping_proves_the_peer_alive() {
    for role in ROLES {
        let one_byte_of_a_header = frame(role, 0x81, b"")[..1].to_vec();
        let begun = frame(role, 0x82, &noise(100_000))[..1000].to_vec();
        let pong = frame(role, 0x8a, b"");
        for bytes in [one_byte_of_a_header, begun, pong] {
            let mut endpoint = Endpoint::new(role, &Config::new().stall_timeout(NEVER));
            endpoint.wait(seconds(39)).unwrap();
            endpoint.feed(&bytes);
            endpoint.wait(seconds(20)).unwrap();
            assert_eq!(endpoint.expiry(), (Expired::Pong, seconds(1)));
        }
    }
}

#[test]
fn bytes_before_the_ping_prove_nothing() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(19)).unwrap();
        endpoint.feed(&frame(role, 0x81, b"still here"));
        assert_eq!(endpoint.expiry(), (Expired::Pong, seconds(21)));
    }
}

#[test]
fn payload_read_directly_proves_the_peer_alive() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.mode = Mode::Direct;
        for piece in frame(role, 0x82, &noise(1_000_000)).chunks(10_000) {
            endpoint.wait(seconds(15)).unwrap();
            endpoint.feed(piece);
        }
        assert_eq!(endpoint.events.len(), 1);
    }
}

#[test]
fn an_application_that_does_not_look_for_two_minutes_loses_nothing() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(20)).unwrap();
        assert_eq!(endpoint.sent(), [(0x89, vec![])]);
        // Two minutes later: first what waits is read, then the time told.
        endpoint.arrive(&frame(role, 0x8a, b""));
        endpoint.arrive(&frame(role, 0x81, b"waited"));
        endpoint.now += seconds(120);
        endpoint.wait(seconds(19)).unwrap();
        assert_eq!(endpoint.error, None);
        assert_eq!(endpoint.events, [text("waited")]);
    }
}

#[test]
fn a_pong_deadline_longer_than_the_interval_allows_one_ping_at_a_time() {
    let config = Config::new().pong_timeout(seconds(50));
    let mut server = Endpoint::new(Role::Server, &config);
    server.wait(seconds(69)).unwrap();
    assert_eq!(server.sent(), [(0x89, vec![])]);
    assert_eq!(server.expiry(), (Expired::Pong, seconds(1)));
}

#[test]
fn pings_without_a_pong_deadline_go_on_for_ever() {
    let mut server = Endpoint::new(Role::Server, &Config::new().pong_timeout(NEVER));
    server.wait(seconds(200)).unwrap();
    assert_eq!(server.sent().len(), 10);
}

#[test]
fn no_ping_is_queued_behind_a_blocked_write() {
    for role in ROLES {
        let config = Config::new().high_water(10).stall_timeout(NEVER);
        let mut endpoint = Endpoint::new(role, &config);
        endpoint.blocked = true;
        endpoint.sending.queue("over the mark").unwrap();
        endpoint.wait(seconds(1000)).unwrap();
        endpoint.blocked = false;
        endpoint.write();
        assert_eq!(endpoint.sent(), [(0x81, b"over the mark".to_vec())]);
    }
}

#[test]
fn while_closing_no_ping_is_sent_and_no_pong_awaited() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().close_timeout(seconds(300)));
        endpoint.wait(seconds(20)).unwrap();
        assert_eq!(endpoint.sent(), [(0x89, vec![])]);
        endpoint.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(endpoint.expiry(), (Expired::Close, seconds(300)));
        assert_eq!(endpoint.sent(), [(0x88, close_payload(1000, ""))]);
    }
}

#[test]
fn two_endpoints_keep_each_other_alive_for_an_hour() {
    let mut pair = Pair::new(&Config::new());
    assert_eq!(pair.wait(seconds(3600)), Ok(()));
    for endpoint in [&pair.client, &pair.server] {
        assert_eq!(endpoint.sending.closing(), Closing::Open);
        // 180 pings of either side; their pongs are the keepalive's own affair.
        assert!((175..=180).contains(&endpoint.events.len()));
        assert!(endpoint.events.iter().all(|event| *event == ping(b"")));
    }
}

#[test]
fn pongs_of_the_keepalive_are_not_shown_and_all_others_are() {
    for role in ROLES {
        for cut in [false, true] {
            let mut endpoint = Endpoint::new(role, &Config::new().pong_timeout(NEVER));
            let feed = |endpoint: &mut Endpoint, frames: &[(u8, &[u8])]| {
                let frames = frames.iter().map(|(first, data)| frame(role, *first, data));
                let bytes = frames.collect::<Vec<_>>().concat();
                for piece in bytes.chunks(if cut { 1 } else { bytes.len() }) {
                    endpoint.feed(piece);
                }
                std::mem::take(&mut endpoint.events)
            };
            // Nobody asked for it.
            assert_eq!(feed(&mut endpoint, &[(0x8a, b"")]), [pong(b"")]);
            endpoint.wait(seconds(20)).unwrap();
            // The answer, and what stands around it: also inside a message.
            let around = [
                (0x01, &b"a"[..]),
                (0x8a, b""),
                (0x8a, b"x"),
                (0x80, b"b"),
                (0x8a, b""),
            ];
            assert_eq!(
                feed(&mut endpoint, &around),
                [pong(b"x"), text("ab"), pong(b"")]
            );
            // Two in a row, answered late.
            endpoint.wait(seconds(40)).unwrap();
            assert_eq!(endpoint.sent(), vec![(0x89, vec![]); 3]);
            assert_eq!(feed(&mut endpoint, &[(0x8a, b""), (0x8a, b"")]), []);
            assert_eq!(feed(&mut endpoint, &[(0x8a, b"")]), [pong(b"")]);
        }
    }
}

/// RFC 6455 §5.5.3: a peer may answer the newest ping alone.
#[test]
fn an_application_that_pings_without_data_gets_its_pong_beside_the_keepalives() {
    for role in ROLES {
        for answers in [1, 2] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            endpoint.wait(seconds(20)).unwrap();
            endpoint.outgoing().ping(b"").unwrap();
            endpoint.write();
            for _ in 0..answers {
                endpoint.feed(&frame(role, 0x8a, b""));
            }
            assert_eq!(endpoint.events, [pong(b"")]);
        }
    }
}
