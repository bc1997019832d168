//! When a connection asks for the time, and what a deadline that passed means.

use std::io::ErrorKind::BrokenPipe;
use std::time::Duration;

use socket_flow_protocol::driver::{Failure, Next, Turn, drive};
use socket_flow_protocol::{Config, Expired, Input, NEVER, Negotiated, Role};

use crate::support::{ROLES, Steps, frame, noise, off, protocol, seconds, text};

const BROKEN: &str = "Io(Kind(BrokenPipe))";

/// Cause: a deadline beyond the end of the clock counted as not armed, and the
/// time was asked for again and again.
#[test]
fn the_end_of_the_clock_comes_to_an_end() {
    let last = NEVER - Duration::from_nanos(1);
    for role in ROLES {
        let core = protocol(role, &Config::new(), Negotiated::default());
        let (mut receiving, mut sending) = drive(core, Input::new());
        sending.queue("blocked").unwrap();
        let mut turn = Turn::new();
        let is_over = (0..100).any(|_| {
            match receiving.next(&mut sending, &turn) {
                Next::Write => turn.block_writes(),
                Next::Read => turn.block_reads(),
                Next::ShutDown => turn.shut_down(true),
                Next::Wait(_) => turn.set_now(last),
                Next::Over(_) => return true,
                other => panic!("{other:?}"),
            }
            false
        });
        assert!(is_over);
    }
}

#[test]
fn the_time_is_asked_for_when_a_read_finds_nothing_and_not_before() {
    for role in ROLES {
        let mut steps = Steps::new(role, &Config::new());
        for _ in 0..3 {
            steps
                .reads(&frame(role, 0x81, b"one"))
                .finds(&text("one"))
                .turn();
        }
        assert!(!steps.receiving.is_quiet(&steps.sending));
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1020)));
        assert!(steps.receiving.is_quiet(&steps.sending));
        // It is known now.
        steps
            .reads(&frame(role, 0x81, b"two"))
            .finds(&text("two"))
            .reads_nothing()
            .waits(Some(seconds(1020)));
        steps.sending.queue("waits").unwrap();
        assert!(!steps.receiving.is_quiet(&steps.sending));
    }
}

#[test]
fn an_idle_connection_rests_once_it_knows_the_time_and_until_it_has_sent_a_close() {
    for role in ROLES {
        let mut steps = Steps::new(role, &Config::new());
        assert!(steps.receiving.is_idle(&steps.sending));
        assert!(!steps.receiving.rest(&steps.sending));
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1020)));
        assert!(steps.receiving.is_idle(&steps.sending));
        assert!(steps.receiving.rest(&steps.sending));
        steps
            .reads(&frame(role, 0x01, b"in two "))
            .reads(&frame(role, 0x80, b"parts"))
            .finds(&text("in two parts"))
            .turn();
        assert!(steps.receiving.is_idle(&steps.sending));
        assert!(steps.receiving.rest(&steps.sending));
        steps.closes().writes_the_rest().flushes();
        assert!(steps.receiving.is_idle(&steps.sending));
        assert!(!steps.receiving.rest(&steps.sending));
    }
}

#[test]
fn a_deadline_is_not_judged_while_a_read_brings_something() {
    for role in ROLES {
        let mut steps = Steps::new(role, &Config::new());
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1020)));
        steps.turn.set_now(seconds(5000));
        steps
            .reads(&frame(role, 0x81, b"late"))
            .finds(&text("late"))
            .reads_nothing()
            .writes(&[(0x89, b"")]);
    }
}

/// Cause: a turn that was used up ended before it looked at the deadlines, so
/// that whoever sent without pause put them off for ever.
#[test]
fn a_flood_puts_no_deadline_off() {
    for role in ROLES {
        let large = frame(role, 0x82, &noise(1_100_000));
        let (first, second) = large.split_at(530_000);
        let mut steps = Steps::new(role, &off().close_timeout(seconds(5)));
        steps.closes().writes(&[(0x88, b"\x03\xe8")]).flushes();
        steps
            .reads_all(first)
            .asks_the_time(seconds(1000))
            .yields()
            .turn()
            .reads_all(&second[..510_000])
            .reads(&second[510_000..530_000])
            .asks_the_time(seconds(1005))
            .shuts_down()
            .discards(1000)
            .discards_nothing()
            .has_failed("Expired(Close)");

        // Without a deadline nobody asks.
        let mut steps = Steps::new(role, &off());
        steps.reads_all(first).yields();
    }
}

#[test]
fn a_peer_that_is_gone_is_told_so_and_nothing_is_waited_for() {
    for role in ROLES {
        let mut steps = unanswered(role);
        steps.writes(&[(0x88, b"\x03\xf3ping timeout")]);
        assert!(matches!(
            steps.receiving.failure(),
            Some(Failure::Expired(Expired::Pong))
        ));
        steps.flushes().shuts_down().has_failed("Expired(Pong)");

        let mut steps = unanswered(role);
        steps
            .write_blocks()
            .shutting_down_blocks()
            .has_failed("Expired(Pong)");
        assert!(!steps.sending.has_output());
    }
}

#[test]
fn a_write_that_failed_is_told_rather_than_the_deadline_it_made_pass() {
    for role in ROLES {
        let mut steps = unanswered(role);
        steps
            .write_fails(BrokenPipe)
            .shuts_down()
            .has_failed(BROKEN);

        // Of the closing handshake.
        let mut steps = Steps::new(role, &off().close_timeout(seconds(5)));
        steps
            .closes()
            .write_fails(BrokenPipe)
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1005)))
            .reads_nothing()
            .waits_until(seconds(1005))
            .shuts_down()
            .has_failed(BROKEN);

        // Of the write, which is tried once more by the next turn.
        let mut steps = stalled(role);
        steps
            .shutting_down_blocks()
            .turn()
            .write_fails(BrokenPipe)
            .shuts_down()
            .discards_nothing()
            .has_failed(BROKEN);
    }
}

#[test]
fn a_deadline_without_a_failed_write_is_told_itself() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().close_timeout(seconds(5)));
        steps
            .closes()
            .writes(&[(0x88, b"\x03\xe8")])
            .flushes()
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1005)))
            .reads_nothing()
            .waits_until(seconds(1005))
            .shuts_down()
            .has_failed("Expired(Close)");
        let mut steps = stalled(role);
        steps.shuts_down().has_failed("Expired(Write)");
    }
}

/// Their cause is the peer's silence, whatever comes of the Close for it.
#[test]
fn an_idle_or_stalled_peer_is_closed_and_drained_and_that_is_told() {
    for role in ROLES {
        let idle = off().idle_timeout(seconds(4)).close_timeout(seconds(5));
        let close = (0x88, &b"\x03\xe9idle timeout"[..]);
        for write_fails in [false, true] {
            let mut steps = Steps::new(role, &idle);
            steps.reads_nothing().asks_the_time(seconds(1000));
            for at in [1001, 1002, 1003] {
                steps
                    .waits(Some(seconds(at)))
                    .reads_nothing()
                    .waits_until(seconds(at));
            }
            steps
                .waits(Some(seconds(1004)))
                .reads_nothing()
                .waits_until(seconds(1004));
            match write_fails {
                false => steps.writes(&[close]).flushes(),
                true => steps.write_fails(BrokenPipe),
            };
            steps
                .shuts_down()
                .waits(Some(seconds(1005)))
                .discards_the_end()
                .has_failed("Expired(Idle)");
        }
    }
}

/// A ping that is never answered, its deadline come.
fn unanswered(role: Role) -> Steps {
    let mut steps = Steps::new(role, &Config::new());
    steps
        .reads_nothing()
        .asks_the_time(seconds(1000))
        .waits(Some(seconds(1020)))
        .reads_nothing()
        .waits_until(seconds(1020))
        .writes(&[(0x89, b"")])
        .flushes()
        .waits(Some(seconds(1040)))
        .reads_nothing()
        .waits_until(seconds(1040));
    steps
}

/// A write that made no progress, its deadline come.
fn stalled(role: Role) -> Steps {
    let mut steps = Steps::new(role, &off().stall_timeout(seconds(40)));
    steps.sending.queue("blocked").unwrap();
    steps
        .write_blocks()
        .reads_nothing()
        .asks_the_time(seconds(1000));
    for at in [1010, 1020, 1030] {
        steps
            .waits(Some(seconds(at)))
            .write_blocks()
            .reads_nothing()
            .waits_until(seconds(at));
    }
    steps
        .waits(Some(seconds(1040)))
        .write_blocks()
        .reads_nothing()
        .waits_until(seconds(1040));
    steps
}
