//! An echo server over `std::net::TcpStream`, a thread for each connection: a whole shell of the
//! driver, without a runtime.
//!
//! `cargo run --release -p socket-flow-protocol --features deflate --example blocking_echo --
//! --addr 127.0.0.1:9001 --deflate`

#![allow(clippy::print_stdout, clippy::print_stderr)] // what a program on a terminal is for

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::time::{Duration, Instant};
use std::{env, thread};

use bytes::{Buf, BufMut};
use socket_flow_handshake::head::{HeadLimits, RequestDecoder, encode_response};
use socket_flow_handshake::server::{Choices, accept};
use socket_flow_protocol::driver::{Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{Config, DeflateParams, Input, Protocol};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut addr, mut choices) = (String::from("127.0.0.1:9001"), Choices::default());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--addr" => addr = arguments.next().ok_or("--addr needs a value")?,
            "--deflate" => choices = choices.deflate(DeflateParams::default()),
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    let listener = TcpListener::bind(addr)?;
    println!("listening on {}", listener.local_addr()?);
    for stream in listener.incoming() {
        let (stream, choices) = (stream?, choices.clone());
        thread::spawn(move || serve(stream, &choices).unwrap_or_else(|error| eprintln!("{error}")));
    }
    Ok(())
}

pub(crate) fn serve(mut io: TcpStream, choices: &Choices) -> Result<(), Box<dyn Error>> {
    io.set_read_timeout(Some(Duration::from_secs(10)))?;
    let (mut head, mut decoder) = (Vec::new(), RequestDecoder::new(HeadLimits::default()));
    let (request, len) = loop {
        if let Some(decoded) = decoder.decode(&head)? {
            break decoded;
        }
        let mut bytes = [0; 4096];
        let count = io.read(&mut bytes)?;
        (count > 0).then_some(()).ok_or("no whole request")?;
        head.extend_from_slice(&bytes[..count]);
    };
    let (response, negotiated) = match accept(&request, choices) {
        Ok(accepted) => accepted,
        Err(rejection) => {
            let response = rejection.response();
            io.write_all(&encode_response(&response))?;
            return Ok(io.write_all(response.body())?);
        }
    };
    io.write_all(&encode_response(&response))?;
    let server = Protocol::server(Config::new(), negotiated);
    let (receiving, sending) = drive(server, Input::from(&head[len..]));
    io.set_nonblocking(true)?;
    io.set_nodelay(true)?;
    echo(io, receiving, sending)
}

/// The shell: does what the driver says until the connection is over.
fn echo(
    mut io: TcpStream,
    mut receiving: Receiving,
    mut sending: Sending,
) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let mut bytes = [0; 64 << 10];
    let mut turn = Turn::holding(true);
    loop {
        match receiving.next(&mut sending, &turn) {
            Next::Write => {
                if sending.wants_flush() {
                    let _ = sending.flushed(Poll::Ready(Ok(()))); // a socket has nothing to flush
                    continue;
                }
                let written = io.write(sending.queued().chunk());
                if sending.wrote(Poll::Ready(written)).is_pending() {
                    turn.block_writes();
                }
            }
            Next::Read => {
                let mut space = receiving.space();
                let most = space.remaining_mut().min(bytes.len());
                let read = io.read(&mut bytes[..most]);
                space.put_slice(&bytes[..*read.as_ref().unwrap_or(&0)]);
                receiving.read(&mut sending, &mut turn, Poll::Ready(read));
            }
            Next::Discard => {
                receiving.read(&mut sending, &mut turn, Poll::Ready(io.read(&mut bytes)));
            }
            Next::ShutDown => {
                let _ = io.shutdown(std::net::Shutdown::Write);
                turn.shut_down(true);
            }
            Next::Found(found) => {
                if let Some(message) = receiving.lend_message(found) {
                    sending.queue(message).map_err(|full| full.map(drop))?;
                }
            }
            Next::Wait(at) => {
                let now = start.elapsed();
                if at.is_some_and(|at| at <= now) {
                    turn.set_now(now);
                } else {
                    wait(&io, at.map(|at| at - now), sending.has_output())?;
                    turn = Turn::holding(true);
                }
            }
            Next::Over(result) => return Ok(result?),
            // `Yield`: the system schedules threads. `TakeOver`: there are no senders.
            _ => turn = Turn::holding(true),
        }
    }
}

/// Waits for something to read, or a little for a socket that takes no bytes.
fn wait(io: &TcpStream, patience: Option<Duration>, is_blocked: bool) -> io::Result<()> {
    if is_blocked {
        thread::sleep(
            patience
                .unwrap_or(Duration::MAX)
                .min(Duration::from_millis(5)),
        );
        return Ok(());
    }
    io.set_nonblocking(false)?;
    io.set_read_timeout(patience)?;
    let _ = io.peek(&mut [0]); // the next read tells what it was
    io.set_nonblocking(true)
}
