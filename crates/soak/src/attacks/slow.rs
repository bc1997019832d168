//! Clients that begin and do not go on: silent ones, half a head, a byte now and then, half a
//! frame. How long the server puts up with each.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, timeout};

use crate::board::{Board, Counter, Latency};
use crate::dial::Dial;
use crate::options::Options;
use crate::raw;

/// A server that has not closed by then never will.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a client adds a byte.
const DRIP: Duration = Duration::from_secs(1);

/// Where a client stops.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Silent,
    HalfHead,
    Drip,
    HalfFrame,
}

const KINDS: [Kind; 4] = [Kind::Silent, Kind::HalfHead, Kind::Drip, Kind::HalfFrame];

/// Opens all connections and waits until the server has closed the last one.
pub async fn run(options: Options, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let kind = KINDS[(number % KINDS.len() as u64) as usize];
        let attack = Attack {
            kind,
            dial: dial.clone(),
            options: options.clone(),
            open: board.counter("open"),
            gone: board.counter("gone"),
            stayed: board.counter("stayed"),
            failed: board.counter("failed"),
            lived: board.latency(match kind {
                Kind::Silent => "silent",
                Kind::HalfHead => "half_head",
                Kind::Drip => "drip",
                Kind::HalfFrame => "half_frame",
            }),
        };
        tasks.spawn(attack.run(number));
    }
    while tasks.join_next().await.is_some() {}
}

struct Attack {
    kind: Kind,
    dial: Dial,
    options: Options,
    open: Counter,
    /// Closed by the server.
    gone: Counter,
    /// Still open after all patience.
    stayed: Counter,
    failed: Counter,
    /// How long the server let it be.
    lived: Latency,
}

impl Attack {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(self, number: u64) {
        let opened = async {
            let mut stream = self.dial.tcp(number).await?;
            self.begin(&mut stream).await?;
            io::Result::Ok(stream)
        };
        let mut stream = match opened.await {
            Ok(stream) => stream,
            Err(error) => {
                eprintln!("connection {number}, {:?}: {error}", self.kind);
                return self.failed.add(1);
            }
        };
        let _open = self.open.hold();
        let began = Instant::now();
        match timeout(PATIENCE, self.wait(&mut stream)).await {
            Ok(()) => {
                self.lived.record(began.elapsed());
                self.gone.add(1);
            }
            Err(_) => self.stayed.add(1),
        }
    }

    /// Sends what comes before the silence.
    async fn begin(&self, stream: &mut TcpStream) -> io::Result<()> {
        let request = raw::request(self.options.addr);
        match self.kind {
            Kind::Silent | Kind::Drip => Ok(()),
            Kind::HalfHead => stream.write_all(&request[..request.len() / 2]).await,
            Kind::HalfFrame => {
                raw::open(stream, self.options.addr).await?;
                let frame = raw::frame(0x82, &[0; 4096], [1, 2, 3, 4]);
                stream.write_all(&frame[..frame.len() / 2]).await
            }
        }
    }

    /// Waits until the server closes, and reads what it says before.
    async fn wait(&self, stream: &mut TcpStream) {
        let (mut read, mut write) = stream.split();
        let reading = async {
            let mut buf = [0; 1024];
            while matches!(read.read(&mut buf).await, Ok(1..)) {}
        };
        let writing = async {
            if let Kind::Drip = self.kind {
                let mut ticks = interval(DRIP);
                for byte in raw::request(self.options.addr) {
                    ticks.tick().await;
                    if write.write_all(&[byte]).await.is_err() {
                        break;
                    }
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = reading => {}
            () = writing => {}
        }
    }
}
