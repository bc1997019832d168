//! One operation of a server's connection, done as often as asked for.
//!
//! `cargo xtask walks` builds this without optimisation, runs it under Valgrind's callgrind and
//! counts what [`walked`] calls. By hand:
//!
//! ```text
//! socket-flow-walks                 lists the walks
//! socket-flow-walks NAME ROUNDS     does that many rounds of one
//! ```
//!
//! Only what has been public for long is used here, so that this compiles against older commits too.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout)] // what the list is for

mod wire;

use std::env;
use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::task::{Context, Poll, Waker};

use socket_flow::{WebSocket, accept};
use tokio::runtime::Builder;

use crate::wire::Wire;

/// An operation's name, and what does so many rounds of it.
type Walk = (&'static str, fn(usize));

const WALKS: [Walk; 4] = [
    ("recv", recv),
    ("send", send),
    ("bad frame", bad_frame),
    ("accept", accept_request),
];

/// The example of RFC 6455 §1.2, without an Origin and subprotocols.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: server.example.com\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Version: 13\r\n\r\n";

const MESSAGE: &[u8; 32] = b"thirty-two bytes of plain text..";

/// The first byte of a whole text message.
const TEXT: u8 = 0x81;

/// The same with RSV1, though no extension was negotiated.
const RESERVED: u8 = 0xc1;

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [name, rounds] = &arguments[..] else {
        for (name, _) in WALKS {
            println!("{name}");
        }
        return ExitCode::SUCCESS;
    };
    let walk = WALKS.into_iter().find(|(walk, _)| walk == name);
    let (Some((_, walk)), Ok(rounds)) = (walk, rounds.parse()) else {
        println!("no walk {name}, or {rounds} is no number");
        return ExitCode::FAILURE;
    };
    // Its clock is there for timers; it never runs.
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _clock = runtime.enter();
    walk(rounds);
    ExitCode::SUCCESS
}

/// A masked text of 32 bytes, from the stream to the application.
fn recv(rounds: usize) {
    let (mut ws, wire) = open();
    for _ in 0..rounds {
        wire.send(&frame(TEXT));
        walked(|| {
            let message = finish(ws.recv()).expect("a frame in order");
            drop(message.expect("a message"));
        });
    }
}

/// A message of 32 bytes, from the application to the stream.
fn send(rounds: usize) {
    let (mut ws, wire) = open();
    for _ in 0..rounds {
        walked(|| finish(ws.send(&MESSAGE[..])).expect("a stream in order"));
        assert_eq!(wire.receive().len(), 2 + MESSAGE.len());
    }
}

/// A frame with a reserved bit, until the Close that answers it is written and the connection ended.
fn bad_frame(rounds: usize) {
    for _ in 0..rounds {
        let (mut ws, wire) = open();
        wire.send(&frame(RESERVED));
        wire.end();
        walked(|| assert!(finish(ws.recv()).is_err()));
        // 1002, as RFC 6455 §7.4.1 has it.
        let close = wire.receive();
        assert_eq!((close[0], &close[2..4]), (0x88, &[0x03, 0xea][..]));
    }
}

/// A request, until there is a connection, which is dropped.
fn accept_request(rounds: usize) {
    for _ in 0..rounds {
        let wire = Wire::default();
        wire.send(REQUEST);
        let stream = wire.clone();
        walked(|| drop(finish(accept(stream)).expect("a request in order")));
        assert!(wire.receive().starts_with(b"HTTP/1.1 101 "));
    }
}

/// What is called in here is counted, and dropping what comes of it.
#[inline(never)]
fn walked(operation: impl FnOnce()) {
    operation();
}

/// An accepted connection, and its peer's end.
fn open() -> (WebSocket<Wire>, Wire) {
    let wire = Wire::default();
    wire.send(REQUEST);
    let ws = finish(accept(wire.clone())).expect("a request in order");
    wire.receive();
    (ws, wire)
}

/// The message in a masked frame.
fn frame(first: u8) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let masked = MESSAGE.iter().zip(KEY.iter().cycle());
    let mut frame = vec![first, 0x80 | MESSAGE.len() as u8];
    frame.extend(KEY);
    frame.extend(masked.map(|(byte, key)| byte ^ key));
    frame
}

/// Polls once: nothing here has to wait.
fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("all that is waited for is there"),
    }
}
