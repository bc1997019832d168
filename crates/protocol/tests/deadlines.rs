//! Deadlines: keepalive, idleness, stalls and the closing handshake, on a
//! clock of the caller's.

mod support;

use std::time::Duration;

use bytes::Buf;
use socket_flow_protocol::{CloseCode, Closing, Config, Expired, NEVER, Role, Timeouts};

use support::{Endpoint, Pair, ROLES, frame, noise};

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// A configuration without deadlines.
fn off() -> Config {
    let mut timeouts = Timeouts::default();
    timeouts.close = NEVER;
    timeouts.ping_interval = NEVER;
    timeouts.pong = NEVER;
    timeouts.idle = NEVER;
    timeouts.stall = NEVER;
    Config::new().with_timeouts(timeouts)
}

/// Waits for the next expiry and tells how long it took.
fn expiry(endpoint: &mut Endpoint) -> (Expired, Duration) {
    let start = endpoint.now;
    let expired = endpoint.wait(seconds(10_000)).unwrap_err();
    (expired, endpoint.now - start)
}

fn close(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (0x88, support::close_payload(code, reason))
}

#[test]
fn with_every_deadline_off_no_time_is_asked_for() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off());
        endpoint.blocked = true;
        endpoint.feed(&frame(role, 0x01, b"begun"));
        endpoint.protocol.queue("blocked").unwrap();
        endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(endpoint.protocol.poll_timeout(), None);
        // Telling it anyway is no mistake.
        endpoint
            .protocol
            .handle_timeout(seconds(1_000_000))
            .unwrap();
        assert_eq!(endpoint.protocol.poll_timeout(), None);
    }
}

#[test]
fn what_has_no_deadline_yet_asks_for_the_time_now() {
    for role in ROLES {
        for start in [0, 7, 1_000_000_000] {
            let mut endpoint = Endpoint::new(role, &Config::new());
            assert_eq!(endpoint.protocol.poll_timeout(), Some(Duration::ZERO));
            endpoint.protocol.handle_timeout(seconds(start)).unwrap();
            assert_eq!(endpoint.protocol.poll_timeout(), Some(seconds(start + 20)));
            assert_eq!(endpoint.sent(), []);
            endpoint.feed(&frame(role, 0x81, b"begun")[..3]);
            assert_eq!(endpoint.protocol.poll_timeout(), Some(Duration::ZERO));
            endpoint
                .protocol
                .handle_timeout(seconds(start + 1))
                .unwrap();
            assert!(endpoint.protocol.poll_timeout() > Some(seconds(start + 1)));
            endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(endpoint.protocol.poll_timeout(), Some(Duration::ZERO));
            endpoint
                .protocol
                .handle_timeout(seconds(start + 2))
                .unwrap();
            endpoint.write();
            assert_eq!(endpoint.protocol.poll_timeout(), Some(seconds(start + 7)));
        }
    }
}

#[test]
fn early_calls_change_nothing() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(Duration::ZERO).unwrap();
        for later in 0..200 {
            let now = endpoint.now + seconds(later) / 10;
            endpoint.protocol.handle_timeout(now).unwrap();
        }
        endpoint.write();
        assert_eq!(endpoint.sent(), []);
        assert_eq!(
            endpoint.protocol.poll_timeout(),
            Some(endpoint.now + seconds(20))
        );
    }
}

#[test]
fn a_silent_peer_is_pinged_after_20_seconds_and_gone_after_40() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(19)).unwrap();
        assert_eq!(endpoint.sent(), []);
        endpoint.wait(seconds(1)).unwrap();
        assert_eq!(endpoint.sent(), [(0x89, vec![])]);
        assert_eq!(expiry(&mut endpoint), (Expired::Pong, seconds(20)));
        endpoint.write();
        assert_eq!(endpoint.sent(), [close(1011, "ping timeout")]);
        assert_eq!(endpoint.protocol.closing(), Closing::Sent);
        assert_eq!(expiry(&mut endpoint), (Expired::Close, seconds(5)));
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
            assert_eq!(expiry(&mut endpoint), (Expired::Pong, seconds(1)));
        }
    }
}

#[test]
fn bytes_before_the_ping_prove_nothing() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(19)).unwrap();
        endpoint.feed(&frame(role, 0x81, b"still here"));
        assert_eq!(expiry(&mut endpoint), (Expired::Pong, seconds(21)));
    }
}

#[test]
fn payload_read_directly_proves_the_peer_alive() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.mode = support::Mode::Direct;
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
        endpoint.feed(&frame(role, 0x8a, b""));
        endpoint.feed(&frame(role, 0x81, b"waited"));
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
    assert_eq!(expiry(&mut server), (Expired::Pong, seconds(1)));
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
        endpoint.protocol.queue("over the mark").unwrap();
        endpoint.wait(seconds(1000)).unwrap();
        endpoint.blocked = false;
        endpoint.write();
        assert_eq!(endpoint.sent(), [(0x81, b"over the mark".to_vec())]);
    }
}

#[test]
fn the_closing_handshake_takes_five_seconds_at_most() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(3)).unwrap();
        endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
        // Whatever the peer sends but its Close does not prolong it.
        for _ in 0..4 {
            endpoint.wait(seconds(1)).unwrap();
            endpoint.feed(&frame(role, 0x81, b"under way"));
        }
        assert_eq!(expiry(&mut endpoint), (Expired::Close, seconds(1)));
        assert_eq!(endpoint.sent(), [close(1000, "")]);
    }
}

#[test]
fn a_transport_that_does_not_end_after_both_closes_is_not_awaited_for_ever() {
    for role in ROLES {
        for bytes in [frame(role, 0x88, b"\x03\xe8"), b"\xff".to_vec()] {
            let config = Config::new().close_timeout(seconds(9));
            let mut endpoint = Endpoint::new(role, &config);
            endpoint.wait(seconds(3)).unwrap();
            endpoint.feed(&bytes);
            assert_eq!(expiry(&mut endpoint), (Expired::Close, seconds(9)));
        }
    }
}

#[test]
fn while_closing_no_ping_is_sent_and_no_pong_awaited() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().close_timeout(seconds(300)));
        endpoint.wait(seconds(20)).unwrap();
        assert_eq!(endpoint.sent(), [(0x89, vec![])]);
        endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(expiry(&mut endpoint), (Expired::Close, seconds(300)));
        assert_eq!(endpoint.sent(), [close(1000, "")]);
    }
}

#[test]
fn an_idle_connection_ends_with_1001_within_a_quarter_after_its_time() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off().idle_timeout(seconds(40)));
        // Pings and pongs are no messages.
        for _ in 0..39 {
            endpoint.wait(seconds(1)).unwrap();
            endpoint.feed(&frame(role, 0x89, b""));
            endpoint.feed(&frame(role, 0x8a, b""));
            endpoint.protocol.ping(b"").unwrap();
        }
        let (expired, after) = expiry(&mut endpoint);
        assert_eq!(expired, Expired::Idle);
        assert!((seconds(1)..=seconds(11)).contains(&after), "{after:?}");
        endpoint.write();
        assert_eq!(endpoint.sent().last(), Some(&close(1001, "idle timeout")));
    }
}

#[test]
fn a_message_in_either_direction_keeps_a_connection_from_being_idle() {
    for role in ROLES {
        for sending in [false, true] {
            let mut endpoint = Endpoint::new(role, &off().idle_timeout(seconds(40)));
            for _ in 0..20 {
                endpoint.wait(seconds(39)).unwrap();
                if sending {
                    endpoint.protocol.queue("message").unwrap();
                } else {
                    endpoint.feed(&frame(role, 0x81, b"message"));
                }
            }
            let (expired, after) = expiry(&mut endpoint);
            assert_eq!(expired, Expired::Idle);
            assert!((seconds(40)..=seconds(50)).contains(&after), "{after:?}");
        }
    }
}

#[test]
fn a_frame_or_message_without_a_byte_of_progress_ends_with_1008() {
    for role in ROLES {
        let whole = frame(role, 0x81, b"message");
        let fragment = frame(role, 0x01, b"message");
        let large = frame(role, 0x82, &noise(100_000));
        let header = &whole[..1];
        for begun in [
            header,
            &whole[..whole.len() - 1],
            &fragment[..],
            &large[..90_000],
        ] {
            let mut endpoint = Endpoint::new(role, &off().stall_timeout(seconds(40)));
            endpoint.wait(seconds(100)).unwrap();
            endpoint.feed(begun);
            let (expired, after) = expiry(&mut endpoint);
            assert_eq!(expired, Expired::Read);
            assert!((seconds(40)..=seconds(50)).contains(&after), "{after:?}");
            endpoint.write();
            assert_eq!(endpoint.sent(), [close(1008, "read timeout")]);
        }
    }
}

#[test]
fn a_slow_message_is_kept_alive_by_any_byte_also_by_a_pong() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off().stall_timeout(seconds(40)));
        for byte in frame(role, 0x01, b"slow") {
            endpoint.wait(seconds(39)).unwrap();
            endpoint.feed(&[byte]);
        }
        for _ in 0..5 {
            endpoint.wait(seconds(39)).unwrap();
            endpoint.feed(&frame(role, 0x8a, b""));
        }
        endpoint.wait(seconds(39)).unwrap();
        endpoint.feed(&frame(role, 0x80, b"est"));
        assert_eq!(endpoint.events.pop(), Some(support::text("slowest")));
        // Between messages nothing is awaited.
        endpoint.wait(seconds(10_000)).unwrap();
        assert_eq!(endpoint.protocol.poll_timeout(), None);
    }
}

#[test]
fn trying_to_step_again_is_no_progress() {
    let mut server = Endpoint::new(Role::Server, &off().stall_timeout(seconds(40)));
    server.feed(&frame(Role::Server, 0x81, b"begun")[..8]);
    let start = server.now;
    while server.wait(seconds(1)).is_ok() {
        server.pump();
        assert!(server.now - start < seconds(60));
    }
    assert_eq!(server.now - start, seconds(40));
}

#[test]
fn a_write_that_stays_blocked_expires() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off().stall_timeout(seconds(40)));
        endpoint.blocked = true;
        endpoint.wait(seconds(100)).unwrap();
        endpoint.protocol.queue("blocked").unwrap();
        let (expired, after) = expiry(&mut endpoint);
        assert_eq!(expired, Expired::Write);
        assert!((seconds(40)..=seconds(50)).contains(&after), "{after:?}");
    }
}

#[test]
fn a_write_that_takes_a_byte_now_and_then_goes_on() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off().stall_timeout(seconds(40)));
        endpoint.blocked = true;
        endpoint.protocol.queue(&[7; 100][..]).unwrap();
        while endpoint.protocol.output().has_remaining() {
            endpoint.wait(seconds(39)).unwrap();
            endpoint.write_some(1);
        }
        assert_eq!(endpoint.sent(), [(0x82, vec![7; 100])]);
        endpoint.wait(seconds(10_000)).unwrap();
        assert_eq!(endpoint.protocol.poll_timeout(), None);
    }
}

#[test]
fn a_queue_that_runs_empty_starts_its_deadline_anew() {
    let mut server = Endpoint::new(Role::Server, &off().stall_timeout(seconds(40)));
    server.blocked = true;
    server.protocol.queue("first").unwrap();
    server.wait(seconds(39)).unwrap();
    server.write_some(usize::MAX);
    server.protocol.queue("second").unwrap();
    server.wait(seconds(39)).unwrap();
    let (expired, after) = expiry(&mut server);
    assert_eq!(expired, Expired::Write);
    assert!((seconds(1)..=seconds(11)).contains(&after), "{after:?}");
}

#[test]
fn two_endpoints_keep_each_other_alive_for_an_hour() {
    let mut pair = Pair::new(&Config::new());
    assert_eq!(pair.wait(seconds(3600)), Ok(()));
    for endpoint in [&pair.client, &pair.server] {
        assert_eq!(endpoint.protocol.closing(), Closing::Open);
        // 180 pings of either side, and as many pongs.
        assert!((355..=360).contains(&endpoint.events.len()));
    }
}

#[test]
fn the_end_of_the_time_line_does_not_overflow() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new().idle_timeout(seconds(60)));
        endpoint.blocked = true;
        endpoint.feed(&frame(role, 0x01, b"begun"));
        endpoint.protocol.queue("blocked").unwrap();
        let last = Duration::MAX - Duration::from_nanos(1);
        endpoint.protocol.handle_timeout(last).unwrap();
        endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
        endpoint.protocol.handle_timeout(last).unwrap();
    }
}
