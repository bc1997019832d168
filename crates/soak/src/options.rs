//! The command line that all programs share.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::seed::Seed;

/// What is not given has the value here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// What the program does, where it can do several things.
    pub mode: String,
    /// Where it listens, or the server it talks to.
    pub addr: SocketAddr,
    /// The server behind a relay.
    pub target: SocketAddr,
    /// How many connections it opens.
    pub connections: u64,
    /// How many of them are in their opening handshake at once.
    pub parallel: usize,
    /// How many messages or connections it begins in a second, all together.
    pub rate: u64,
    /// One in so many connections is compressed; 0 is none.
    pub deflate_every: u64,
    /// How many mebibytes are sent.
    pub mib: u64,
    /// The bytes of a message, where they are all the same.
    pub size: usize,
    /// How much the kernel may keep for a connection; 0 leaves it the choice.
    pub buffer: u32,
    /// How long a byte is on its way.
    pub delay: Duration,
    /// How much longer at most, at random.
    pub jitter: Duration,
    /// How often a program prints its board.
    pub report: Duration,
    /// Whether the server tells its application in events.
    pub events: bool,
    /// How many threads the program's tasks share.
    pub workers: usize,
    /// Whether connections end with a reset: what is still on its way is dropped.
    pub reset: bool,
    /// Where the certificates are of a server that speaks TLS.
    pub tls: Option<PathBuf>,
    /// How many bytes of memory the server's connections share; as many as they ask for without it.
    pub budget: Option<usize>,
    /// The largest message the server takes, where it is not the default.
    pub max_message: Option<usize>,
    /// Whether each message is compressed on its own.
    pub no_contexts: bool,
    /// Whether the server decides about a request for as long as it may.
    pub undecided: bool,
    /// Whether attackers offer to compress.
    pub deflate: bool,
    /// What attackers ask for, separated by commas: as many of them each.
    pub kinds: String,
    /// The rows of the table of memory to measure; all where there are none.
    pub rows: Vec<String>,
    /// What the server's rooms do with slow members.
    pub policy: String,
    /// The path that clients ask for, where they have none of their own.
    pub path: String,
    /// The path of one more connection, which sends a message once all others are open.
    pub trigger: Option<String>,
    /// How many of the connections send messages.
    pub writers: u64,
    /// How many messages each of them sends.
    pub messages: u64,
    /// How many messages each connection must get.
    pub expected: u64,
    /// What random numbers are drawn from.
    pub seed: Seed,
}

impl Options {
    /// Reads a command line: `MODE --option value …`, without a mode for programs that have one.
    ///
    /// # Errors
    /// It is not like that.
    pub fn parse(mut parser: Parser) -> Result<Self, lexopt::Error> {
        let none: SocketAddr = ([127, 0, 0, 1], 0).into();
        let mut options = Self {
            mode: String::new(),
            addr: none,
            target: none,
            connections: 1,
            parallel: 64,
            rate: 1000,
            deflate_every: 0,
            mib: 64,
            size: 0,
            buffer: 0,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            report: Duration::from_millis(500),
            events: false,
            workers: 2,
            reset: false,
            tls: None,
            budget: None,
            max_message: None,
            no_contexts: false,
            undecided: false,
            deflate: false,
            kinds: String::new(),
            rows: Vec::new(),
            policy: "close".into(),
            path: "/".into(),
            trigger: None,
            writers: 0,
            messages: 0,
            expected: 0,
            seed: Seed::new(1),
        };
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Value(mode) if options.mode.is_empty() => options.mode = mode.string()?,
                Arg::Long("addr") => options.addr = parser.value()?.parse()?,
                Arg::Long("target") => options.target = parser.value()?.parse()?,
                Arg::Long("connections") => options.connections = parser.value()?.parse()?,
                Arg::Long("parallel") => options.parallel = parser.value()?.parse()?,
                Arg::Long("rate") => options.rate = parser.value()?.parse()?,
                Arg::Long("deflate-every") => options.deflate_every = parser.value()?.parse()?,
                Arg::Long("mib") => options.mib = parser.value()?.parse()?,
                Arg::Long("size") => options.size = parser.value()?.parse()?,
                Arg::Long("buffer") => options.buffer = parser.value()?.parse()?,
                Arg::Long("delay-ms") => options.delay = millis(&mut parser)?,
                Arg::Long("jitter-ms") => options.jitter = millis(&mut parser)?,
                Arg::Long("report-ms") => options.report = millis(&mut parser)?,
                Arg::Long("events") => options.events = true,
                Arg::Long("workers") => options.workers = parser.value()?.parse()?,
                Arg::Long("reset") => options.reset = true,
                Arg::Long("tls") => options.tls = Some(parser.value()?.into()),
                Arg::Long("budget") => options.budget = Some(parser.value()?.parse()?),
                Arg::Long("max-message") => options.max_message = Some(parser.value()?.parse()?),
                Arg::Long("no-contexts") => options.no_contexts = true,
                Arg::Long("undecided") => options.undecided = true,
                Arg::Long("deflate") => options.deflate = true,
                Arg::Long("kinds") => options.kinds = parser.value()?.string()?,
                Arg::Long("row") => options.rows.push(parser.value()?.string()?),
                Arg::Long("policy") => options.policy = parser.value()?.string()?,
                Arg::Long("path") => options.path = parser.value()?.string()?,
                Arg::Long("trigger") => options.trigger = Some(parser.value()?.string()?),
                Arg::Long("writers") => options.writers = parser.value()?.parse()?,
                Arg::Long("messages") => options.messages = parser.value()?.parse()?,
                Arg::Long("expected") => options.expected = parser.value()?.parse()?,
                Arg::Long("seed") => options.seed = parser.value()?.parse()?,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    /// The time between two beginnings on one of the connections, so that all together keep the
    /// rate.
    pub fn period(&self) -> Duration {
        Duration::from_secs_f64(self.connections as f64 / self.rate.max(1) as f64)
    }
}

fn millis(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    Ok(Duration::from_millis(parser.value()?.parse()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_stand_behind_the_mode() {
        let line = "active --addr 127.0.0.1:9001 --connections 10 --rate 100 --seed 5 --delay-ms 7";
        let options = Options::parse(Parser::from_args(line.split(' '))).unwrap();
        assert_eq!(options.mode, "active");
        assert_eq!(options.addr.port(), 9001);
        assert_eq!(options.period(), Duration::from_millis(100));
        assert_eq!(options.delay, Duration::from_millis(7));
        assert_eq!(options.seed, Seed::new(5));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for line in ["active again", "--fast", "--seed x", "--addr localhost"] {
            assert!(
                Options::parse(Parser::from_args(line.split(' '))).is_err(),
                "{line}"
            );
        }
    }
}
