//! `cargo xtask chaos`, `simulate` and `cancel`: tests that go on as long as they are told to.
//!
//! ```text
//! chaos     real connections over transports that misbehave or break ──┐
//! simulate  two drivers, a link and a clock ─────────────────────────┼─► figures ──► verdict
//! cancel    every future given up after 0, 1, 2… polls ────────────────┘
//!                └── a failure: its seed, and the command that repeats it
//! ```

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use lexopt::prelude::*;

use crate::cli::{number, usage, value};
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// One of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Suite {
    Chaos,
    Simulate,
    Cancel,
}

impl Suite {
    fn name(self) -> &'static str {
        match self {
            Self::Chaos => "chaos",
            Self::Simulate => "simulate",
            Self::Cancel => "cancel",
        }
    }

    /// How many seeds it runs if nothing is said.
    fn seeds(self) -> u64 {
        match self {
            Self::Chaos => 1_000,
            Self::Simulate => 1_000_000,
            Self::Cancel => 50,
        }
    }

    /// What cargo is to run, in release.
    fn command(self, workspace: &Workspace, options: &Options) -> Command {
        let packages: &[_] = match self {
            Self::Simulate => &["socket-flow-testing"],
            Self::Chaos | Self::Cancel => &["socket-flow-connection", "socket-flow"],
        };
        let mut command = workspace.cargo();
        command.args(["test", "--release", "--test", self.name()]);
        for package in packages {
            command.args(["-p", package]);
        }
        command
            .args(["--", "--nocapture", &options.only])
            .env("SOCKET_FLOW_SEED", options.seed.to_string())
            .env("SOCKET_FLOW_SEEDS", options.seeds.to_string());
        command.env("RUST_BACKTRACE", "0");
        command
    }
}

/// What a command was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Where the seeds begin.
    pub(crate) seed: u64,
    /// How many there are.
    pub(crate) seeds: u64,
    /// What the names of the selected tests hold; empty for all.
    pub(crate) only: String,
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(suite: Suite, parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let has_seeds = suite != Suite::Cancel;
        let mut options = Self {
            seed: 1,
            seeds: suite.seeds(),
            only: String::new(),
        };
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("seed") if has_seeds => options.seed = number(parser)?,
                Long("seeds") if has_seeds => options.seeds = number(parser)?,
                Long("only") if suite != Suite::Simulate => {
                    options.only = value(parser)?;
                }
                other => return Err(usage(other.unexpected())),
            }
        }
        Ok(Some(options))
    }
}

/// Runs one of the commands.
pub(crate) fn run(suite: Suite, options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open(suite.name())?;
    let log = workspace.log(suite.name());
    let mut command = suite.command(&workspace, options);
    let outcome = process::run(suite.name(), &mut command, &log, LIMIT);
    let said = fs::read_to_string(&log).map_err(Error::file(&log))?;
    if outcome.is_err() {
        print!("{said}");
        return outcome;
    }
    let figures = figures(&said, suite.name());
    if figures.is_empty() {
        return Err(Error::Usage("no test's name holds this text".into()));
    }
    for (name, value) in &figures {
        println!("{value:>14}  {name}");
    }
    let broken: u64 = figures
        .iter()
        .filter(|(name, _)| BROKEN.contains(&name.as_str()))
        .map(|(_, value)| value)
        .sum();
    let seconds = start.elapsed().as_secs_f64();
    println!("{seconds:.1} s: {broken} messages lost, duplicated, reordered or torn");
    match broken {
        0 => Ok(()),
        _ => Err(Error::data(&log, "messages were lost or changed")),
    }
}

/// What the tests printed, added up by name, in the order of its first mention:
/// `figures chaos seeds=20 messages=2400 lost=0`.
fn figures(said: &str, command: &str) -> Vec<(String, u64)> {
    let mut sums: Vec<(String, u64)> = Vec::new();
    let mark = format!("figures {command} ");
    // The test harness may write in front of it.
    let lines = said.lines().filter_map(|line| line.split_once(&mark));
    let fields = lines.flat_map(|(_, fields)| fields.split_whitespace());
    for (name, value) in fields.filter_map(|field| field.split_once('=')) {
        let Ok(value) = value.parse::<u64>() else {
            continue;
        };
        match sums.iter_mut().find(|(other, _)| other == name) {
            Some((_, sum)) => *sum += value,
            None => sums.push((name.into(), value)),
        }
    }
    sums
}

/// The figures that must be 0.
const BROKEN: [&str; 4] = ["lost", "duplicated", "reordered", "torn"];

/// How long everything may take, with the build.
const LIMIT: Duration = Duration::from_secs(6 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(suite: Suite, line: &str) -> Result<Option<Options>, Error> {
        let mut parser = lexopt::Parser::from_args(line.split_whitespace());
        Options::parse(suite, &mut parser)
    }

    #[test]
    fn figures_of_all_tests_are_added_up_by_name() {
        let said = "test a ... figures chaos seeds=2 lost=0 short=7\nok\n\
                    figures simulate seeds=9\nfigures chaos seeds=3 lost=1 eof=2\n";
        let sum = |name: &str, value| (name.to_owned(), value);
        assert_eq!(
            figures(said, "chaos"),
            [
                sum("seeds", 5),
                sum("lost", 1),
                sum("short", 7),
                sum("eof", 2)
            ]
        );
        assert!(figures(said, "cancel").is_empty());
    }

    #[test]
    fn each_command_has_its_own_number_of_seeds() {
        let options = parsed(Suite::Simulate, "").unwrap().unwrap();
        assert_eq!((options.seed, options.seeds), (1, 1_000_000));
        let options = parsed(Suite::Chaos, "--seed 7 --seeds 1 --only tls").unwrap();
        let only = "tls".to_owned();
        assert_eq!(
            options,
            Some(Options {
                seed: 7,
                seeds: 1,
                only
            })
        );
        assert!(parsed(Suite::Cancel, "--seeds 2").is_err());
        assert_eq!(parsed(Suite::Cancel, "--help").unwrap(), None);
    }
}
