//! What a connection does while it is open: in which order, and what it holds
//! back.

use std::io::ErrorKind;

use bytes::BufMut;
use socket_flow_protocol::driver::Next;
use socket_flow_protocol::{EventRef, Message, MessageRef};

use crate::support::{ROLES, Steps, binary, frame, header, noise, off, ping, seconds, text};

#[test]
fn what_has_arrived_is_parsed_then_what_is_queued_is_written_then_more_is_read() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        let bytes = [
            frame(role, 0x81, b"one"),
            frame(role, 0x89, b"two"),
            frame(role, 0x81, b"three"),
        ];
        steps.sending.queue("queued").unwrap();
        steps
            .writes(&[(0x81, b"queued")])
            .flushes()
            .reads(&bytes.concat())
            .finds(&text("one"));
        steps.sending.queue("1").unwrap();
        steps.finds(&ping(b"two")).finds(&text("three"));
        steps.sending.queue("3").unwrap();
        steps
            .writes(&[(0x81, b"1"), (0x8a, b"two"), (0x81, b"3")])
            .flushes()
            .reads_nothing()
            .waits(None);
    }
}

#[test]
fn where_a_write_blocks_reading_goes_on() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.sending.queue("queued").unwrap();
        steps
            .write_blocks()
            .reads(&frame(role, 0x81, b"one"))
            .finds(&text("one"))
            .reads_nothing()
            .waits(None)
            .writes_some(1)
            .write_blocks();
    }
}

#[test]
fn a_queue_that_is_pressed_is_written_before_more_is_parsed() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().high_water(10));
        let bytes = [frame(role, 0x81, b"one"), frame(role, 0x81, b"and another")].concat();
        steps.reads(&bytes).finds(&text("one"));
        assert!(steps.receiving.quick(&steps.sending).is_some());

        let mut steps = Steps::new(role, &off().high_water(10));
        steps.reads(&bytes).finds(&text("one"));
        steps.sending.queue("0123456789").unwrap();
        // The quick way leaves it alone.
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps
            .writes(&[(0x81, b"0123456789")])
            .finds(&text("and another"));
    }
}

/// RFC 6455 §5.5.3: the kept pong would give way to a newer one.
#[test]
fn a_pong_without_room_is_written_before_more_is_parsed() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().max_pongs(1));
        let bytes = [b"1", b"2", b"3"].map(|data| frame(role, 0x89, data));
        steps
            .reads(&bytes.concat())
            .finds(&ping(b"1"))
            .finds(&ping(b"2"))
            .writes(&[(0x8a, b"1")])
            .writes(&[(0x8a, b"2")])
            .finds(&ping(b"3"))
            .writes(&[(0x8a, b"3")]);
    }
}

/// Cause: the work of a turn was counted in bytes that were read, so that small
/// messages in one read were dealt with as long as there were any.
#[test]
fn a_turn_ends_after_128_messages_however_they_are_found() {
    for role in ROLES {
        let small = frame(role, 0x81, b"x").repeat(300);
        let mut steps = Steps::new(role, &off());
        steps.reads(&small);
        assert_eq!(steps.finds_up_to(300, &text("x")), 128);
        // What is queued leaves when the input runs dry, and not before.
        steps.sending.queue("answer").unwrap();
        steps.turn();
        for _ in 0..128 {
            assert!(steps.receiving.quick(&steps.sending).is_some());
        }
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps.yields().turn();
        for _ in 0..44 {
            steps.finds(&text("x"));
        }
        steps.writes(&[(0x81, b"answer")]);
    }
}

#[test]
fn a_turn_ends_after_1024_empty_fragments() {
    for role in ROLES {
        let mut fragments = frame(role, 0x02, b"");
        fragments.extend(frame(role, 0x00, b"").repeat(1_499));
        fragments.extend(frame(role, 0x80, b"end"));
        let mut steps = Steps::new(role, &off());
        steps
            .reads(&fragments)
            .yields()
            .turn()
            .finds(&binary(b"end"));
    }
}

/// A read is an eighth of what it takes to inflate as many bytes.
#[test]
fn a_turn_ends_after_512_kib_of_a_large_payload() {
    for role in ROLES {
        let large = frame(role, 0x82, &noise(700_000));
        let mut steps = Steps::new(role, &off());
        steps
            .reads_all(&large[..500_000])
            .reads(&large[500_000..530_000])
            .yields()
            .turn()
            .reads_all(&large[530_000..])
            .finds(&binary(&noise(700_000)));
    }
}

/// Cause: a read that finds the connection idle was not counted, so that a turn went on for as long
/// as each brought whole messages.
#[test]
fn a_turn_ends_after_512_kib_also_where_each_read_brings_whole_messages() {
    for role in ROLES {
        for (len, count) in [(66_000, 1), (16_000, 4)] {
            let message = binary(&noise(len));
            let bytes = frame(role, 0x82, &noise(len)).repeat(count);
            let mut steps = Steps::new(role, &off());
            let mut reads = 0;
            let left = loop {
                let mut room = steps.receiving.room();
                assert!(room.chunk_mut().len() >= bytes.len());
                room.put_slice(&bytes);
                reads += 1;
                let quick = steps.receiving.quick_after_read(bytes.len());
                let first = quick.map(|found| steps.receiving.take(found));
                assert!(first.iter().all(|first| *first == message));
                let found = first.iter().count();
                let found = found + steps.finds_up_to(count - found, &message);
                if found < count {
                    break count - found;
                }
            };
            assert!((6..=8).contains(&reads), "{reads} reads");
            steps.turn();
            assert_eq!(steps.finds_up_to(left, &message), left);
            steps.reads_nothing();
        }
    }
}

/// Cause: reads of less than 128 bytes were counted as nothing, so that a stream that is always
/// ready and brings little had a turn without end.
#[test]
fn a_turn_ends_after_1024_reads_however_little_they_bring() {
    for role in ROLES {
        let large = frame(role, 0x82, &noise(10_000));
        let mut steps = Steps::new(role, &off());
        let mut reads = 0;
        while let Next::Read = steps.next() {
            steps.reads(&large[reads..=reads]);
            reads += 1;
        }
        // The header and the message took some of it.
        assert!((900..1024).contains(&reads), "{reads}");
        steps.turn().reads(&large[reads..=reads]);
    }
}

#[test]
fn once_our_close_is_queued_its_deadline_is_judged_also_where_the_input_never_runs_dry() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off().close_timeout(seconds(5)));
        steps.closes().writes(&[(0x88, b"\x03\xe8")]).flushes();
        steps.reads(&frame(role, 0x81, b"x").repeat(300));
        for _ in 0..128 {
            steps.finds(&text("x"));
        }
        steps.asks_the_time(seconds(1000)).yields().turn();
        for _ in 0..128 {
            steps.finds(&text("x"));
        }
        steps
            .asks_the_time(seconds(1005))
            .shuts_down()
            .discards_nothing()
            .has_failed("Expired(Close)");
    }
}

#[test]
fn a_large_message_is_read_directly_and_its_end_with_what_follows() {
    for role in ROLES {
        let payload = noise(100_000);
        let large = frame(role, 0x82, &payload);
        let end = [&large[90_000..], &frame(role, 0x81, b"next")].concat();
        let mut steps = Steps::new(role, &off());
        steps
            .reads(&large[..60_000])
            .turn()
            .reads(&large[60_000..66_000])
            .reads(&large[66_000..90_000])
            .turn()
            .reads(&end[..5_000])
            .reads(&end[5_000..])
            .finds(&binary(&payload))
            .finds(&text("next"));
    }
}

#[test]
fn a_found_message_is_lent_or_taken_and_a_control_frame_is_no_message() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        let bytes = [frame(role, 0x81, b"one"), frame(role, 0x89, b"ping")].concat();
        let mut space = steps.receiving.space();
        assert!(space.chunk_mut().len() >= 66 << 10);
        space.put_slice(&bytes);
        let found = steps.receiving.quick(&steps.sending).unwrap();
        let one = MessageRef::from("one");
        assert_eq!(steps.receiving.lend_message(found), Some(one));
        assert_eq!(steps.receiving.lend(found), EventRef::Message(one));
        let taken = steps.receiving.take_message(found);
        assert_eq!(taken, Some(Message::from("one")));
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps
            .finds(&ping(b"ping"))
            .writes(&[(0x8a, b"ping")])
            .flushes();

        let mut space = steps.receiving.room();
        let bytes = frame(role, 0x82, b"quick");
        space.put_slice(&bytes);
        let found = steps.receiving.quick_after_read(bytes.len()).unwrap();
        assert_eq!(steps.receiving.take(found), binary(b"quick"));
        assert!(steps.receiving.quick_after_read(0).is_none());
        steps.reads(&frame(role, 0x8a, b"pong"));
        let Steps {
            receiving,
            sending,
            turn,
            ..
        } = &mut steps;
        let Next::Found(found) = receiving.next(sending, turn) else {
            panic!("a pong");
        };
        assert_eq!(receiving.lend(found), EventRef::Pong(b"pong"));
        assert_eq!(receiving.lend_message(found), None);
        assert_eq!(receiving.take_message(found), None);
        assert_eq!(receiving.incoming().role(), role);
    }
}

#[test]
fn it_is_idle_only_while_nothing_has_begun_or_ended() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        assert!(steps.receiving.is_idle(&steps.sending) && steps.receiving.is_open());
        assert!(!steps.receiving.is_over() && !steps.receiving.is_clean());
        steps.reads(&header(role, 0x81, 5));
        assert!(!steps.receiving.is_idle(&steps.sending));

        let mut steps = Steps::new(role, &off());
        steps
            .receiving
            .abort(ErrorKind::Other.into(), &mut steps.sending);
        assert!(!steps.receiving.is_idle(&steps.sending) && !steps.receiving.is_open());
        assert!(!steps.receiving.is_over());
    }
}

#[test]
fn what_was_not_parsed_is_handed_on_and_no_more_memory_than_that_is_kept() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        let bytes = [frame(role, 0x81, b"one"), b"\x81".to_vec()].concat();
        steps
            .reads(&bytes)
            .finds(&text("one"))
            .reads_nothing()
            .waits(None);
        let input = steps.receiving.into_input();
        assert_eq!(input.unread(), b"\x81");
        assert!(input.capacity() <= 64);

        let mut steps = Steps::new(role, &off());
        steps.reads(&frame(role, 0x82, &[7; 20_000]));
        steps.finds(&binary(&[7; 20_000]));
        steps.receiving.release_memory();
        assert_eq!(steps.receiving.into_input().capacity(), 0);

        let mut steps = Steps::new(role, &off());
        assert!(steps.receiving.room().remaining_mut() > 0);
        steps.receiving.rest(&steps.sending);
        assert_eq!(steps.receiving.into_input().capacity(), 0);
    }
}
