//! What a failed read or write, an end and a deadline mean, and which of two
//! failures is told.

use std::error::Error;
use std::io;
use std::io::ErrorKind::{
    BrokenPipe, ConnectionReset, Interrupted, TimedOut, UnexpectedEof, WouldBlock,
};
use std::task::Poll;
use std::time::Duration;

use socket_flow_protocol::driver::{Failure, Goal};
use socket_flow_protocol::{
    AbnormalClosure, Config, Expired, HeaderError, ProtocolError, Role, SendError,
};

use crate::support::{self, ROLES, Steps, closed, frame, off, seconds, text};

const ABNORMAL: &str = "Abnormal(AbnormalClosure)";
const RESET: &str = "Io(Kind(ConnectionReset))";
const BROKEN: &str = "Io(Kind(BrokenPipe))";

/// It ended for good: nothing more is read, and nothing was to be written.
#[track_caller]
fn ends(steps: &mut Steps, failure: &str) {
    steps.shuts_down().has_failed(failure);
    assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
}

/// RFC 6455 §7.1.5.
#[test]
fn an_end_without_a_close_is_abnormal_and_sends_nothing() {
    for role in ROLES {
        let mut steps = Steps::new(role, &Config::new());
        steps.sending.queue("lost").unwrap();
        steps.write_blocks().reads_the_end();
        ends(&mut steps, ABNORMAL);
    }
}

#[test]
fn what_arrived_before_the_end_is_handed_out_and_answered_first() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps
            .reads(&frame(role, 0x89, b"ping"))
            .finds(&support::ping(b"ping"))
            .writes(&[(0x8a, b"ping")])
            .flushes()
            .reads_the_end();
        ends(&mut steps, ABNORMAL);
    }
}

#[test]
fn a_read_that_fails_is_why_the_connection_did() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.read_fails(ConnectionReset);
        assert!(matches!(steps.receiving.failure(), Some(Failure::Io(_))));
        ends(&mut steps, RESET);
    }
}

#[test]
fn a_read_that_was_interrupted_is_tried_again_and_one_that_would_block_waits() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps
            .read_fails(Interrupted)
            .read_fails(Interrupted)
            .read_fails(WouldBlock)
            .waits(None)
            .reads(&frame(role, 0x81, b"on"))
            .finds(&text("on"));
    }
}

/// Whether something is missing is what the peer's Close tells.
#[test]
fn tls_that_ends_without_its_close_notify_is_an_end() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.read_fails(UnexpectedEof);
        ends(&mut steps, ABNORMAL);

        let mut steps = Steps::new(role, &off());
        steps
            .reads(&frame(role, 0x88, b""))
            .asks_the_time(seconds(1000))
            .finds(&socket_flow_protocol::Event::Close(None))
            .writes(&[(0x88, b"")])
            .flushes();
        match role {
            Role::Server => steps.shuts_down().discard_fails(UnexpectedEof).is_over(),
            Role::Client => steps.discard_fails(UnexpectedEof).shuts_down().is_over(),
        };
    }
}

#[test]
fn a_write_that_fails_ends_sending_and_what_arrived_is_still_received() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sending.queue("lost").unwrap();
        steps
            .write_fails(BrokenPipe)
            .reads(&frame(role, 0x81, b"still"))
            .finds(&text("still"));
        assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
        assert!(!steps.sending.has_output());
    }
}

#[test]
fn a_write_that_failed_is_told_rather_than_what_reads_say_then() {
    for role in ROLES {
        for read in [None, Some(ConnectionReset)] {
            let mut steps = Steps::new(role, &off());
            steps.sending.queue("lost").unwrap();
            steps.write_fails(BrokenPipe);
            match read {
                None => steps.reads_the_end(),
                Some(kind) => steps.read_fails(kind),
            };
            ends(&mut steps, BROKEN);
            // Whoever waits for what was lost is told, too.
            steps.sends(Goal::Flushed).has_failed(BROKEN);
        }
    }
}

#[test]
fn a_write_of_nothing_and_a_flush_that_fails_are_failed_writes() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sending.queue("lost").unwrap();
        assert!(steps.sending.wrote(Poll::Ready(Ok(0))).is_ready());
        steps.reads_the_end();
        ends(&mut steps, "Io(Kind(WriteZero))");

        let mut steps = Steps::new(role, &off());
        steps.sending.queue("written").unwrap();
        steps
            .writes(&[(0x81, b"written")])
            .flush_fails(BrokenPipe)
            .reads_the_end();
        ends(&mut steps, BROKEN);
    }
}

#[test]
fn an_interrupted_write_or_flush_is_tried_again_and_one_that_would_block_waits() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().stall_timeout(seconds(40)));
        steps.sending.queue("a").unwrap();
        steps.write_fails(Interrupted).writes(&[(0x81, b"a")]);
        steps.flush_fails(Interrupted);
        let would_block = || Poll::Ready(Err(WouldBlock.into()));
        assert!(steps.sending.flushed(would_block()).is_pending());
        steps.turn.block_writes();
        // A flush that waits is watched, as a write is.
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1010)))
            .flushes()
            .reads_nothing()
            .waits(None);

        steps.sending.queue("b").unwrap();
        let written = steps.sending.wrote(Poll::Ready(Err(WouldBlock.into())));
        assert!(written.is_pending());
        steps.turn.block_writes();
        steps
            .reads_nothing()
            .waits(Some(seconds(1010)))
            .writes(&[(0x81, b"b")]);
    }
}

#[test]
fn an_aborted_connection_sends_nothing_drains_and_tells_why() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().close_timeout(seconds(5)));
        steps.sending.queue("lost").unwrap();
        let Steps {
            receiving, sending, ..
        } = &mut steps;
        receiving.abort(TimedOut.into(), sending);
        assert!(!steps.receiving.is_open());
        steps
            .shuts_down()
            .discards_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1001)))
            .discards_the_end()
            .has_failed("Io(Kind(TimedOut))");
    }
}

#[test]
fn what_a_read_says_after_the_end_changes_nothing() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.reads_the_end();
        ends(&mut steps, ABNORMAL);
        for read in [Ok(0), Ok(7), Err(io::Error::from(ConnectionReset))] {
            let Steps {
                receiving,
                sending,
                turn,
                ..
            } = &mut steps;
            receiving.read(sending, turn, Poll::Ready(read));
            steps.has_failed(ABNORMAL);
        }
        assert!(steps.receiving.failure().is_none());
    }
}

#[test]
fn a_violation_in_what_is_read_directly_fails_the_connection() {
    for role in ROLES {
        let mut payload = vec![b'a'; 100_000];
        payload[90_000] = 0xff;
        let bytes = frame(role, 0x81, &payload);
        let mut steps = Steps::new(role, &off());
        steps
            .reads(&bytes[..60_000])
            .turn()
            .reads(&bytes[60_000..80_000])
            .turn()
            .reads(&bytes[80_000..]);
        assert!(matches!(
            steps.receiving.failure(),
            Some(Failure::Protocol(ProtocolError::InvalidUtf8(_)))
        ));
        steps.writes(&[(0x88, b"\x03\xefinvalid utf-8")]);
    }
}

#[test]
fn nothing_is_parsed_after_a_failure() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        let bytes = [&b"\xff"[..], &frame(role, 0x81, b"after")].concat();
        steps
            .reads(&bytes)
            .writes(&[(0x88, b"\x03\xeainvalid frame header")]);
        assert_eq!(steps.receiving.into_input().capacity(), 0);
    }
}

#[test]
fn every_failure_says_what_it_is_and_why() {
    let header = ProtocolError::Header(HeaderError::ReservedOpCode(3));
    for (failure, said, why) in [
        (
            Failure::Protocol(header),
            "peer violated the protocol",
            header.to_string(),
        ),
        (
            Failure::Expired(Expired::Idle),
            "connection timed out",
            "connection was idle for too long".into(),
        ),
        (
            Failure::Abnormal(AbnormalClosure),
            "connection ended early",
            "connection ended without a close frame".into(),
        ),
        (
            Failure::Io(io::Error::other("burnt")),
            "transport failed",
            "burnt".into(),
        ),
        (
            Failure::Io(io::Error::from_raw_os_error(104)),
            "transport failed",
            io::Error::from_raw_os_error(104).to_string(),
        ),
        (
            Failure::Unsent(Box::new(Failure::Expired(Expired::Close))),
            "peer closed before everything was sent",
            "connection timed out".into(),
        ),
    ] {
        for failure in [failure.copy(), failure] {
            assert_eq!(failure.to_string(), said);
            assert_eq!(failure.source().unwrap().to_string(), why);
        }
    }
}

#[test]
fn a_close_found_after_a_failed_write_is_no_clean_end() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sending.queue("lost").unwrap();
        steps
            .write_fails(BrokenPipe)
            .reads(&frame(role, 0x88, b"\x03\xe8"))
            .asks_the_time(Duration::from_secs(1000))
            .finds(&closed(1000, ""));
        match role {
            Role::Server => steps.shuts_down().discards_the_end(),
            Role::Client => steps.discards_the_end().shuts_down(),
        };
        // What the peer said was received; ours was not sent.
        steps.has_failed("Unsent(Io(Kind(BrokenPipe)))");
    }
}
