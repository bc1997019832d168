//! Deadlines: idleness, stalls and the closing handshake, on a clock of the
//! caller's.

use std::time::Duration;

use bytes::Buf;
use socket_flow_protocol::{CloseCode, Config, Expired, Input, NEVER, Negotiated, Protocol, Role};

use crate::support::{
    Endpoint, ROLES, arrives, close_payload, frame, noise, off, protocol, seconds, text,
};

fn close(code: u16, reason: &str) -> (u8, Vec<u8>) {
    (0x88, close_payload(code, reason))
}

/// The core alone, which asks for the time and is told it by hand.
fn core(role: Role, config: &Config) -> (Protocol, Input) {
    let protocol = protocol(role, config, Negotiated::default());
    (protocol, Input::new())
}

/// All that is queued leaves.
fn write(protocol: &mut Protocol) {
    let len = protocol.output().len();
    protocol.output().advance(len);
}

#[test]
fn with_every_deadline_off_no_time_is_asked_for() {
    for role in ROLES {
        let (mut protocol, mut input) = core(role, &off());
        arrives(&mut protocol, &mut input, &frame(role, 0x01, b"begun"));
        protocol.queue("blocked").unwrap();
        protocol.close(CloseCode::NORMAL, "").unwrap();
        assert_eq!(protocol.poll_timeout(), None);
        // Telling it anyway is no mistake.
        protocol.handle_timeout(seconds(1_000_000)).unwrap();
        assert_eq!(protocol.poll_timeout(), None);
    }
}

#[test]
fn what_has_no_deadline_yet_asks_for_the_time_now() {
    for role in ROLES {
        for start in [0, 7, 1_000_000_000] {
            let (mut protocol, mut input) = core(role, &Config::new());
            assert_eq!(protocol.poll_timeout(), Some(Duration::ZERO));
            protocol.handle_timeout(seconds(start)).unwrap();
            assert_eq!(protocol.poll_timeout(), Some(seconds(start + 20)));
            assert!(!protocol.has_output());
            let begun = &frame(role, 0x81, b"begun")[..3];
            arrives(&mut protocol, &mut input, begun);
            assert_eq!(protocol.poll_timeout(), Some(Duration::ZERO));
            protocol.handle_timeout(seconds(start + 1)).unwrap();
            assert!(protocol.poll_timeout() > Some(seconds(start + 1)));
            protocol.close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(protocol.poll_timeout(), Some(Duration::ZERO));
            protocol.handle_timeout(seconds(start + 2)).unwrap();
            write(&mut protocol);
            assert_eq!(protocol.poll_timeout(), Some(seconds(start + 7)));
        }
    }
}

#[test]
fn each_deadline_alone_asks_for_the_time_once_it_has_begun() {
    let now = Some(Duration::ZERO);
    for role in ROLES {
        for config in [
            off().ping_interval(seconds(9)),
            off().idle_timeout(seconds(9)),
        ] {
            assert_eq!(core(role, &config).0.poll_timeout(), now);
        }
        let (mut protocol, mut input) = core(role, &off().stall_timeout(seconds(9)));
        assert_eq!(protocol.poll_timeout(), None);
        let half = &frame(role, 0x81, b"half")[..3];
        arrives(&mut protocol, &mut input, half);
        assert_eq!(protocol.poll_timeout(), now);

        let (mut protocol, _) = core(role, &off().close_timeout(seconds(9)));
        assert_eq!(protocol.poll_timeout(), None);
        protocol.close(CloseCode::NORMAL, "").unwrap();
        write(&mut protocol);
        assert_eq!(protocol.poll_timeout(), now);
    }
}

#[test]
fn early_calls_change_nothing() {
    for role in ROLES {
        let (mut protocol, _) = core(role, &Config::new());
        for later in 0..200 {
            let now = seconds(1000) + seconds(later) / 10;
            protocol.handle_timeout(now).unwrap();
        }
        assert!(!protocol.has_output());
        assert_eq!(protocol.poll_timeout(), Some(seconds(1020)));
    }
}

#[test]
fn the_closing_handshake_takes_five_seconds_at_most() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &Config::new());
        endpoint.wait(seconds(3)).unwrap();
        endpoint.close(CloseCode::NORMAL, "").unwrap();
        // Whatever the peer sends but its Close does not prolong it.
        for _ in 0..4 {
            endpoint.wait(seconds(1)).unwrap();
            endpoint.feed(&frame(role, 0x81, b"under way"));
        }
        assert_eq!(endpoint.expiry(), (Expired::Close, seconds(1)));
        assert_eq!(endpoint.sent(), [close(1000, "")]);
    }
}

#[test]
fn a_transport_that_does_not_end_after_both_closes_is_not_awaited_for_ever() {
    for role in ROLES {
        for bytes in [frame(role, 0x88, b"\x03\xe8"), b"\xff".to_vec()] {
            let config = Config::new().close_timeout(seconds(9));
            let (mut protocol, _) = core(role, &config);
            let mut input = Input::from(&bytes[..]);
            let is_close = protocol.step(&mut input).ok();
            write(&mut protocol);
            protocol.handle_timeout(seconds(1003)).unwrap();
            assert_eq!(protocol.poll_timeout(), Some(seconds(1012)));
            let early = seconds(1012) - Duration::from_nanos(1);
            protocol.handle_timeout(early).unwrap();
            let expired = protocol.handle_timeout(seconds(1012));
            assert_eq!(expired, Err(Expired::Close));

            // A shell waits a second for silence, and only a client that closed in order for
            // the server to end TCP.
            let mut endpoint = Endpoint::new(role, &config);
            endpoint.wait(seconds(3)).unwrap();
            endpoint.feed(&bytes);
            let awaited = match (role, is_close) {
                (Role::Client, Some(_)) => seconds(9),
                _ => seconds(1),
            };
            endpoint.wait(awaited - Duration::from_nanos(1)).unwrap();
            assert!(endpoint.result.is_none());
            endpoint.wait(Duration::from_nanos(1)).unwrap();
            assert_eq!(endpoint.result.unwrap().is_ok(), is_close.is_some());
        }
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
            endpoint.outgoing().ping(b"").unwrap();
        }
        let (expired, after) = endpoint.expiry();
        assert_eq!(expired, Expired::Idle);
        assert!((seconds(1)..=seconds(11)).contains(&after), "{after:?}");
        endpoint.write();
        assert_eq!(endpoint.sent().last(), Some(&close(1001, "idle timeout")));
    }
}

#[test]
fn a_message_in_either_direction_keeps_a_connection_from_being_idle() {
    for role in ROLES {
        for (sending, receiving) in [(false, true), (true, false), (true, true)] {
            let mut endpoint = Endpoint::new(role, &off().idle_timeout(seconds(40)));
            for _ in 0..20 {
                endpoint.wait(seconds(39)).unwrap();
                if sending {
                    endpoint.sending.queue("message").unwrap();
                }
                if receiving {
                    endpoint.feed(&frame(role, 0x81, b"message"));
                }
            }
            let (expired, after) = endpoint.expiry();
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
            let (expired, after) = endpoint.expiry();
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
        assert_eq!(endpoint.events.pop(), Some(text("slowest")));
        // Between messages nothing is awaited.
        endpoint.wait(seconds(10_000)).unwrap();
        assert_eq!(endpoint.deadline, None);
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
        endpoint.sending.queue("blocked").unwrap();
        let (expired, after) = endpoint.expiry();
        assert_eq!(expired, Expired::Write);
        assert!((seconds(40)..=seconds(50)).contains(&after), "{after:?}");
    }
}

#[test]
fn a_write_that_takes_a_byte_now_and_then_goes_on() {
    for role in ROLES {
        let mut endpoint = Endpoint::new(role, &off().stall_timeout(seconds(40)));
        endpoint.blocked = true;
        endpoint.sending.queue(&[7; 100][..]).unwrap();
        while endpoint.sending.queued().has_remaining() {
            endpoint.wait(seconds(39)).unwrap();
            endpoint.write_some(1);
        }
        assert_eq!(endpoint.sent(), [(0x82, vec![7; 100])]);
        endpoint.wait(seconds(10_000)).unwrap();
        assert_eq!(endpoint.deadline, None);
    }
}

#[test]
fn a_queue_that_runs_empty_starts_its_deadline_anew() {
    let mut server = Endpoint::new(Role::Server, &off().stall_timeout(seconds(40)));
    server.blocked = true;
    server.sending.queue("first").unwrap();
    server.wait(seconds(39)).unwrap();
    server.write_some(usize::MAX);
    server.sending.queue("second").unwrap();
    server.wait(seconds(39)).unwrap();
    let (expired, after) = server.expiry();
    assert_eq!(expired, Expired::Write);
    assert!((seconds(1)..=seconds(11)).contains(&after), "{after:?}");
}

#[test]
fn a_transport_that_holds_bytes_back_is_watched_though_the_queue_is_empty() {
    for role in ROLES {
        let (mut protocol, _) = core(role, &off().stall_timeout(seconds(40)));
        protocol.queue("in the transport").unwrap();
        write(&mut protocol);
        assert_eq!(protocol.poll_timeout(), None);
        protocol.halves().1.set_unflushed(true);
        assert_eq!(protocol.poll_timeout(), Some(seconds(0)));
        for look in [1000, 1010, 1020, 1030] {
            protocol.handle_timeout(seconds(look)).unwrap();
            assert_eq!(protocol.poll_timeout(), Some(seconds(look + 10)));
        }
        let expired = protocol.handle_timeout(seconds(1040));
        assert_eq!(expired, Err(Expired::Write));
        // Whoever goes on nevertheless is watched from now on anew.
        assert_eq!(protocol.poll_timeout(), Some(seconds(0)));
        protocol.halves().1.set_unflushed(false);
        assert_eq!(protocol.poll_timeout(), None);
    }
}

#[test]
fn a_connection_is_quiet_while_nothing_is_under_way() {
    type Begin = fn(&mut Protocol);
    for role in ROLES {
        let begin: [(&str, Begin); 3] = [
            ("a frame", |it| {
                let half = &frame(it.incoming().role(), 0x81, b"half")[..3];
                arrives(it, &mut Input::new(), half);
            }),
            ("a write", |it| it.queue("blocked").unwrap()),
            ("a Close", |it| {
                it.close(CloseCode::NORMAL, "").unwrap();
                write(it);
            }),
        ];
        for (what, begin) in begin {
            let (mut protocol, mut input) = core(role, &Config::new());
            // Without the time nobody knows.
            assert!(!protocol.is_quiet());
            protocol.handle_timeout(seconds(1)).unwrap();
            assert!(protocol.is_quiet());
            input.extend_from_slice(&frame(role, 0x81, b"whole"));
            assert!(protocol.step(&mut input).unwrap().is_some());
            assert_eq!(protocol.step(&mut input), Ok(None));
            assert!(protocol.is_quiet());
            begin(&mut protocol);
            assert!(!protocol.is_quiet(), "{what} is under way");
        }
    }
}

#[test]
fn the_deadline_of_the_closing_handshake_is_known_once_the_time_was_told() {
    for role in ROLES {
        for (timeout, expected) in [(seconds(5), Some(seconds(1005))), (NEVER, None)] {
            let mut endpoint = Endpoint::new(role, &Config::new().close_timeout(timeout));
            let deadline = |it: &Endpoint| it.receiving.incoming().close_deadline();
            assert_eq!(deadline(&endpoint), None);
            endpoint.wait(seconds(0)).unwrap();
            endpoint.close(CloseCode::NORMAL, "").unwrap();
            assert_eq!(deadline(&endpoint), None);
            endpoint.write();
            endpoint.wait(seconds(0)).unwrap();
            assert_eq!(deadline(&endpoint), expected);
        }
    }
}

#[test]
fn the_end_of_the_time_line_does_not_overflow() {
    for role in ROLES {
        let config = Config::new().idle_timeout(seconds(60));
        let (mut protocol, mut input) = core(role, &config);
        arrives(&mut protocol, &mut input, &frame(role, 0x01, b"begun"));
        protocol.queue("blocked").unwrap();
        let last = Duration::MAX - Duration::from_nanos(1);
        protocol.handle_timeout(last).unwrap();
        protocol.close(CloseCode::NORMAL, "").unwrap();
        // No later moment can be waited for.
        assert_eq!(protocol.handle_timeout(last), Err(Expired::Close));
    }
}
