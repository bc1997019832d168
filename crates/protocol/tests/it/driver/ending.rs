//! The closing sequence: RFC 6455 §7.1.1 and §7.1.7, step by step.

use std::io::ErrorKind::{BrokenPipe, ConnectionReset};
use std::time::Duration;

use socket_flow_protocol::driver::{Failure, Goal, Turn};
use socket_flow_protocol::{Config, Role};

use crate::support::{ROLES, Steps, closed, frame, off, seconds};

const CLOSE: (u8, &[u8]) = (0x88, b"\x03\xe8");
const VIOLATION: (u8, &[u8]) = (0x88, b"\x03\xeainvalid frame header");
const VIOLATED: &str = "Protocol(Header(ReservedBits({RSV1, RSV2, RSV3})))";

/// Only the closing handshake has a deadline.
fn five_seconds() -> Config {
    off().close_timeout(seconds(5))
}

/// The peer's Close has come at 1000 s, and is to be answered.
fn closing(role: Role, config: &Config) -> Steps {
    let mut steps = Steps::new(role, config);
    steps
        .reads(&frame(role, 0x88, b"\x03\xe8"))
        .asks_the_time(seconds(1000))
        .finds(&closed(1000, ""));
    steps
}

/// The peer's violation has come, and the Close for it is to be sent.
fn failing(role: Role, config: &Config) -> Steps {
    let mut steps = Steps::new(role, config);
    steps.reads(b"\xff");
    steps
}

/// Our Close is written.
fn written(steps: &mut Steps, close: (u8, &[u8])) {
    steps.writes(&[close]).flushes();
}

/// RFC 6455 §7.1.1.
#[test]
fn a_server_answers_shuts_down_and_drains_until_the_clients_end() {
    let mut server = closing(Role::Server, &five_seconds());
    assert!(!server.receiving.is_open() && !server.receiving.is_over());
    written(&mut server, CLOSE);
    server
        .shuts_down()
        .discards(10)
        .discards_nothing()
        .waits(Some(seconds(1001)))
        .discards_the_end()
        .is_over();
    assert!(server.receiving.is_over() && server.receiving.is_clean());
    // Asked again it says the same.
    server.is_over().turn().is_over();
}

/// RFC 6455 §7.1.1.
#[test]
fn a_client_answers_and_waits_for_the_servers_end_before_it_shuts_down() {
    let mut client = closing(Role::Client, &five_seconds());
    written(&mut client, CLOSE);
    client
        .discards(10)
        .discards_nothing()
        .waits(Some(seconds(1005)))
        .discards_the_end()
        .shuts_down()
        .is_over();
    assert!(client.receiving.is_clean());
}

/// RFC 6455 §7.1.7.
#[test]
fn both_roles_shut_down_first_after_a_failure_and_drain_for_a_second() {
    for role in ROLES {
        let mut steps = failing(role, &five_seconds());
        written(&mut steps, VIOLATION);
        assert!(matches!(
            steps.receiving.failure(),
            Some(Failure::Protocol(_))
        ));
        steps
            .shuts_down()
            .discards(10)
            .discards_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1001)))
            .discards_nothing()
            .waits_until(seconds(1001))
            .has_failed(VIOLATED)
            // What it was is told once.
            .has_failed("Abnormal(AbnormalClosure)")
            .turn()
            .has_failed("Abnormal(AbnormalClosure)");
        assert!(steps.receiving.is_over() && !steps.receiving.is_clean());
        assert!(steps.receiving.failure().is_none());
    }
}

#[test]
fn whoever_began_the_closing_handshake_asks_no_time_for_its_deadline() {
    for role in ROLES {
        let mut steps = Steps::new(role, &five_seconds());
        steps.closes();
        written(&mut steps, CLOSE);
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1005)))
            .reads(&frame(role, 0x88, b"\x03\xe8"))
            .finds(&closed(1000, ""));
        if role == Role::Server {
            steps.shuts_down();
        }
        let silence = [seconds(1005), seconds(1004)][role as usize];
        steps
            .discards_nothing()
            .asks_the_time(seconds(1003))
            .waits(Some(silence));
    }
}

#[test]
fn a_violation_after_our_close_gets_what_is_left_of_its_time() {
    for role in ROLES {
        let mut steps = Steps::new(role, &five_seconds());
        steps.closes();
        written(&mut steps, CLOSE);
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1005)))
            .turn()
            .reads(b"\xff")
            .shuts_down();
        // The peer goes on sending, a byte at a time.
        for half in 1..10 {
            steps
                .discards(1)
                .discards_nothing()
                .asks_the_time(seconds(1000) + Duration::from_millis(500) * half)
                .turn();
        }
        steps
            .discards(1)
            .discards_nothing()
            .asks_the_time(Duration::from_millis(1_004_900))
            .waits_until(seconds(1005))
            .has_failed(VIOLATED);
    }
}

#[test]
fn a_close_is_held_back_until_the_time_is_told() {
    for role in ROLES {
        let mut steps = Steps::new(role, &five_seconds());
        steps.reads(&frame(role, 0x88, b"\x03\xe8"));
        // Nothing is written or read meanwhile, and the connection is open.
        for _ in 0..3 {
            assert!(steps.receiving.is_open());
            steps.waits(Some(Duration::ZERO));
        }
        steps
            .asks_the_time(seconds(1000))
            .finds(&closed(1000, ""))
            .writes(&[CLOSE]);
    }
}

#[test]
fn each_byte_that_is_discarded_starts_the_silence_anew_until_the_deadline() {
    let mut server = failing(Role::Server, &five_seconds());
    written(&mut server, VIOLATION);
    server
        .shuts_down()
        .discards_nothing()
        .asks_the_time(seconds(1000))
        .waits(Some(seconds(1001)));
    for (now, silence) in [(1001, 1002), (1002, 1003), (1003, 1004), (1004, 1005)] {
        server
            .discards(1)
            .discards_nothing()
            .asks_the_time(seconds(now))
            .waits(Some(seconds(silence)));
    }
    server
        .discards(1)
        .discards_nothing()
        .asks_the_time(seconds(1005) - Duration::from_millis(1))
        .waits(Some(seconds(1005)))
        .discards(1)
        .discards_nothing()
        .asks_the_time(seconds(1005))
        .has_failed(VIOLATED);
}

#[test]
fn a_server_without_a_deadline_drains_for_a_second_of_silence() {
    let mut server = closing(Role::Server, &off());
    written(&mut server, CLOSE);
    server
        .shuts_down()
        .discards_nothing()
        .waits(Some(seconds(1001)))
        .discards_nothing()
        .waits_until(seconds(1001))
        .is_over();
}

#[test]
fn a_client_without_a_deadline_waits_for_the_server_for_ever() {
    let mut client = closing(Role::Client, &off());
    written(&mut client, CLOSE);
    client.discards_nothing().waits(None);
    // It is measured once, and then no time is asked for.
    client.discards_nothing().waits(None);
    client.discards_the_end().shuts_down().is_over();
}

#[test]
fn a_client_ends_the_transport_itself_where_the_server_does_not_in_time() {
    let mut client = closing(Role::Client, &five_seconds());
    written(&mut client, CLOSE);
    client
        .discards_nothing()
        .waits(Some(seconds(1005)))
        .discards_nothing()
        .waits_until(seconds(1005))
        .shuts_down()
        .is_over();
}

#[test]
fn a_peer_that_floods_and_does_not_read_is_drained_until_the_deadline() {
    for role in ROLES {
        let mut steps = failing(role, &five_seconds());
        // What led to the failure was read in the turn before.
        steps.write_blocks().turn();
        for now in [1000, 1001, 1004] {
            steps
                .write_blocks()
                .discards(500 << 10)
                .discards(12 << 10)
                .asks_the_time(seconds(now))
                .yields()
                .turn();
        }
        steps
            .write_blocks()
            .discards(512 << 10)
            .asks_the_time(seconds(1005))
            .shuts_down();
        // What is there would reset the connection; but the peer may not go on.
        for _ in 0..64 {
            steps.discards(4096);
        }
        steps.has_failed(VIOLATED);
        assert!(!steps.sending.has_output());
    }
}

#[test]
fn a_flood_after_everything_is_written_yields_and_ends_at_the_deadline() {
    let mut server = closing(Role::Server, &five_seconds());
    written(&mut server, CLOSE);
    server
        .shuts_down()
        .discards(512 << 10)
        .yields()
        .turn()
        .discards(512 << 10)
        .asks_the_time(seconds(1004))
        .yields()
        .turn()
        .discards(512 << 10)
        .asks_the_time(seconds(1005))
        .is_over();
}

#[test]
fn after_the_peers_end_what_is_queued_still_goes_out_whole() {
    for role in ROLES {
        let mut steps = closing(role, &five_seconds());
        steps
            .write_blocks()
            .discards_the_end()
            .waits(Some(seconds(1005)))
            .writes_some(1)
            .write_blocks()
            .waits(Some(seconds(1005)))
            .writes_some(1)
            .writes_the_rest()
            .flush_blocks()
            .waits(Some(seconds(1005)));
        steps.flushes().shuts_down().is_over();
    }
}

/// Cause: such a turn was over as soon as the connection began to end, whatever was still queued.
#[test]
fn a_caller_that_is_handed_nothing_is_done_once_what_is_queued_has_left_or_never_will() {
    for role in ROLES {
        let mut steps = failing(role, &five_seconds());
        steps.turn = Turn::withholding();
        written(&mut steps, VIOLATION);
        steps.is_over();
        assert!(!steps.receiving.is_over() && steps.receiving.failure().is_some());
        // How it ends is for the next one.
        steps
            .turn()
            .shuts_down()
            .discards_the_end()
            .has_failed(VIOLATED);
        steps.turn = Turn::withholding();
        steps.is_over();

        let mut steps = failing(role, &five_seconds());
        steps.turn = Turn::withholding();
        steps
            .write_blocks()
            .discards_the_end()
            .asks_the_time(seconds(1000))
            .waits_until(seconds(1005))
            .shuts_down()
            .is_over();
        assert!(steps.sending.has_output() && steps.sending.loss().is_none());
        steps
            .turn()
            .write_blocks()
            .shuts_down()
            .has_failed(VIOLATED);
        assert!(!steps.sending.has_output() && steps.sending.loss().is_some());
    }
}

#[test]
fn after_the_peers_end_a_write_that_never_goes_on_is_given_up_at_the_deadline() {
    for role in ROLES {
        let mut steps = closing(role, &five_seconds());
        steps
            .write_blocks()
            .discards_the_end()
            .waits(Some(seconds(1005)))
            .write_blocks()
            .waits_until(seconds(1005))
            .shuts_down()
            .has_failed("Unsent(Expired(Close))");
        assert!(!steps.sending.has_output());
        // Whoever waits for what was queued is told why it was not sent.
        steps.sends(Goal::Flushed).has_failed("Expired(Close)");
    }
}

#[test]
fn after_the_peers_end_a_write_that_fails_is_the_end() {
    for role in ROLES {
        let mut steps = closing(role, &five_seconds());
        steps
            .write_blocks()
            .discards_the_end()
            .waits(Some(seconds(1005)))
            .write_fails(BrokenPipe)
            .shuts_down()
            .has_failed("Unsent(Io(Kind(BrokenPipe)))");
        let broken = "Io(Kind(BrokenPipe))";
        steps.sends(Goal::Flushed).has_failed(broken);
    }
}

/// A peer may reset once it has what it wanted.
#[test]
fn a_read_that_fails_while_draining_is_as_good_an_end_as_any() {
    let mut server = closing(Role::Server, &five_seconds());
    written(&mut server, CLOSE);
    server.shuts_down().discard_fails(ConnectionReset).is_over();
    let mut client = closing(Role::Client, &five_seconds());
    written(&mut client, CLOSE);
    client.discard_fails(ConnectionReset).shuts_down().is_over();
    for role in ROLES {
        let mut steps = failing(role, &five_seconds());
        written(&mut steps, VIOLATION);
        steps
            .shuts_down()
            .discard_fails(ConnectionReset)
            .has_failed(VIOLATED);
    }
}

#[test]
fn after_a_read_that_fails_nobody_waits_for_a_blocked_write() {
    for role in ROLES {
        let mut steps = closing(role, &five_seconds());
        steps
            .write_blocks()
            .discard_fails(ConnectionReset)
            .shuts_down()
            .has_failed("Unsent(Abnormal(AbnormalClosure))");
        assert!(!steps.sending.has_output());
    }
}

#[test]
fn while_shutting_down_blocks_the_peer_is_drained_until_the_deadline() {
    let mut server = closing(Role::Server, &five_seconds());
    written(&mut server, CLOSE);
    server
        .shutting_down_blocks()
        .discards(10)
        .discards_nothing()
        // A second of silence is none before the peer can know.
        .waits(Some(seconds(1005)))
        .shutting_down_blocks()
        .discards_nothing()
        .waits(Some(seconds(1005)))
        .shuts_down()
        .discards_nothing()
        .asks_the_time(seconds(1002))
        .waits(Some(seconds(1003)));

    let mut server = closing(Role::Server, &five_seconds());
    written(&mut server, CLOSE);
    server
        .shutting_down_blocks()
        .discards_nothing()
        .waits(Some(seconds(1005)))
        .shutting_down_blocks()
        .discards_nothing()
        .waits_until(seconds(1005))
        .is_over();
}

#[test]
fn nobody_waits_for_shutting_down_after_the_peers_end() {
    for role in ROLES {
        let mut steps = closing(role, &five_seconds());
        written(&mut steps, CLOSE);
        match role {
            Role::Server => steps.shutting_down_blocks().discards_the_end().is_over(),
            Role::Client => steps.discards_the_end().shutting_down_blocks().is_over(),
        };
    }
}
