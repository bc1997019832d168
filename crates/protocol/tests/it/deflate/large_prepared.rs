//! A prepared message of more than 64 KiB is compressed by turns, once for all connections.

use std::thread;

use flate2::Decompress;
use socket_flow_protocol::driver::{Goal, Next};
use socket_flow_protocol::{Deflate, Prepared, Role, SendError};

use crate::support::deflate::{agreed, inflated};
use crate::support::{Steps, noise, off};

const LEN: usize = 100_000;
const TURNS: usize = 13;

fn steps(role: Role, keeps_context: bool) -> Steps {
    Steps::negotiated(role, &off(), agreed(keeps_context))
}

/// The connection has a turn; whether there is something to write at its end.
#[track_caller]
fn has_a_turn(steps: &mut Steps) -> bool {
    match steps.next() {
        Next::Yield => _ = steps.turn(),
        other => panic!("it says {other:?}"),
    }
    steps.sending.has_output()
}

/// What was compressed is written; it is the message.
#[track_caller]
fn writes(steps: &mut Steps, message: &[u8]) -> Vec<u8> {
    let mut frames = steps.writes_out();
    assert_eq!((frames.len(), frames[0].0), (1, 0xc2));
    let payload = frames.remove(0).1;
    let read = inflated(&mut Decompress::new(false), &payload, message.len());
    assert!(read == message, "another message");
    payload
}

/// Whoever has a turn makes progress, and whoever comes then uses it.
#[test]
fn three_connections_compress_it_once_whoever_runs_first() {
    let message = noise(LEN);
    // Who has a turn next, over and over, and then all of them.
    let orders: [&[usize]; 10] = [
        &[0, 1, 2],
        &[2, 1, 0],
        &[0],
        &[1],
        &[2],
        &[0, 0, 1],
        &[0, 2],
        &[2, 1],
        &[1, 0, 0, 0, 2],
        &[2, 2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 1],
    ];
    for order in orders {
        for keeps_context in [true, false] {
            let prepared = Prepared::new(message.clone());
            let roles = [Role::Server, Role::Client, Role::Server];
            let mut all = roles.map(|role| steps(role, keeps_context));
            for steps in &mut all {
                steps.sending.queue(&prepared).unwrap();
                assert_eq!(steps.sending.outgoing().buffered(), LEN);
                let next = steps.sending.queue("next");
                assert_eq!(next, Err(SendError::Full("next")));
                steps.sends(Goal::Flushed);
            }
            let mut is_done = [false; 3];
            let mut turns = 0;
            for at in order.iter().cycle() {
                turns += 1;
                if has_a_turn(&mut all[*at]) {
                    is_done[*at] = true;
                    break;
                }
            }
            assert_eq!(turns, TURNS, "{order:?}");
            // It is there for the others, whose turn it need not have been before.
            for (steps, is_done) in all.iter_mut().zip(is_done) {
                assert!(is_done || has_a_turn(steps));
            }
            let payloads = all.each_mut().map(|steps| writes(steps, &message));
            assert!(payloads[0] == payloads[1] && payloads[1] == payloads[2]);
        }
    }
}

#[test]
fn it_is_queued_at_once_where_it_was_compressed_before() {
    let message = noise(LEN);
    let prepared = Prepared::new(message.clone());
    for role in [Role::Server, Role::Client, Role::Server] {
        let mut steps = steps(role, true);
        steps.sending.queue(&prepared).unwrap();
        steps.compresses();
        let first = writes(&mut steps, &message);
        steps.sending.queue(&prepared).unwrap();
        assert_eq!(steps.compresses(), 0);
        assert!(writes(&mut steps, &message) == first);
    }
}

#[test]
fn a_connection_that_ends_in_the_middle_leaves_it_to_the_others() {
    let message = noise(LEN);
    let prepared = Prepared::new(message.clone());
    let mut first = steps(Role::Server, true);
    let mut second = steps(Role::Server, true);
    first.sending.queue(&prepared).unwrap();
    first.sends(Goal::Flushed);
    for _ in 0..6 {
        assert!(!has_a_turn(&mut first));
    }
    second.sending.queue(&prepared).unwrap();
    drop(first);
    assert_eq!(second.compresses(), TURNS - 6);
    writes(&mut second, &message);
}

#[test]
fn each_way_of_compressing_has_its_own() {
    let message = noise(LEN / 2).repeat(2);
    let prepared = Prepared::new(message.clone());
    let mut lens = Vec::new();
    for level in [1, 9, 1] {
        let config = off().deflate(Deflate::balanced().level(level));
        let mut steps = Steps::negotiated(Role::Server, &config, agreed(true));
        steps.sending.queue(&prepared).unwrap();
        let turns = steps.compresses();
        lens.push((turns, writes(&mut steps, &message).len()));
    }
    assert_eq!((lens[0].0, lens[1].0, lens[2].0), (TURNS, TURNS, 0));
    assert_eq!(lens[0].1, lens[2].1);
    assert!(lens[1].1 < lens[0].1);
}

#[test]
fn without_compression_it_goes_out_at_once_as_it_is() {
    let message = noise(LEN);
    let prepared = Prepared::new(message.clone());
    let mut compressing = steps(Role::Server, true);
    compressing.sending.queue(&prepared).unwrap();
    for role in [Role::Server, Role::Client] {
        let mut steps = Steps::new(role, &off());
        steps.sending.queue(&prepared).unwrap();
        assert!(steps.sending.has_output());
        let frames = steps.writes_out();
        assert!(frames == [(0x82, message.clone())]);
    }
}

/// The peer's window then holds what the connection's own compressor has not seen.
#[test]
fn a_message_after_it_refers_to_nothing_before_it() {
    let prepared = Prepared::new(vec![7; LEN]);
    for role in [Role::Server, Role::Client] {
        let mut steps = steps(role, true);
        let mut reader = Decompress::new(false);
        let ordinary = &noise(2_000)[..];
        for at in 0..4 {
            match at {
                1 => steps.sending.queue(&prepared).unwrap(),
                _ => steps.sending.queue(ordinary).unwrap(),
            }
            steps.compresses();
            let payload = &steps.writes_out()[0].1;
            let read = inflated(&mut reader, payload, LEN);
            match at {
                1 => assert!(read == prepared.message().as_bytes()),
                _ => assert!(read == ordinary),
            }
            // Of the ordinary ones only the last finds what was sent before it.
            assert_eq!(
                payload.len() < 1_000,
                at % 2 == 1,
                "{} bytes",
                payload.len()
            );
        }
    }
}

#[test]
fn connections_on_several_threads_all_send_the_same() {
    let message = noise(1 << 20);
    let prepared = Prepared::new(message.clone());
    let payloads = thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|at| {
                let (prepared, message) = (&prepared, &message);
                scope.spawn(move || {
                    let role = [Role::Server, Role::Client][at % 2];
                    let mut steps = steps(role, at < 2);
                    steps.sending.queue(prepared).unwrap();
                    steps.compresses();
                    writes(&mut steps, message)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(payloads.windows(2).all(|pair| pair[0] == pair[1]));
}
