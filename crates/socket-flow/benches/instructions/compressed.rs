//! What a compressed message costs that a connection receives, over a stream in memory.

use std::hint::black_box;

use socket_flow_connection::{Config, Error, WebSocket};

use crate::deflate::{agreed, client, compressed, json};
use crate::pipe::{Pipe, clock, finish, open_with};
use crate::{Cell, Memory};

type Peer = Pipe<3>;

pub(crate) fn cells() -> Vec<Cell> {
    vec![
        receive("200 B", 200, 1, Memory::Unbounded),
        receive("2000 B in ten fragments", 2000, 10, Memory::Unbounded),
        receive("64 KiB", 64 << 10, 1, Memory::Unbounded),
        receive("200 B", 200, 1, Memory::Budgeted),
        receive("64 KiB", 64 << 10, 1, Memory::Budgeted),
    ]
}

/// A message is one text, in so many frames.
fn receive(name: &str, len: usize, frames: usize, memory: Memory) -> Cell {
    Cell::new(
        memory.name(format!("connection/receive {name}, compressed")),
        10,
        1,
        move |rounds| {
            let runtime = clock();
            let _clock = runtime.enter();
            let mut ws: WebSocket<Peer> = open_with(wire(len, frames), agreed(), memory.config());
            let received: Result<(), Error> = finish(async move {
                for _ in 0..rounds {
                    let message = ws.recv().await?.expect("a message");
                    assert_eq!(black_box(message).as_text().map(str::len), Some(len));
                }
                Ok(())
            });
            received.expect("a connection in order");
        },
    )
}

/// A text as a client sends it. It refers to nothing before it, so that it may be received again
/// and again.
fn wire(len: usize, frames: usize) -> Vec<u8> {
    let text = json(len, &mut 1);
    let whole = compressed(&mut client(Config::new()), &text);
    if frames == 1 {
        return whole.into();
    }
    let payload = whole.len() - MEDIUM;
    let config = Config::new().fragment(payload.div_ceil(frames));
    let wire = compressed(&mut client(config), &text);
    assert_eq!(wire.len(), payload + frames * SMALL);
    wire.into()
}

/// What stands before a client's payload of up to 125 bytes, and before one of up to 64 KiB.
const SMALL: usize = 2 + 4;
const MEDIUM: usize = 4 + 4;
