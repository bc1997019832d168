//! Compression by turns: a few bytes that arrive may ask for a thousand times as many, and others
//! have their turn in between.

use std::io::ErrorKind;

use bytes::Buf;
use socket_flow_protocol::driver::{Goal, Next};
use socket_flow_protocol::{Event, Role};

use crate::support::deflate::{agreed, compressed};
use crate::support::{ROLES, Steps, binary, frame, noise, off, text};

/// What it finds next, and how many turns that took.
#[track_caller]
fn finds_by_turns(steps: &mut Steps) -> (Event, usize) {
    for turns in 1.. {
        match steps.next() {
            Next::Found(found) => return (steps.receiving.take(found), turns),
            Next::Yield => _ = steps.turn(),
            other => panic!("it says {other:?}"),
        }
    }
    unreachable!()
}

#[test]
fn a_large_message_is_inflated_by_turns() {
    for role in ROLES {
        for keeps_context in [true, false] {
            let mut steps = Steps::negotiated(role, &off(), agreed(keeps_context));
            let zeros = vec![0; 1 << 20];
            let mut bytes = frame(role, 0xc2, &compressed(&zeros));
            bytes.extend(frame(role, 0x81, b"next"));
            steps.reads(&bytes);
            // 80 KiB for each turn.
            assert_eq!(finds_by_turns(&mut steps), (binary(&zeros), 13));
            assert_eq!(finds_by_turns(&mut steps), (text("next"), 2));
            steps.reads_nothing();
        }
    }
}

/// A context goes on from turn to turn and from frame to frame, and text is validated across them.
#[test]
fn a_large_text_in_fragments_is_inflated_by_turns_wherever_they_are_cut() {
    let words = "höher, weiter und ".repeat(20_000);
    let payload = compressed(words.as_bytes());
    for role in ROLES {
        for cut in [0, 1, 2, payload.len() / 2, payload.len() - 1, payload.len()] {
            let mut steps = Steps::negotiated(role, &off(), agreed(true));
            let (front, back) = payload.split_at(cut);
            steps
                .reads(&frame(role, 0x41, front))
                .yields_until_it_reads()
                .reads(&frame(role, 0x80, back));
            assert_eq!(finds_by_turns(&mut steps).0, text(&words));
        }
    }
}

#[test]
fn what_is_wrong_with_a_message_is_found_in_a_later_turn() {
    for role in ROLES {
        // It goes over the limit.
        let config = off().max_message(500_000);
        let mut steps = Steps::negotiated(role, &config, agreed(true));
        steps.reads(&frame(role, 0xc2, &compressed(&vec![0; 1 << 20])));
        for _ in 0..6 {
            steps.yields().turn();
        }
        steps.writes(&[(0x88, b"\x03\xf1message too big")]);

        // Its last text is broken.
        let broken = [&[b'a'; 200_000][..], b"\xff"].concat();
        let mut steps = Steps::negotiated(role, &off(), agreed(true));
        steps.reads(&frame(role, 0xc1, &compressed(&broken)));
        for _ in 0..2 {
            steps.yields().turn();
        }
        steps.writes(&[(0x88, b"\x03\xefinvalid utf-8")]);
    }
}

/// Tables of codes cost more than the bytes that are made with them.
#[test]
fn blocks_that_make_nothing_use_a_turn_up() {
    // A block with fixed codes that ends at once (RFC 1951 §3.2.6), eight of them in ten bytes.
    let mut blocks = Vec::new();
    let mut bits = (0_u32, 0);
    for _ in 0..40_000 {
        bits = (bits.0 | 0b010 << bits.1, bits.1 + 10);
        while bits.1 >= 8 {
            blocks.push(bits.0 as u8);
            bits = (bits.0 >> 8, bits.1 - 8);
        }
    }
    let mut steps = Steps::negotiated(Role::Server, &off(), agreed(true));
    steps
        .reads(&frame(Role::Server, 0x42, &blocks))
        .yields()
        .turn()
        .yields_until_it_reads();
}

/// 66 KiB that are read may ask for 66 MiB of work, and a peer that is gone would be noticed by the
/// read after that.
#[test]
fn while_much_is_inflated_the_transport_is_asked_wherever_its_bytes_are_cut() {
    for role in ROLES {
        let bytes = frame(role, 0xc2, &compressed(&vec![0; 1 << 20]));
        for cut in 1..bytes.len() {
            let mut steps = Steps::negotiated(role, &off(), agreed(true));
            let (front, back) = bytes.split_at(cut);
            let (mut turns, mut asked) = (0, 0);
            steps.reads(front);
            while let Next::Yield = steps.next() {
                turns += 1;
                asked += usize::from(steps.receiving.doubts_transport());
                assert!(!steps.receiving.doubts_transport(), "once is enough");
                steps.turn();
            }
            steps.reads(back);
            while let Next::Yield = steps.next() {
                turns += 1;
                asked += usize::from(steps.receiving.doubts_transport());
                steps.turn();
            }
            // Every fourth turn.
            assert_eq!(asked, 3, "cut at {cut}");
            assert!((12..=13).contains(&turns), "{turns}");
        }
    }
}

#[test]
fn a_transport_that_failed_drops_the_rest_of_what_was_read() {
    for role in ROLES {
        let bomb = frame(role, 0xc2, &compressed(&vec![0; 1 << 20]));
        let mut steps = Steps::negotiated(role, &off(), agreed(true));
        steps.reads(&bomb.repeat(20)).yields();
        while !steps.receiving.doubts_transport() {
            steps.turn().yields();
        }
        steps.read_has_failed(ErrorKind::ConnectionReset);
        assert!(!steps.receiving.has_input());
        steps.shuts_down().has_failed("Io(Kind(ConnectionReset))");
    }
}

/// An empty write is a call of the system: a connection that inflates nothing pays none.
#[test]
fn without_compression_nothing_is_asked_of_the_transport() {
    for role in ROLES {
        let mut steps = Steps::new(role, &off());
        steps.reads(&frame(role, 0x81, b"Hello").repeat(2_000));
        let mut found = 0;
        while found < 1_900 {
            found += steps.finds_up_to(200, &text("Hello"));
            assert!(!steps.receiving.doubts_transport());
            steps.turn();
        }
    }
}

#[test]
fn what_is_compressed_is_work_of_the_turn_too() {
    for role in ROLES {
        let mut steps = Steps::negotiated(role, &off(), agreed(true));
        let requests = frame(role, 0x81, b"more").repeat(3);
        steps.reads(&requests).finds(&text("more"));
        steps.sending.queue(&noise(8_000)[..]).unwrap();
        assert!(steps.receiving.quick(&steps.sending).is_none());
        steps.yields().turn().finds(&text("more"));

        // A call that only sends gives way once everything is written.
        steps.sending.queue(&noise(8_000)[..]).unwrap();
        steps.sends(Goal::Flushed);
        while let Next::Write = steps.next() {
            let len = steps.sending.queued().chunk().len();
            match steps.sending.wants_flush() {
                true => assert!(steps.sending.flushed(Ok(()).into()).is_ready()),
                false => assert!(steps.sending.wrote(Ok(len).into()).is_ready()),
            }
        }
        steps.turn().is_over();
    }
}
