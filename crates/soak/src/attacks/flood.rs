//! Pings, as many as the server takes, from clients that do not read.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::board::{Board, Counter};
use crate::dial::Dial;
use crate::options::Options;
use crate::raw::{self, Frames};
use crate::signals::Phase;

/// A server that takes nothing for so long takes nothing more.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long the answers may take once they are read.
const ANSWERS: Duration = Duration::from_secs(30);

/// So many pings are written at once.
const BATCH: u64 = 256;

/// Floods on each connection, waits for the next phase, then reads.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let flood = Flood {
            options: options.clone(),
            phase: phase.clone(),
            flooded: board.counter("flooded"),
            stalled: board.counter("stalled"),
            bytes: board.counter("bytes"),
            pongs: board.counter("pongs"),
            newest: board.counter("newest_answered"),
            echoed: board.counter("echoed"),
            failed: board.counter("failed"),
        };
        tasks.spawn(flood.run(number, dial.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

struct Flood {
    options: Options,
    phase: Phase,
    /// Connections that are done with flooding.
    flooded: Counter,
    /// Those whose server took only a part.
    stalled: Counter,
    bytes: Counter,
    pongs: Counter,
    /// Connections whose newest ping was answered.
    newest: Counter,
    /// Connections that had a message echoed afterwards.
    echoed: Counter,
    failed: Counter,
}

impl Flood {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(mut self, number: u64, dial: Dial) {
        let attacked = async {
            let mut stream = dial.tcp(number).await?;
            raw::open(&mut stream, self.options.addr).await?;
            let (pings, rest) = self.flood(&mut stream).await?;
            self.flooded.add(1);
            self.phase.reached(1).await;
            timeout(ANSWERS, self.read(&mut stream, pings, rest)).await?
        };
        if let Err(error) = attacked.await {
            eprintln!("connection {number}: {error}");
            self.failed.add(1);
        }
    }

    /// Sends pings with ever higher numbers: how many were begun, and the bytes that the server did
    /// not take.
    async fn flood(&self, stream: &mut TcpStream) -> io::Result<(u64, Vec<u8>)> {
        let (mut pings, mut left) = (0, self.options.mib << 20);
        while left > 0 {
            let mut batch = Vec::new();
            for _ in 0..BATCH {
                batch.extend(ping(pings));
                pings += 1;
            }
            let mut at = 0;
            while at < batch.len() {
                match timeout(PATIENCE, stream.write(&batch[at..])).await {
                    Ok(written) => {
                        let written = written?;
                        at += written;
                        self.bytes.add(written as u64);
                    }
                    Err(_) => {
                        self.stalled.add(1);
                        return Ok((pings, batch.split_off(at)));
                    }
                }
            }
            left = left.saturating_sub(batch.len() as u64);
        }
        Ok((pings, Vec::new()))
    }

    /// Reads at last: the newest ping must be answered, then a message come back.
    async fn read(&self, stream: &mut TcpStream, pings: u64, rest: Vec<u8>) -> io::Result<()> {
        let (mut read, mut write) = stream.split();
        let writing = async {
            write.write_all(&rest).await?;
            write
                .write_all(&raw::frame(0x81, b"are you there?", [5, 6, 7, 8]))
                .await
        };
        let reading = async {
            let mut frames = Frames::default();
            let mut buf = vec![0; 64 << 10];
            // The pong that waited for room may come behind what has room at once.
            let (mut newest, mut echoed) = (false, false);
            while !(newest && echoed) {
                match read.read(&mut buf).await? {
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    n => frames.push(&buf[..n]),
                }
                while let Some((first, payload)) = frames.take() {
                    match first {
                        0x8a => {
                            self.pongs.add(1);
                            if number(&payload) == Some(pings - 1) {
                                self.newest.add(1);
                                newest = true;
                            }
                        }
                        0x81 if *payload == *b"are you there?" => {
                            self.echoed.add(1);
                            echoed = true;
                        }
                        // The server has pings of its own.
                        0x89 => {}
                        _ => return Err(io::Error::other(format!("a frame of {first:#x}"))),
                    }
                }
            }
            Ok(())
        };
        let (written, read) = tokio::join!(writing, reading);
        written.and(read)
    }
}

/// A ping with as much payload as one may have, and its number in it.
fn ping(number: u64) -> Vec<u8> {
    let mut payload = [0; 125];
    payload[..8].copy_from_slice(&number.to_be_bytes());
    raw::frame(0x89, &payload, [9, 10, 11, 12])
}

fn number(payload: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(payload.get(..8)?.try_into().ok()?))
}
