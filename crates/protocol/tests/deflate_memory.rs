//! What a large compressed message costs, measured on the process; alone in its file, for other
//! tests would be counted too.

#![cfg(all(feature = "deflate", target_os = "linux"))]

#[path = "support/peak.rs"]
mod peak;
#[allow(dead_code, unused_imports)] // a part of it is used here
mod support;

use bytes::BufMut;
use socket_flow_protocol::driver::Next;
use socket_flow_protocol::{Deflate, Role};

use peak::peak;
use support::deflate::agreed;
use support::{Steps, frame, noise, off};

#[test]
fn an_echo_of_16_mib_that_do_not_compress_never_holds_more_than_the_limit_and_what_is_made_of_it() {
    const LEN: usize = 16 << 20;
    let config = off().deflate(Deflate::balanced()).max_message(LEN);
    let mut steps = Steps::negotiated(Role::Server, &config, agreed(true));
    // A block that is stored (RFC 1951 §3.2.4). Two are longer than the window, so nothing in
    // them is found again.
    let noise = noise(64 << 10);
    let blocks: Vec<_> = noise
        .chunks(32 << 10)
        .map(|block| [&[0x00, 0x00, 0x80, 0xff, 0x7f], block].concat())
        .collect();
    let fragments = LEN / (32 << 10);
    let mut wire = blocks
        .iter()
        .cycle()
        .take(fragments)
        .map(|block| frame(Role::Server, 0x00, block))
        .chain([frame(Role::Server, 0x80, &[0x00])]);
    let mut arrived = frame(Role::Server, 0x42, b"");
    let before = peak();
    let mut written = 0;
    loop {
        match steps.next() {
            Next::Read => {
                if arrived.is_empty() {
                    match wire.next() {
                        Some(bytes) => arrived = bytes,
                        None if written > 0 => break,
                        None => {
                            steps.reads_nothing();
                            continue;
                        }
                    }
                }
                let count = steps.receiving.space().chunk_mut().len().min(arrived.len());
                let rest = arrived.split_off(count);
                steps.reads(&arrived);
                arrived = rest;
            }
            Next::Found(found) => {
                let message = steps.receiving.take_message(found).unwrap();
                assert_eq!(message.len(), LEN);
                steps.sending.queue(message).unwrap();
            }
            Next::Yield => _ = steps.turn(),
            Next::Write => {
                let count = steps.sending.queued().len();
                written += count;
                match steps.sending.wants_flush() {
                    true => assert!(steps.sending.flushed(Ok(()).into()).is_ready()),
                    false => assert!(steps.sending.wrote(Ok(count).into()).is_ready()),
                }
            }
            other => panic!("it says {other:?}"),
        }
    }
    assert!(written > LEN);
    let grown = peak() - before;
    // The message, what is made of it, and 2 MiB for both contexts and the buffers.
    assert!(grown < LEN + written + (2 << 20), "{grown} bytes");
}
