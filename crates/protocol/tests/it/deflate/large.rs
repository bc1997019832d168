//! Messages of more than 64 KiB are compressed by turns: what leaves before them, what after them,
//! and what becomes of them when the connection ends.

use bytes::Buf;
use flate2::Decompress;
use socket_flow_protocol::driver::{Accepts, Goal, Next, Turn};
use socket_flow_protocol::{
    CloseCode, CloseFrame, Config, Deflate, Event, Expired, Input, Message, Protocol, Role,
    SendError, Timeouts,
};

use crate::support::deflate::{agreed, compressed, inflated};
use crate::support::{
    Endpoint, Others, ROLES, Sent, Steps, binary, closed, frame, noise, off, ping, protocol,
    seconds, text,
};

/// Two pieces of 4 KiB are the work of a turn.
const TURN: usize = 8 << 10;

/// A megabyte of words: it compresses well, and not to nothing.
fn words() -> String {
    (0..1_u64 << 17)
        .map(|n| format!("{:07} ", n * n % 9_999_991))
        .collect()
}

fn steps(role: Role, keeps_context: bool) -> Steps {
    Steps::negotiated(role, &off(), agreed(keeps_context))
}

/// A compressed message in one frame, read by a peer that has read nothing before.
#[track_caller]
fn is_whole(frame: &Sent, first: u8, message: &[u8]) {
    assert_eq!(frame.0, first);
    let read = inflated(&mut Decompress::new(false), &frame.1, message.len());
    assert!(read == message, "another message");
}

fn firsts(frames: &[Sent]) -> Vec<u8> {
    frames.iter().map(|(first, _)| *first).collect()
}

#[test]
fn a_loop_that_only_receives_compresses_a_megabyte_in_128_turns() {
    let words = words();
    assert_eq!(words.len(), 128 * TURN);
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut steps = steps(role, keeps_context);
            steps.sending.queue(&words[..]).unwrap();
            assert_eq!(steps.compresses(), 128);
            let frames = steps.writes_out();
            assert_eq!(frames.len(), 1);
            is_whole(&frames[0], 0xc1, words.as_bytes());
            steps.reads_nothing().waits(None);
        }
    }
}

#[test]
fn a_call_that_only_sends_compresses_it_in_as_many_and_ends_once_it_is_flushed() {
    let words = words();
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(words.clone()).unwrap();
        steps.sends(Goal::Flushed);
        assert_eq!(steps.compresses(), 128);
        is_whole(&steps.writes_out()[0], 0xc1, words.as_bytes());
        steps.is_over();

        steps.sending.queue(&[7; 80_000][..]).unwrap();
        steps.closes().sends(Goal::Closed);
        assert_eq!(steps.compresses(), 10);
        assert_eq!(firsts(&steps.writes_out()), [0xc2, 0x88]);
        steps.is_over();
    }
}

#[test]
fn up_to_64_kib_are_compressed_at_once() {
    for role in ROLES {
        let mut steps = steps(role, true);
        let message = noise((64 << 10) + 1);
        steps.sending.queue(&message[..64 << 10]).unwrap();
        steps.sends(Goal::Flushed);
        is_whole(&steps.writes_out()[0], 0xc2, &message[..64 << 10]);
        steps.yields().receives();

        steps.sending.queue(&message[..]).unwrap();
        assert!(!steps.sending.has_output());
        assert_eq!(steps.compresses(), 9);
    }
}

/// The compressor's context goes on from turn to turn and from message to message.
#[test]
fn messages_of_any_length_share_a_context_or_each_has_its_own() {
    let large = noise(30_000).repeat(4);
    for role in ROLES {
        for keeps_context in [true, false] {
            let config = off().deflate(Deflate::balanced().level(6));
            let mut steps = Steps::negotiated(role, &config, agreed(keeps_context));
            let mut reader = Decompress::new(false);
            for message in [&large[..20_000], &large, &large[..20_000]] {
                steps.sending.queue(message).unwrap();
                steps.sends(Goal::Flushed).compresses();
                let payload = &steps.writes_out()[0].1;
                if !keeps_context {
                    reader.reset(false);
                }
                assert!(inflated(&mut reader, payload, message.len()) == message);
                // All but the first 30,000 bytes are found again.
                let new = match (keeps_context, reader.total_out()) {
                    (_, 20_000) => 20_000,
                    (true, 140_000) => 10_000,
                    (true, _) => 0,
                    (false, _) => 30_000,
                };
                let (least, most) = (new, new + 2_000);
                assert!((least..most).contains(&payload.len()), "{}", payload.len());
            }
        }
    }
}

#[test]
fn meanwhile_the_queue_is_full_and_counts_the_message_as_long_as_it_is() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![0; 1 << 20]).unwrap();
        let outgoing = steps.sending.outgoing();
        assert!(outgoing.is_full() && outgoing.is_pressed() && outgoing.has_output());
        assert_eq!(outgoing.buffered(), 1 << 20);
        assert_eq!(steps.sending.accepts(), Accepts::Nothing);
        assert!(!steps.sending.has_output() && !steps.sending.wants_flush());
        assert_eq!(steps.sending.queue("next"), Err(SendError::Full("next")));

        // Room is waited for by turns, and nothing has to be written.
        steps.sends(Goal::Room);
        for _ in 0..127 {
            steps.yields().turn();
            assert_eq!(steps.sending.outgoing().buffered(), 1 << 20);
        }
        steps.yields().turn().is_over();
        let len = steps.sending.queued().len();
        assert_eq!(steps.sending.outgoing().buffered(), len);
        assert!(len < 20_000 && !steps.sending.outgoing().is_full());
        steps.sending.queue("next").unwrap();
        steps.receives();
        let frames = steps.writes_out();
        is_whole(&frames[0], 0xc2, &[0; 1 << 20]);
        assert_eq!(frames[1], (0x81, b"next".to_vec()));
    }
}

#[test]
fn what_fills_the_queue_once_it_is_compressed_has_to_be_written_for_room() {
    let mut steps = steps(Role::Server, true);
    steps.sending.queue(noise(200_000)).unwrap();
    steps.sends(Goal::Room);
    assert_eq!(steps.compresses(), 25);
    assert!(steps.sending.outgoing().is_full());
    steps.writes_some(150_000).is_over();
}

/// RFC 6455 §5.4: it has not begun.
#[test]
fn pings_and_pongs_leave_before_it() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.reads_nothing().yields().turn();
        steps
            .reads(&frame(role, 0x89, b"are you there?"))
            .finds(&ping(b"are you there?"))
            .writes(&[(0x8a, b"are you there?")])
            .flushes();
        steps.sending.outgoing_mut().ping(b"and you?").unwrap();
        steps.writes(&[(0x89, b"and you?")]).flushes();
        steps.compresses();
        is_whole(&steps.writes_out()[0], 0xc2, &[7; 100_000]);
    }
}

#[test]
fn a_message_is_held_back_until_its_reply_has_room() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.holds(true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        assert!(steps.receiving.quick(&steps.sending).is_none());
        assert!(!steps.receiving.is_idle(&steps.sending));
        steps.reads(&frame(role, 0x81, b"request"));
        assert!(steps.receiving.quick(&steps.sending).is_none());
        assert_eq!(steps.compresses(), 13);
        steps.finds(&text("request"));
        steps.sending.queue("reply").unwrap();
        assert_eq!(firsts(&steps.writes_out()), [0xc2, 0x81]);
    }
}

#[test]
fn a_caller_that_does_not_answer_receives_meanwhile() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps
            .reads(&frame(role, 0x81, b"one"))
            .finds(&text("one"))
            .reads_nothing()
            .yields()
            .turn()
            .reads(&frame(role, 0x81, b"two"))
            .finds(&text("two"));
    }
}

/// A peer that sends without end keeps nobody from what was queued.
#[test]
fn it_goes_on_while_there_is_always_more_to_read() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 200_000]).unwrap();
        let mut turns = 0;
        let nothing = frame(role, 0x8a, b"");
        loop {
            match steps.next() {
                Next::Read => _ = steps.reads(&nothing.repeat(1000)),
                Next::Found(found) => assert!(!found.is_message()),
                Next::Yield => {
                    turns += 1;
                    steps.turn();
                }
                Next::Write => break,
                other => panic!("it says {other:?}"),
            }
        }
        assert_eq!(turns, 25);
    }
}

#[test]
fn a_close_of_ours_comes_after_it() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.closes();
        let close = 2 + 2 + if role == Role::Client { 4 } else { 0 };
        assert_eq!(steps.sending.outgoing().buffered(), 100_000 + close);
        assert_eq!(steps.sending.queue("late"), Err(SendError::Closed("late")));
        // Not even a pong comes after a Close.
        steps
            .reads(&frame(role, 0x89, b"late"))
            .finds(&ping(b"late"));
        assert_eq!(steps.compresses(), 13);
        let frames = steps.writes_out();
        is_whole(&frames[0], 0xc2, &[7; 100_000]);
        assert_eq!(frames[1..], [(0x88, vec![0x03, 0xe8])]);
    }
}

#[test]
fn it_leaves_before_the_answer_to_the_peer_s_close() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps
            .reads(&frame(role, 0x88, &[0x03, 0xe9]))
            .asks_the_time(seconds(1))
            .finds(&closed(1001, ""));
        assert_eq!(compresses_while_it_ends(&mut steps), 13);
        let frames = steps.writes_out();
        is_whole(&frames[0], 0xc2, &[7; 100_000]);
        assert_eq!(frames[1..], [(0x88, vec![0x03, 0xe9])]);
    }
}

/// What was taken leaves, also where the peer breaks the protocol.
#[test]
fn it_leaves_before_the_close_of_a_failure() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.reads(&frame(role, 0x83, b""));
        assert_eq!(compresses_while_it_ends(&mut steps), 13);
        let frames = steps.writes_out();
        is_whole(&frames[0], 0xc2, &[7; 100_000]);
        assert_eq!(frames[1].0, 0x88);
        assert_eq!(frames[1].1[..2], [0x03, 0xea]);
        steps.shuts_down();
    }
}

/// While the connection ends others have their turn too, and what still arrives is thrown away: how
/// many turns it takes until there is something to write.
#[track_caller]
fn compresses_while_it_ends(steps: &mut Steps) -> usize {
    let mut turns = 0;
    loop {
        match steps.next() {
            Next::Discard => _ = steps.discards(10).discards_nothing(),
            Next::Wait(Some(at)) if at.is_zero() => steps.turn.set_now(seconds(1)),
            Next::Yield => {
                turns += 1;
                steps.turn();
            }
            Next::Write => return turns,
            other => panic!("it says {other:?}"),
        }
    }
}

#[test]
fn a_connection_that_has_to_end_in_the_middle_sends_none_of_it() {
    let mut timeouts = Timeouts::default();
    timeouts.ping_interval = Timeouts::default().close * 100;
    let config = Config::new().with_timeouts(timeouts);
    for role in ROLES {
        let mut steps = Steps::negotiated(role, &config, agreed(true));
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps
            .reads(&frame(role, 0x88, &[0x03, 0xe8]))
            .asks_the_time(seconds(1))
            .finds(&closed(1000, ""))
            .discards_nothing()
            .yields()
            .turn()
            .discards_nothing()
            .asks_the_time(seconds(6))
            .shuts_down()
            .has_failed("Unsent(Expired(Close))");
        assert_eq!(steps.sending.written(), 0);
        assert_eq!(steps.sending.outgoing().buffered(), 0);
    }
}

#[test]
fn what_was_promised_comes_after_it_in_order_and_before_the_close() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut steps = steps(role, keeps_context);
            steps.sending.queue(vec![1; 100_000]).unwrap();
            let large = "2".repeat(70_000);
            let mut others = Others::default()
                .message("small")
                .message(&large)
                .message(&"3".repeat(3_000))
                .close(CloseFrame {
                    code: CloseCode::NORMAL,
                    reason: "bye".into(),
                });
            let closes = steps
                .sending
                .start_close(CloseCode::GOING_AWAY, "", &mut others);
            assert_eq!(closes, Ok(()));
            assert!(others.is_closed && others.waiting.is_empty());
            let close = 2 + 5 + if role == Role::Client { 4 } else { 0 };
            let waits = 100_000 + 5 + 70_000 + 3_000 + close;
            assert_eq!(steps.sending.outgoing().buffered(), waits);

            steps.sends(Goal::Flushed);
            let mut frames = Vec::new();
            let mut turns = 0;
            loop {
                turns += steps.compresses();
                match steps.next() {
                    Next::Write => frames.extend(steps.writes_out()),
                    Next::Over(Ok(())) => break,
                    other => panic!("it says {other:?}"),
                }
            }
            assert!((22..25).contains(&turns), "{turns} turns");
            assert_eq!(firsts(&frames), [0xc2, 0x81, 0xc1, 0xc1, 0x88]);
            let mut reader = Decompress::new(false);
            for (at, message) in [
                (0, vec![1; 100_000]),
                (2, large.into()),
                (3, vec![b'3'; 3_000]),
            ] {
                if !keeps_context {
                    reader.reset(false);
                }
                assert!(inflated(&mut reader, &frames[at].1, message.len()) == message);
            }
            assert_eq!(frames[1].1, b"small");
            assert_eq!(frames[4].1, b"\x03\xe8bye");
        }
    }
}

#[test]
fn what_others_hand_in_waits_until_there_is_room() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.expect_handed_in();
        let large = "1".repeat(100_000);
        let mut others = Others::default().message(&large).message("after it");
        steps.takes_over(&mut others, true);
        assert_eq!(others.waiting.len(), 1);
        steps.reads_nothing().yields().turn();
        for _ in 1..13 {
            steps
                .takes_over(&mut others, true)
                .reads_nothing()
                .yields()
                .turn();
        }
        steps.takes_over(&mut others, false);
        assert_eq!(firsts(&steps.writes_out()), [0xc1, 0x81]);
    }
}

#[test]
fn it_is_cut_into_fragments_where_they_have_a_limit() {
    let message = noise(150_000);
    for role in ROLES {
        for fragment in [
            0,
            1_000,
            16 << 10,
            40_000,
            64 << 10,
            65_537,
            155_000,
            200_000,
        ] {
            let config = off().fragment(fragment);
            let mut steps = Steps::negotiated(role, &config, agreed(true));
            steps.sending.queue(&message[..]).unwrap();
            steps.compresses();
            let frames = steps.writes_out();
            let payload: Vec<_> = frames
                .iter()
                .flat_map(|(_, payload)| payload)
                .copied()
                .collect();
            is_whole(&(0xc2, payload), 0xc2, &message);
            let last = frames.len() - 1;
            for (at, (first, payload)) in frames.iter().enumerate() {
                let fin = if at == last { 0x80 } else { 0 };
                assert_eq!(*first, fin | if at == 0 { 0x42 } else { 0 });
                match at == last {
                    true => assert!(payload.len() <= fragment.max(1)),
                    false => assert_eq!(payload.len(), fragment.max(1)),
                }
            }
            assert_eq!(last == 0, fragment == 200_000, "{fragment}");
        }
    }
}

#[test]
fn a_large_part_is_compressed_by_turns_too() {
    let parts = [noise(100_000), vec![7; 70_000], noise(65_537)];
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut steps = steps(role, keeps_context);
            let mut reader = Decompress::new(false);
            for (at, part) in parts.iter().enumerate() {
                let outgoing = steps.sending.outgoing_mut();
                match at {
                    2 => outgoing.queue_last_part(&part[..]).unwrap(),
                    _ => outgoing.queue_part(&part[..]).unwrap(),
                }
                let next = outgoing.queue_part(&b"next"[..]);
                assert!(matches!(next, Err(SendError::Full(b"next"))));
                assert_eq!(outgoing.is_unfinished(), at < 2);
                assert_eq!(steps.compresses(), part.len().div_ceil(TURN));
                let frames = steps.writes_out();
                assert_eq!(firsts(&frames), [[0x42], [0x00], [0x80]][at]);
                let payload = match at {
                    2 => &frames[0].1[..],
                    _ => frames[0].1.strip_suffix(&[0x00, 0x00, 0xff, 0xff]).unwrap(),
                };
                assert!(inflated(&mut reader, payload, part.len()) == *part);
            }
            steps.sending.queue("after it").unwrap();
        }
    }
}

/// RFC 6455 §5.4.
#[test]
fn a_close_that_is_handed_in_inside_a_message_comes_after_its_part() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.expect_handed_in();
        steps
            .sending
            .outgoing_mut()
            .queue_part(vec![7; 100_000])
            .unwrap();
        assert_eq!(steps.sending.accepts(), Accepts::Close);
        let mut others = Others::default().close(CloseFrame {
            code: CloseCode::NORMAL,
            reason: "".into(),
        });
        for _ in 0..13 {
            steps
                .takes_over(&mut others, false)
                .reads_nothing()
                .yields()
                .turn();
        }
        assert!(others.is_closed);
        steps.takes_over(&mut others, false);
        assert_eq!(firsts(&steps.writes_out()), [0x42, 0x88]);
    }
}

#[test]
fn a_connection_that_is_dropped_in_the_middle_sends_none_of_it_and_nothing_after_it() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.reads_nothing().yields().turn();
        steps.sending.outgoing_mut().ping(b"before it").unwrap();
        steps.sending.leave(CloseCode::GOING_AWAY, &mut ());
        steps
            .sends(Goal::Gone)
            .writes(&[(0x89, b"before it")])
            .flushes()
            .shuts_down()
            .is_over();
    }
}

#[test]
fn a_transport_that_fails_in_the_middle_takes_it_along() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.reads_nothing().yields().turn();
        steps.sending.outgoing_mut().ping(b"before it").unwrap();
        steps
            .sends(Goal::Flushed)
            .write_fails(std::io::ErrorKind::BrokenPipe);
        let outgoing = steps.sending.outgoing();
        assert_eq!(outgoing.buffered(), 0);
        assert!(!outgoing.has_output() && !outgoing.is_full());
        steps.has_failed("Io(Kind(BrokenPipe))");
    }
}

#[test]
fn the_end_of_the_transport_in_the_middle_drops_it() {
    for role in ROLES {
        let mut steps = steps(role, true);
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps.reads_nothing().yields().turn().reads_the_end();
        assert_eq!(steps.sending.outgoing().buffered(), 0);
        steps.shuts_down().has_failed("Abnormal(AbnormalClosure)");
        // Whoever waits for it is told so.
        steps
            .sends(Goal::Flushed)
            .has_failed("Abnormal(AbnormalClosure)");
    }
}

#[test]
fn a_caller_that_deals_with_no_message_is_done_once_it_is_written() {
    for role in ROLES {
        for holds_a_message in [true, false] {
            let mut steps = steps(role, true);
            steps.sending.queue(vec![7; 100_000]).unwrap();
            steps.closes();
            if holds_a_message {
                steps.reads(&frame(role, 0x81, b"for later"));
            }
            let mut turns = 0;
            loop {
                steps.turn = Turn::withholding();
                match steps.next() {
                    Next::Read => {
                        steps.turn.block_reads();
                        assert!(matches!(steps.next(), Next::Yield));
                        turns += 1;
                    }
                    Next::Yield => turns += 1,
                    Next::Write => break,
                    other => panic!("it says {other:?}"),
                }
            }
            assert_eq!(turns, 13);
            assert_eq!(firsts(&steps.writes_out()), [0xc2, 0x88]);
            steps.turn.block_reads();
            steps.is_over();
        }
    }
}

/// However long compressing takes, no write waits for the peer meanwhile.
#[test]
fn the_deadline_of_a_blocked_write_does_not_run_while_nothing_is_queued() {
    let mut timeouts = off().timeouts().clone();
    timeouts.stall = seconds(30);
    let config = off().with_timeouts(timeouts);
    for role in ROLES {
        let mut steps = Steps::negotiated(role, &config, agreed(true));
        steps.sending.queue(noise(100_000)).unwrap();
        steps.sends(Goal::Flushed);
        for turn in 0..13 {
            assert_eq!(steps.sending.outgoing().poll_timeout(), None);
            steps.turn.set_now(seconds(100 * turn));
            steps.yields().turn();
        }
        // Now it does.
        let from = 10_000_000;
        steps.write_blocks().asks_the_time(seconds(from));
        for at in [7_500, 15_000, 22_500] {
            let at = seconds(from) + std::time::Duration::from_millis(at);
            steps.waits_until(at);
        }
        steps.waits_until(seconds(from + 30));
        steps.has_failed(&format!("Expired({:?})", Expired::Write));
    }
}

#[test]
fn a_write_that_is_blocked_in_front_of_it_has_its_deadline() {
    let mut timeouts = off().timeouts().clone();
    timeouts.stall = seconds(30);
    let config = off().with_timeouts(timeouts);
    let mut steps = Steps::negotiated(Role::Server, &config, agreed(true));
    steps.sending.queue("in front of it").unwrap();
    steps.sending.queue(vec![7; 80_000]).unwrap();
    steps.sends(Goal::Flushed);
    // It is compressed while the write is blocked.
    for _ in 0..10 {
        steps.write_blocks().yields().turn();
    }
    steps.write_blocks().asks_the_time(seconds(1));
    for _ in 0..4 {
        let Next::Wait(Some(at)) = steps.next() else {
            panic!("it does not wait");
        };
        steps.turn.set_now(at);
    }
    steps.has_failed(&format!("Expired({:?})", Expired::Write));
    assert_eq!(steps.sending.outgoing().buffered(), 0);
}

#[test]
fn keepalive_goes_on_meanwhile() {
    let mut timeouts = off().timeouts().clone();
    timeouts.ping_interval = seconds(20);
    let config = off().with_timeouts(timeouts);
    for role in ROLES {
        let mut steps = Steps::negotiated(role, &config, agreed(true));
        steps
            .reads_nothing()
            .asks_the_time(seconds(1))
            .waits(Some(seconds(21)));
        steps.sending.queue(vec![7; 100_000]).unwrap();
        steps
            .reads_nothing()
            .asks_the_time(seconds(21))
            .writes(&[(0x89, b"")])
            .flushes()
            .yields();
    }
}

#[test]
fn without_the_driver_it_is_compressed_when_the_output_is_asked_for() {
    for role in ROLES {
        let mut from = protocol(role, &Config::new(), agreed(true));
        let words = words();
        from.queue(&words[..]).unwrap();
        assert!(from.has_output());
        from.close(CloseCode::NORMAL, "").unwrap();
        let mut to = protocol(role.peer(), &Config::new(), agreed(true));
        let mut input = Input::new();
        while from.has_output() {
            let chunk = from.output().chunk().to_vec();
            from.output().advance(chunk.len());
            input.extend_from_slice(&chunk);
        }
        let receive = |to: &mut Protocol, input: &mut Input| to.receive(input).unwrap().unwrap();
        assert!(receive(&mut to, &mut input) == text(&words));
        assert_eq!(receive(&mut to, &mut input), closed(1000, ""));
    }
}

/// What arrives by turns leaves by turns.
#[test]
fn an_echo_of_large_messages_loses_nothing() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let config = Config::new();
            let mut echo = Endpoint::negotiated(role, &config, agreed(keeps_context));
            echo.echo = true;
            let mut to = Endpoint::negotiated(role.peer(), &config, agreed(keeps_context));
            let messages = [noise(300_000), vec![3; 1 << 20], noise(70_000), vec![4; 10]];
            let wire: Vec<_> = messages
                .iter()
                .flat_map(|message| frame(role, 0xc2, &compressed(message)))
                .collect();
            echo.feed(&wire);
            to.feed(&std::mem::take(&mut echo.output));
            let expected: Vec<_> = messages.iter().map(|message| binary(message)).collect();
            assert!(echo.events == expected && to.events == expected);
            assert!(
                matches!(&to.events[3], Event::Message(last) if *last == Message::from(&[4; 10][..]))
            );
        }
    }
}
