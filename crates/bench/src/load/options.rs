//! The command line of the load generator.

use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};

use crate::load::scenario::{BROADCAST, Kind, Scenario};
use crate::server::Takeover;

/// What `--help` prints.
pub const USAGE: &str = "\
usage: load --port PORT [--scenario N] [OPTIONS]

    --scenario N      1 to 10, which sets the following four (default: 3); 10 is a broadcast
    --size BYTES      the payload of a message
    --kind KIND       binary, ascii, multibyte or json
    --connections N   how many
    --depth N         messages in one write; the next ones follow when all are answered
    --deflate HOW     compresses: takeover keeps the context from message to message, none does not

    --messages N      ends after so many messages, or a few more: every connection sends as many
    --seconds S       ends after this time (default: 1)
    --warm-up S       time before the measurement (default: 0.25; none with --messages)
    --pid PID         the server's process, for its processor time
";

/// A parsed command line.
#[derive(Debug, PartialEq)]
pub struct Options {
    /// The server's port on 127.0.0.1.
    pub port: u16,
    /// What is sent.
    pub scenario: Scenario,
    /// Whether what one connection sends is awaited on all.
    pub broadcast: bool,
    /// Whether messages are compressed, and how.
    pub deflate: Option<Takeover>,
    /// When it ends.
    pub length: Length,
    /// The server's process.
    pub pid: Option<u32>,
}

/// When a measurement ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// After so many messages at least.
    Messages(u64),
    /// After a time.
    Time {
        /// What is not counted.
        warm_up: Duration,
        /// What is.
        measured: Duration,
    },
}

impl Options {
    /// Reads a command line; `None` asks for help.
    ///
    /// # Errors
    /// Anything but the usage above.
    pub fn parse(mut parser: Parser) -> Result<Option<Self>, lexopt::Error> {
        let mut port = None;
        let mut scenario = None;
        let mut broadcast = false;
        let mut size = None;
        let mut kind = None;
        let mut connections = None;
        let mut depth = None;
        let mut deflate = None;
        let mut messages = None;
        let mut seconds = 1.0;
        let mut warm_up = 0.25;
        let mut pid = None;
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("help") | Arg::Short('h') => return Ok(None),
                Arg::Long("port") => port = Some(parser.value()?.parse()?),
                Arg::Long("scenario") => {
                    let number = parser.value()?.parse()?;
                    scenario = Some(Scenario::numbered(number).ok_or("no such scenario")?);
                    broadcast = number == BROADCAST;
                }
                Arg::Long("size") => size = Some(parser.value()?.parse()?),
                Arg::Long("kind") => {
                    let name = parser.value()?.string()?;
                    kind = Some(Kind::named(&name).ok_or("no such kind")?);
                }
                Arg::Long("connections") => connections = Some(positive(&mut parser)?),
                Arg::Long("depth") => depth = Some(positive(&mut parser)?),
                Arg::Long("deflate") => {
                    let name = parser.value()?.string()?;
                    deflate = Some(Takeover::named(&name).ok_or("no such --deflate")?);
                }
                Arg::Long("messages") => messages = Some(positive(&mut parser)? as u64),
                Arg::Long("seconds") => seconds = time(&mut parser)?,
                Arg::Long("warm-up") => warm_up = time(&mut parser)?,
                Arg::Long("pid") => pid = Some(parser.value()?.parse()?),
                _ => return Err(arg.unexpected()),
            }
        }
        let base = scenario.or(Scenario::numbered(3)).ok_or("no scenario")?;
        Ok(Some(Self {
            port: port.ok_or("no --port is given")?,
            scenario: Scenario {
                size: size.unwrap_or(base.size),
                kind: kind.unwrap_or(base.kind),
                connections: connections.unwrap_or(base.connections),
                depth: depth.unwrap_or(base.depth),
            },
            broadcast,
            deflate,
            length: match messages {
                Some(count) => Length::Messages(count),
                None => Length::Time {
                    warm_up: Duration::from_secs_f64(warm_up),
                    measured: Duration::from_secs_f64(seconds),
                },
            },
            pid,
        }))
    }
}

fn positive(parser: &mut Parser) -> Result<usize, lexopt::Error> {
    match parser.value()?.parse()? {
        0 => Err("a count begins at 1".into()),
        count => Ok(count),
    }
}

fn time(parser: &mut Parser) -> Result<f64, lexopt::Error> {
    let seconds: f64 = parser.value()?.parse()?;
    if (0.0..1e6).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("a time is a number of seconds".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Option<Options>, lexopt::Error> {
        Options::parse(Parser::from_args(line.split_whitespace()))
    }

    #[test]
    fn a_scenario_can_be_changed_in_part() {
        let options =
            parsed("--port 9 --scenario 4 --depth 2 --messages 640 --pid 7 --deflate none");
        assert_eq!(
            options.unwrap().unwrap(),
            Options {
                port: 9,
                scenario: Scenario {
                    size: 1024,
                    kind: Kind::Ascii,
                    connections: 64,
                    depth: 2
                },
                broadcast: false,
                deflate: Some(Takeover::None),
                length: Length::Messages(640),
                pid: Some(7),
            }
        );
        assert!(parsed("--port 9 --scenario 10").unwrap().unwrap().broadcast);
        let Length::Time { warm_up, measured } = parsed("--port 9").unwrap().unwrap().length else {
            panic!("not measured by time");
        };
        assert_eq!((warm_up.as_millis(), measured.as_millis()), (250, 1000));
    }

    #[test]
    fn what_help_does_not_describe_is_refused() {
        for line in [
            "",
            "--port 9 --scenario 99",
            "--port 9 --depth 0",
            "--port 9 --seconds -1",
            "--port 9 --kind utf16",
            "9",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
        assert_eq!(parsed("--help").unwrap(), None);
    }
}
