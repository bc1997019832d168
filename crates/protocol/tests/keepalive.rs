//! Keepalive: pings that ask, and the deadline for an answer.

mod support;

use std::time::Duration;

use socket_flow_protocol::{CloseCode, Closing, Config, Expired, NEVER, Negotiated, Role};

use support::{Endpoint, Mode, Pair, ROLES, close_payload, frame, noise, protocol, seconds};

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
        assert_eq!(endpoint.events.len(), 2);
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
        // 180 pings of either side, and as many pongs.
        assert!((355..=360).contains(&endpoint.events.len()));
    }
}
