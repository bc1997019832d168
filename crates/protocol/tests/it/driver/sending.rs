//! The sending half on its own: what a call waits for, and what others hand in.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset};

use socket_flow_protocol::driver::{Failure, Goal};
use socket_flow_protocol::{CloseCode, NEVER, Role, SendError};

use crate::support::{Others, ROLES, Steps, frame, off, seconds, text};

const CLOSE: (u8, &[u8]) = (0x88, b"\x03\xe8");

#[test]
fn there_is_room_as_soon_as_the_queue_is_below_its_mark() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sends(Goal::Room).is_over();
        steps.sending.queue("1").unwrap();
        steps.is_over();
        steps.sending.queue("23456789").unwrap();
        steps
            .write_blocks()
            .waits(None)
            // Not everything has to be written.
            .writes_some(12)
            .is_over();
        assert!(steps.sending.has_output());
    }
}

#[test]
fn everything_is_flushed_when_it_is_written_and_the_transport_keeps_nothing_back() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sends(Goal::Flushed).is_over();
        steps.sending.queue("one").unwrap();
        steps
            .writes_some(1)
            .write_blocks()
            .waits(None)
            .writes_some(1);
        assert!(!steps.sending.wants_flush() && steps.sending.has_output());
        steps.writes_the_rest();
        assert!(steps.sending.wants_flush() && steps.sending.has_output());
        steps.flush_blocks().waits(None).flushes().is_over();
        assert!(!steps.sending.wants_flush() && !steps.sending.has_output());
    }
}

#[test]
fn what_the_transport_took_is_counted_from_the_beginning() {
    let mut steps = Steps::new(Role::Server, &off());
    steps.sends(Goal::Flushed);
    steps.sending.queue("one").unwrap();
    assert_eq!(steps.sending.written(), 0);
    steps.writes_some(2);
    assert_eq!(steps.sending.written(), 2);
    steps.writes_the_rest();
    assert_eq!(steps.sending.written(), 5);
    steps.flushes().is_over();
    steps.sending.queue("two").unwrap();
    steps.writes_the_rest();
    assert_eq!(steps.sending.written(), 10);
}

#[test]
fn it_waits_for_a_blocked_write_or_flush_until_its_deadline_and_asks_for_the_time_once() {
    for role in ROLES {
        for flush in [false, true] {
            let mut steps = Steps::new(role, &off().stall_timeout(seconds(40)));
            steps.sends(Goal::Flushed);
            steps.sending.queue("one").unwrap();
            if flush {
                steps.writes(&[(0x81, b"one")]);
            }
            let block = |steps: &mut Steps| match flush {
                true => _ = steps.flush_blocks(),
                false => _ = steps.write_blocks(),
            };
            block(&mut steps);
            steps.asks_the_time(seconds(1000));
            for at in [1010, 1020, 1030] {
                steps.waits(Some(seconds(at)));
                block(&mut steps);
                steps.waits_until(seconds(at));
            }
            steps.waits(Some(seconds(1040)));
            block(&mut steps);
            steps.turn.set_now(seconds(1039));
            steps
                .waits_until(seconds(1040))
                .has_failed("Expired(Write)");
            // Nothing is sent any more.
            assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
            assert!(!steps.sending.has_output());
            steps.has_failed("Expired(Write)");
        }
    }
}

#[test]
fn a_flush_that_went_through_is_not_watched_any_more() {
    let mut steps = Steps::new(Role::Server, &off().stall_timeout(seconds(40)));
    steps.sending.queue("one").unwrap();
    steps
        .sends(Goal::Flushed)
        .writes(&[(0x81, b"one")])
        .flush_blocks()
        .asks_the_time(seconds(1000))
        .waits(Some(seconds(1010)))
        .flushes()
        .is_over();
    assert_eq!(steps.sending.outgoing().poll_timeout(), None);
}

#[test]
fn closed_is_reached_when_a_close_by_whomever_is_flushed() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sends(Goal::Closed).waits(None);
        steps.sending.queue("one").unwrap();
        steps.writes(&[(0x81, b"one")]).flushes().waits(None);
        steps.closes().writes(&[CLOSE]).flush_blocks().waits(None);
        steps.flushes().is_over();

        // The answer to the peer's.
        let mut steps = Steps::new(role, &off());
        steps.reads(&frame(role, 0x88, b"\x03\xe8"));
        steps.waits(Some(seconds(0)));
        steps
            .sends(Goal::Closed)
            .writes(&[CLOSE])
            .flushes()
            .is_over();
    }
}

#[test]
fn a_failed_write_is_told_by_every_call_that_promises_what_was_lost() {
    for role in ROLES {
        for goal in [Goal::Room, Goal::Flushed, Goal::Closed] {
            let mut steps = Steps::new(role, &off().high_water(1));
            steps.sending.queue("one").unwrap();
            steps
                .sends(goal)
                .write_fails(BrokenPipe)
                .has_failed("Io(Kind(BrokenPipe))")
                .has_failed("Io(Kind(BrokenPipe))");
            assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
        }
    }
}

#[test]
fn whoever_leaves_tries_once_to_write_a_close_and_to_shut_down() {
    for role in ROLES {
        let mut others = Others::default().message("promised");
        let mut steps = Steps::new(role, &off());
        steps.sending.queue("queued").unwrap();
        steps.sending.leave(CloseCode::GOING_AWAY, &mut others);
        assert!(others.is_refused && others.is_closed);
        steps
            .sends(Goal::Gone)
            .writes(&[(0x81, b"queued"), (0x81, b"promised"), (0x88, b"\x03\xe9")])
            .flushes()
            .shuts_down()
            .is_over();
    }
}

#[test]
fn whoever_leaves_never_waits() {
    for role in ROLES {
        let leaving = || {
            let mut steps = Steps::new(role, &off().stall_timeout(seconds(40)));
            steps.sending.leave(CloseCode::GOING_AWAY, &mut ());
            steps.sends(Goal::Gone);
            steps
        };
        // A transport that is not flushed is not shut down: that would wait.
        leaving().write_blocks().is_over();
        let close: (u8, &[u8]) = (0x88, b"\x03\xe9");
        leaving().writes(&[close]).flush_blocks().is_over();
        leaving()
            .writes(&[close])
            .flushes()
            .shutting_down_blocks()
            .is_over();
        leaving().write_fails(BrokenPipe).shuts_down().is_over();
    }
}

#[test]
fn whoever_leaves_after_a_close_sends_no_second_one() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.closes();
        steps.sending.leave(CloseCode::GOING_AWAY, &mut ());
        steps.sends(Goal::Gone).writes(&[CLOSE]).flushes();
    }
}

#[test]
fn a_sending_half_is_taken_with_all_it_has_and_leaves_one_that_sends_nothing() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().stall_timeout(NEVER));
        steps.sending.expect_handed_in();
        steps.sending.queue("one").unwrap();
        steps
            .sends(Goal::Flushed)
            .takes_over(&mut Others::default(), false)
            .writes(&[(0x81, b"one")]);
        steps.sending.queue("two").unwrap();
        let taken = steps.sending.take();
        steps.turn().is_over();
        assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
        assert!(!steps.sending.has_output());
        steps.sending = taken;
        steps
            .takes_over(&mut Others::default(), false)
            .writes(&[(0x81, b"two")])
            .flushes()
            .is_over();

        steps.sending.queue("three").unwrap();
        steps.writes_some(3).write_fails(ConnectionReset);
        let mut taken = steps.sending.take();
        assert!(steps.sending.loss().is_none());
        assert!(
            matches!(taken.loss(), Some(Failure::Io(error)) if error.kind() == ConnectionReset)
        );
    }
}

#[test]
fn the_sending_half_neither_reads_nor_hands_anything_out() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.reads(&frame(role, 0x81, b"waits"));
        for goal in [Goal::Room, Goal::Flushed] {
            steps.sends(goal).is_over();
        }
        steps.receives().finds(&text("waits"));
    }
}
