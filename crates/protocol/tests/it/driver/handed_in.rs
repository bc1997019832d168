//! What others hand in: when they are asked, what is taken over, and when they
//! are told that nothing is sent any more.

use socket_flow_protocol::driver::{Accepts, Goal, Handed, HandedIn, Next};
use socket_flow_protocol::{CloseCode, CloseFrame, Closing, ControlError, Parcel, Role};

use crate::support::{Others, ROLES, Steps, frame, off, ping, seconds};

const CLOSE: (u8, &[u8]) = (0x88, b"\x03\xe8");

#[test]
fn others_are_told_once_that_nothing_is_sent_any_more() {
    for role in ROLES {
        let mut others = Others::default().message("late");
        let mut steps = Steps::new(role, &off());
        steps.sending.expect_handed_in();
        steps
            .takes_over(&mut Others::default(), false)
            .reads_the_end()
            .takes_over(&mut others, false)
            .shuts_down()
            .has_failed("Abnormal(AbnormalClosure)");
        assert!(others.is_closed && others.waiting.is_empty());
    }
}

/// Cause: no Close is queued then, and without one others were asked for more
/// and not told.
#[test]
fn others_are_told_when_a_write_made_no_progress_for_too_long() {
    let config = off().high_water(5).stall_timeout(seconds(40));
    for role in ROLES {
        let mut others = Others::default().message("waits");
        let mut steps = Steps::new(role, &config);
        steps.sending.expect_handed_in();
        steps.sending.queue("blocked").unwrap();
        steps
            .takes_over(&mut others, true)
            .write_blocks()
            .reads_nothing()
            .asks_the_time(seconds(1000));
        for at in [1010, 1020, 1030].map(seconds) {
            steps
                .waits(Some(at))
                .takes_over(&mut others, true)
                .write_blocks()
                .reads_nothing()
                .waits_until(at);
        }
        steps
            .waits(Some(seconds(1040)))
            .takes_over(&mut others, true)
            .write_blocks()
            .reads_nothing()
            .waits_until(seconds(1040))
            .takes_over(&mut others, false)
            .shuts_down()
            .has_failed("Expired(Write)");
        assert!(others.is_closed && others.waiting.is_empty());

        // Where a message is held back as well.
        let mut others = Others::default().message("waits");
        let mut steps = Steps::new(role, &config);
        steps.sending.expect_handed_in();
        steps.sending.queue("blocked").unwrap();
        steps
            .holds(true)
            .takes_over(&mut others, true)
            .write_blocks()
            .reads(&frame(role, 0x81, b"held"))
            .takes_over(&mut others, true)
            .asks_the_time(seconds(1000));
        for at in [1010, 1020, 1030].map(seconds) {
            steps
                .waits(Some(at))
                .takes_over(&mut others, true)
                .write_blocks()
                .waits_until(at);
        }
        steps
            .waits(Some(seconds(1040)))
            .takes_over(&mut others, true)
            .write_blocks()
            .waits_until(seconds(1040))
            .takes_over(&mut others, false)
            .shuts_down()
            .discards_nothing()
            .has_failed("Expired(Write)");
        assert!(others.is_closed && others.waiting.is_empty());
    }
}

#[test]
fn a_close_that_others_handed_in_first_is_the_one_that_is_sent() {
    for role in ROLES {
        let frame = CloseFrame {
            code: CloseCode::GOING_AWAY,
            reason: "theirs".into(),
        };
        let mut others = Others::default().message("before").close(frame);
        let mut steps = Steps::new(role, &off());
        steps.sending.expect_handed_in();
        let close = steps
            .sending
            .start_close(CloseCode::NORMAL, "ours", &mut others);
        assert_eq!(close, Ok(()));
        assert!(others.is_refused && others.is_closed);
        steps
            .sends(Goal::Closed)
            .takes_over(&mut others, false)
            .writes(&[(0x81, b"before"), (0x88, b"\x03\xe9theirs")])
            .flushes()
            .is_over();
    }
}

#[test]
fn what_others_hand_in_is_asked_for_before_it_waits_and_again_after_a_read() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sending.expect_handed_in();
        let mut none = Others::default();
        steps
            .takes_over(&mut Others::default().message("one"), false)
            .writes(&[(0x81, b"one")])
            .flushes()
            .reads(&frame(role, 0x89, b"ping"))
            // In front of the answers, and in one write with them.
            .takes_over(&mut Others::default().message("two"), false)
            .finds(&ping(b"ping"))
            .writes(&[(0x81, b"two"), (0x8a, b"ping")])
            .flushes()
            .reads_nothing();
        steps.waits(None).takes_over(&mut none, false);
        steps.reads_nothing();
        steps.turn.handed_in();
        steps.takes_over(&mut none, false).waits(None);
    }
}

#[test]
fn what_others_hand_in_is_taken_over_until_the_queue_is_full_and_then_the_rest() {
    for role in ROLES {
        let mut others = Others::default()
            .message("0123456789")
            .message("abcdefghij")
            .message("9876543210");
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.expect_handed_in();
        steps
            .sends(Goal::Closed)
            .takes_over(&mut others, true)
            .writes(&[(0x81, b"0123456789")])
            .flushes()
            .takes_over(&mut others, true)
            .write_blocks()
            // Nobody is asked while the transport is blocked.
            .waits(None);
        assert_eq!(others.waiting.len(), 1);
        steps
            .takes_over(&mut others, true)
            .writes(&[(0x81, b"abcdefghij")])
            .flushes()
            .takes_over(&mut others, true)
            .writes(&[(0x81, b"9876543210")])
            .flushes()
            .takes_over(&mut others, false)
            .waits(None);
    }
}

/// A queue of others holds one message that is as long as it.
#[test]
fn a_flush_takes_over_as_much_as_others_can_hand_in_at_once() {
    for role in ROLES {
        let mut others = Others::default()
            .message("0123456789")
            .message("abcdefghij");
        let mut steps = Steps::new(role, &off().high_water(10));
        steps.sending.expect_handed_in();
        steps
            .sends(Goal::Flushed)
            .takes_over(&mut others, true)
            .write_blocks()
            .waits(None);
        steps
            .writes(&[(0x81, b"0123456789")])
            .flushes()
            .is_over()
            .turn()
            .takes_over(&mut others, true)
            .writes(&[(0x81, b"abcdefghij")])
            .flushes()
            .is_over()
            .turn()
            .takes_over(&mut others, false)
            .is_over();
    }
}

#[test]
fn nobody_is_asked_who_was_not_expected_to_hand_anything_in() {
    let mut steps = Steps::new(Role::Server, &off());
    steps.sends(Goal::Flushed).is_over();
    steps.sends(Goal::Closed).waits(None);
}

#[test]
fn the_queue_accepts_all_only_a_close_or_nothing() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        assert_eq!(steps.sending.accepts(), Accepts::All);
        steps.sending.outgoing_mut().queue_part("0").unwrap();
        assert_eq!(steps.sending.accepts(), Accepts::Close);
        steps
            .sending
            .outgoing_mut()
            .queue_last_part("123456789")
            .unwrap();
        assert_eq!(steps.sending.accepts(), Accepts::Nothing);
        steps.closes();
        assert_eq!(steps.sending.accepts(), Accepts::Nothing);
    }
}

#[test]
fn inside_a_message_only_a_close_is_taken_over() {
    for role in ROLES {
        let mut others = Others::default().message("waits").close(normal());
        let mut steps = Steps::new(role, &off());
        steps.sending.outgoing_mut().queue_part("begun").unwrap();
        steps.sending.expect_handed_in();
        steps
            .sends(Goal::Flushed)
            .takes_over(&mut others, false)
            .writes(&[(0x01, b"begun")])
            .flushes()
            .is_over();
        assert_eq!(others.waiting.len(), 2);

        // A Close may stand inside a message.
        let mut others = Others::default().close(normal());
        steps
            .turn()
            .takes_over(&mut others, false)
            .writes(&[CLOSE])
            .flushes()
            .is_over();
        assert!(others.is_refused && others.is_closed);
        assert_eq!(steps.sending.closing(), Closing::Sent);
    }
}

#[test]
fn a_message_that_was_begun_keeps_what_others_handed_in_from_going_before_a_close() {
    let mut others = Others::default().message("lost");
    let mut steps = Steps::new(Role::Server, &off());
    steps.sending.outgoing_mut().queue_part("begun").unwrap();
    let close = steps
        .sending
        .start_close(CloseCode::NORMAL, "", &mut others);
    assert_eq!(close, Ok(()));
    assert!(others.is_refused && others.is_closed);
    steps
        .sends(Goal::Closed)
        .writes(&[(0x01, b"begun"), CLOSE])
        .flushes()
        .is_over();
}

#[test]
fn a_close_that_is_taken_over_comes_after_all_before_it_and_closes_to_others() {
    for role in ROLES {
        let mut others = Others::default().message("before").close(normal());
        let mut steps = Steps::new(role, &off());
        steps.sending.expect_handed_in();
        steps
            .sends(Goal::Closed)
            .takes_over(&mut others, false)
            .writes(&[(0x81, b"before"), CLOSE])
            .flushes()
            .is_over();
        assert!(others.is_closed);
        // Whoever comes later finds it closed, and nobody waits.
        let mut late = Others::default().message("late").close(normal());
        steps.turn().takes_over(&mut late, false).is_over();
        assert!(late.is_closed && late.waiting.is_empty());
    }
}

#[test]
fn what_was_promised_goes_before_a_close_however_full_the_queue_is() {
    for role in ROLES {
        let mut others = Others::default().message("one").message("two");
        let mut steps = Steps::new(role, &off().high_water(1));
        steps.sending.queue("full").unwrap();
        let close = steps
            .sending
            .start_close(CloseCode::NORMAL, "", &mut others);
        assert_eq!(close, Ok(()));
        steps
            .sends(Goal::Closed)
            .writes(&[(0x81, b"full"), (0x81, b"one"), (0x81, b"two"), CLOSE])
            .flushes()
            .is_over();
    }
}

#[test]
fn a_reason_that_is_too_long_changes_nothing_for_anybody() {
    let mut others = Others::default().message("waits");
    let mut steps = Steps::new(Role::Server, &off());
    let reason = "r".repeat(124);
    let close = steps
        .sending
        .start_close(CloseCode::NORMAL, &reason, &mut others);
    assert_eq!(close, Err(ControlError::ReasonTooLong));
    assert!(!others.is_refused && !others.is_closed);
    assert_eq!(others.waiting.len(), 1);
    assert_eq!(steps.sending.closing(), Closing::Open);
}

#[test]
fn a_second_close_changes_nothing() {
    let mut steps = Steps::new(Role::Server, &off());
    steps.closes();
    let mut others = Others::default().message("late");
    let close = steps
        .sending
        .start_close(CloseCode::GOING_AWAY, "2", &mut others);
    assert_eq!(close, Ok(()));
    assert!(!others.is_refused && others.is_closed);
    steps
        .sends(Goal::Closed)
        .writes(&[CLOSE])
        .flushes()
        .is_over();
}

#[test]
fn nobody_hands_anything_in_or_somebody_may() {
    assert!(HandedIn::next(&mut (), false).is_none());
    let mut nobody = None::<Others>;
    assert!(nobody.next(false).is_none());
    nobody.refuse();
    nobody.close();
    let mut somebody = Some(Others::default().message("one").message("two"));
    assert!(somebody.next(true).is_none());
    assert!(somebody.next(false).is_some());
    somebody.refuse();
    assert!(
        somebody
            .as_ref()
            .is_some_and(|it| it.is_refused && !it.is_closed)
    );
    somebody.close();
    assert!(somebody.is_some_and(|it| it.is_closed));
}

fn normal() -> CloseFrame {
    CloseFrame {
        code: CloseCode::NORMAL,
        reason: "".into(),
    }
}

/// Others that hand in without pause.
struct Endless(usize);

impl HandedIn for Endless {
    fn next(&mut self, _: bool) -> Option<Handed> {
        self.0 += 1;
        Some(Handed::Message(Parcel::new(&[b'x'; 100][..])))
    }

    fn refuse(&mut self) {}

    fn close(&mut self) {}
}

/// One turn on a transport that takes everything: what it ends with.
fn turn_beside(others: &mut Endless, steps: &mut Steps) -> Next {
    steps.turn();
    for _ in 0..10_000 {
        match steps.next() {
            Next::TakeOver => {
                let is_more = steps.sending.take_over(others);
                steps.turn.taken_over(is_more);
            }
            Next::Write if steps.sending.wants_flush() => {
                let _ = steps.sending.flushed(Ok(()).into());
            }
            Next::Write => {
                let len = steps.sending.queued().len();
                let _ = steps.sending.wrote(Ok(len).into());
            }
            next => return next,
        }
    }
    panic!("a turn without end");
}

/// Cause: a transport that is always ready made room for the next message at once, and a turn
/// ended only where others paused.
#[test]
fn others_without_pause_use_a_turn_up_on_a_transport_that_is_always_ready() {
    for high_water in [50, 1_000, 1 << 20] {
        let config = off().high_water(high_water);
        for role in ROLES {
            let mut steps = Steps::new(role, &config);
            steps.sending.expect_handed_in();
            let mut others = Endless(0);
            for turn in 1..10 {
                match turn_beside(&mut others, &mut steps) {
                    Next::Yield => {}
                    // After as much as others hand in at once.
                    Next::Read => steps.turn.block_reads(),
                    other => panic!("it says {other:?}"),
                }
                assert!((1..=512 * turn).contains(&others.0), "{}", others.0);
            }
        }
    }
}

/// What came before is in the write queue by then.
#[test]
fn others_without_pause_keep_no_message_of_the_peer_waiting() {
    for high_water in [50, 1_000, 1 << 16] {
        let config = off().high_water(high_water);
        for role in ROLES {
            let mut steps = Steps::new(role, &config);
            steps.sending.expect_handed_in();
            let (mut others, mut turns) = (Endless(0), 0);
            let found = loop {
                turns += 1;
                assert!(turns < 10, "nothing is read");
                match turn_beside(&mut others, &mut steps) {
                    Next::Yield => {}
                    Next::Read => {
                        assert!(others.0 >= high_water / 164, "{}", others.0);
                        steps.reads(&frame(role, 0x81, b"Hello"));
                    }
                    Next::Found(found) => break found,
                    other => panic!("it says {other:?}"),
                }
            };
            assert!(found.is_message());
        }
    }
}

#[test]
fn a_flush_beside_others_without_pause_has_an_end() {
    for high_water in [50, 1_000, 1 << 16] {
        let config = off().high_water(high_water);
        let mut steps = Steps::new(Role::Server, &config);
        steps.sending.expect_handed_in();
        steps.sending.queue("ours").unwrap();
        let mut others = Endless(0);
        steps.sends(Goal::Flushed);
        let mut turns = 0;
        while let Next::Yield = turn_beside(&mut others, &mut steps) {
            turns += 1;
            assert!(turns < 10, "it has no end");
        }
        assert!(others.0 >= high_water / 164, "{}", others.0);
        assert!(!steps.sending.has_output());
    }
}
