//! What the clients on libraries have in common: `BIN --port PORT [--connections N] [--depth N]
//! [--size BYTES] [--seconds S] [--warm-up S]`.
//!
//! A client sends a burst on each connection, awaits its replies and sends the next. The other end
//! is the hand-written echo, so that what differs is the client.

use std::future::Future;
use std::io;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt};
use serde::{Deserialize, Serialize};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::load::burst::Burst;
use crate::load::cpu_time;
use crate::load::scenario::{Kind, Scenario};
use crate::server::Outcome;

/// What a connection has to do.
#[derive(Clone, Debug)]
pub struct Task {
    /// The payloads of one burst, all different.
    pub payloads: Arc<[Vec<u8>]>,
    meter: Arc<Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    messages: AtomicU64,
    over: AtomicBool,
}

impl Task {
    /// Whether another burst is to be sent.
    pub fn goes_on(&self) -> bool {
        !self.meter.over.load(Ordering::Relaxed)
    }

    /// Counts the reply to the message of this number within its burst.
    ///
    /// # Errors
    /// It is not what was sent.
    pub fn replied(&self, number: usize, reply: &[u8]) -> io::Result<()> {
        let expected = self.payloads.get(number);
        if expected.is_none_or(|payload| payload != reply) {
            return Err(io::Error::other("a reply with another payload"));
        }
        self.meter.messages.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What a client reports.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Report {
    /// How many messages were sent and answered in the time.
    pub messages: u64,
    /// Messages answered in a second.
    pub messages_per_second: f64,
    /// The client's own processor time for each, in microseconds.
    pub client_us_per_message: f64,
}

/// Runs a client: `exchange` is given a connected socket and what to do with it.
pub fn run<E, F>(exchange: E) -> ExitCode
where
    E: Fn(TcpStream, Task) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let measured = Options::parse(Parser::from_env())
        .map_err(io::Error::other)
        .and_then(|options| {
            let runtime = Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(measure(&options, exchange))
        })
        .and_then(|report| serde_json::to_string(&report).map_err(io::Error::other));
    match measured {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure<E, F>(options: &Options, exchange: E) -> io::Result<Report>
where
    E: Fn(TcpStream, Task) -> F,
    F: Future<Output = Outcome> + Send + 'static,
{
    let burst = Burst::new(&options.scenario, 0, None);
    let task = Task {
        payloads: burst
            .messages
            .into_iter()
            .map(|sent| sent.payload)
            .collect(),
        meter: Arc::default(),
    };
    let mut connections = JoinSet::new();
    for _ in 0..options.scenario.connections {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, options.port)).await?;
        stream.set_nodelay(true)?;
        connections.spawn(exchange(stream, task.clone()));
    }
    tokio::time::sleep(options.warm_up).await;
    let mark = || -> io::Result<_> {
        let messages = task.meter.messages.load(Ordering::Relaxed);
        Ok((messages, cpu_time::of(std::process::id())?, Instant::now()))
    };
    let (messages, cpu, began) = mark()?;
    tokio::time::sleep(options.measured).await;
    let (all, cpu_after, ended) = mark()?;
    task.meter.over.store(true, Ordering::Relaxed);
    while let Some(joined) = connections.join_next().await {
        joined?.map_err(io::Error::other)?;
    }
    let messages = all - messages;
    Ok(Report {
        messages,
        messages_per_second: messages as f64 / (ended - began).as_secs_f64(),
        client_us_per_message: (cpu_after - cpu).as_secs_f64() * 1e6 / messages as f64,
    })
}

#[derive(Debug, PartialEq)]
struct Options {
    port: u16,
    scenario: Scenario,
    warm_up: Duration,
    measured: Duration,
}

impl Options {
    fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let mut port = None;
        let mut scenario = Scenario {
            size: 32,
            kind: Kind::Binary,
            connections: 8,
            depth: 64,
        };
        let (mut warm_up, mut measured) = (0.25, 1.0);
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("port") => port = Some(parser.value()?.parse()?),
                Arg::Long("connections") => scenario.connections = parser.value()?.parse()?,
                Arg::Long("depth") => scenario.depth = parser.value()?.parse()?,
                Arg::Long("size") => scenario.size = parser.value()?.parse()?,
                Arg::Long("seconds") => measured = parser.value()?.parse()?,
                Arg::Long("warm-up") => warm_up = parser.value()?.parse()?,
                _ => return Err(arg.unexpected()),
            }
        }
        let time = |seconds| Duration::try_from_secs_f64(seconds).map_err(|_| "no such time");
        Ok(Self {
            port: port.ok_or("no --port is given")?,
            scenario,
            warm_up: time(warm_up)?,
            measured: time(measured)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_understood() {
        let line = "--port 9 --connections 1 --depth 2 --size 1024 --seconds 0.5 --warm-up 0";
        let options = Options::parse(Parser::from_args(line.split_whitespace())).unwrap();
        assert_eq!(
            options,
            Options {
                port: 9,
                scenario: Scenario {
                    size: 1024,
                    kind: Kind::Binary,
                    connections: 1,
                    depth: 2,
                },
                warm_up: Duration::ZERO,
                measured: Duration::from_millis(500),
            }
        );
        assert!(Options::parse(Parser::from_args(["--port", "9", "--seconds=-1"])).is_err());
        assert!(Options::parse(Parser::from_args(["--depth", "1"])).is_err());
    }

    #[test]
    fn only_what_was_sent_is_a_reply() {
        let task = Task {
            payloads: [b"one".to_vec(), b"two".to_vec()].into(),
            meter: Arc::default(),
        };
        assert!(task.replied(1, b"two").is_ok());
        assert!(task.replied(0, b"two").is_err());
        assert!(task.replied(2, b"").is_err());
        assert_eq!(task.meter.messages.load(Ordering::Relaxed), 1);
    }
}
