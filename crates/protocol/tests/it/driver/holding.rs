//! Backpressure: a message that is held back while the write queue is full.

use socket_flow_protocol::{Closing, Config, NEVER};

use crate::support::{ROLES, Steps, closed, frame, off, ping, seconds, text};

#[test]
fn while_the_queue_is_full_a_message_is_held_back_and_nothing_is_read() {
    for role in ROLES {
        let config = off().high_water(10).stall_timeout(seconds(40));
        let mut steps = Steps::new(role, &config);
        steps.sending.queue("0123456789").unwrap();
        let bytes = [
            frame(role, 0x89, b"ping"),
            frame(role, 0x81, b"held"),
            frame(role, 0x81, b"after"),
        ];
        steps
            .holds(true)
            .write_blocks()
            .reads(&bytes.concat())
            // Control frames are handed out.
            .finds(&ping(b"ping"))
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1010)))
            .write_blocks()
            .waits(Some(seconds(1010)));
        assert!(steps.receiving.is_open() && !steps.receiving.is_idle(&steps.sending));
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps
            .writes_the_rest()
            .finds(&text("held"))
            .writes(&[(0x8a, b"ping")])
            .finds(&text("after"));
    }
}

#[test]
fn the_quick_way_finds_nothing_past_a_message_that_is_held_back() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.queue("0123456789").unwrap();
        let bytes = [
            frame(role, 0x81, b"held"),
            frame(role, 0x81, b"after it, and long"),
        ]
        .concat();
        steps.holds(true).write_blocks().reads(&bytes).waits(None);
        steps.writes_the_rest();
        assert!(!steps.sending.outgoing().is_full());
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps.finds(&text("held"));
        assert!(steps.receiving.quick(&steps.sending).is_some());
    }
}

#[test]
fn a_turn_that_does_not_hold_hands_out_whatever_the_queue_is() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.queue("0123456789").unwrap();
        let bytes = [frame(role, 0x81, b"one"), frame(role, 0x81, b"two")].concat();
        steps
            .write_blocks()
            .reads(&bytes)
            .finds(&text("one"))
            .finds(&text("two"));

        // What another turn held back as well.
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.queue("0123456789").unwrap();
        steps
            .holds(true)
            .write_blocks()
            .reads(&bytes)
            .waits(None)
            .write_blocks()
            .waits(None)
            .holds(false)
            .finds(&text("one"))
            .write_blocks()
            .finds(&text("two"));
    }
}

#[test]
fn a_message_is_held_back_only_as_long_as_a_write_may_take() {
    for role in ROLES {
        let config = off().high_water(10).stall_timeout(seconds(40));
        let mut steps = Steps::new(role, &config);
        steps.sending.queue("0123456789").unwrap();
        steps
            .holds(true)
            .write_blocks()
            .reads(&frame(role, 0x81, b"held"))
            .asks_the_time(seconds(1000));
        for at in [1010, 1020, 1030] {
            steps
                .waits(Some(seconds(at)))
                .write_blocks()
                .waits_until(seconds(at));
        }
        steps
            .waits(Some(seconds(1040)))
            .write_blocks()
            .waits_until(seconds(1040))
            .shuts_down()
            // Closed with this unread, the socket would be reset.
            .discards(100_000)
            .discards_nothing()
            .has_failed("Expired(Write)");
    }
}

#[test]
fn a_pong_without_room_holds_no_message_back() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().max_pongs(1));
        assert!(steps.receiving.quick(&steps.sending).is_none());
        let bytes = [
            frame(role, 0x89, b"1"),
            frame(role, 0x89, b"2"),
            frame(role, 0x81, b"text"),
        ];
        steps
            .holds(true)
            .reads(&bytes.concat())
            .finds(&ping(b"1"))
            .finds(&ping(b"2"))
            .write_blocks()
            .finds(&text("text"));
    }
}

/// Its pong may wait unread.
#[test]
fn while_a_message_is_held_back_the_peer_is_not_found_silent() {
    for role in ROLES {
        let config = Config::new().high_water(10).stall_timeout(NEVER);
        let mut steps = Steps::new(role, &config);
        steps
            .reads_nothing()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1020)));
        steps.sending.queue("0123456789").unwrap();
        steps
            .holds(true)
            .write_blocks()
            .reads(&frame(role, 0x81, b"held"))
            .waits(None);
        steps.turn.set_now(seconds(9000));
        steps.write_blocks().waits(None);
    }
}

#[test]
fn a_close_queued_while_a_message_is_held_back_has_its_deadline() {
    for role in ROLES {
        let config = off().high_water(10).close_timeout(seconds(5));
        let mut steps = Steps::new(role, &config);
        steps.sending.queue("0123456789").unwrap();
        steps
            .holds(true)
            .write_blocks()
            .reads(&frame(role, 0x81, b"held"))
            .waits(None);
        steps
            .closes()
            .write_blocks()
            .asks_the_time(seconds(1000))
            .waits(Some(seconds(1005)))
            .write_blocks();
        steps.turn.set_now(seconds(1004));
        steps
            .waits(Some(seconds(1005)))
            .write_blocks()
            .waits_until(seconds(1005))
            .shuts_down()
            .discards_the_end()
            .has_failed("Expired(Close)");
    }
}

#[test]
fn a_message_that_was_held_back_is_received_though_a_close_was_queued() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.queue("0123456789").unwrap();
        let bytes = [frame(role, 0x81, b"held"), frame(role, 0x88, b"\x03\xe8")].concat();
        steps.holds(true).write_blocks().reads(&bytes).waits(None);
        steps
            .closes()
            .writes(&[(0x81, b"0123456789"), (0x88, b"\x03\xe8")])
            .finds(&text("held"))
            .asks_the_time(seconds(1000))
            .finds(&closed(1000, ""));
        assert_eq!(steps.sending.closing(), Closing::Done);
    }
}
