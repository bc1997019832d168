//! `cargo xtask interleavings`: the tasks that share a connection, in one order after another.
//!
//! ```text
//! crates/connection, built with --cfg shuttle ──► tests/interleavings ──► schedules tried
//!                                                        └── a failure: the schedule, to replay
//! ```

use std::fs;
use std::time::{Duration, Instant};

use lexopt::prelude::*;

use crate::cli::{number, usage, value};
use crate::error::Error;
use crate::process;
use crate::workspace::Workspace;

/// What `interleavings` was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// How many schedules each test is run under.
    pub(crate) schedules: u32,
    /// Where the choice of schedules begins.
    pub(crate) seed: u64,
    /// What the names of the selected tests hold; empty for all.
    pub(crate) only: String,
    /// The one schedule to run, as a failure printed it.
    pub(crate) replay: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            schedules: 2000,
            seed: 1,
            only: String::new(),
            replay: None,
        }
    }
}

impl Options {
    /// Reads what follows the command's name; `None` where help was asked for.
    pub(crate) fn parse(parser: &mut lexopt::Parser) -> Result<Option<Self>, Error> {
        let mut options = Self::default();
        while let Some(argument) = parser.next().map_err(usage)? {
            match argument {
                Long("help") | Short('h') => return Ok(None),
                Long("schedules") => options.schedules = number(parser)?,
                Long("seed") => options.seed = number(parser)?,
                Long("only") => options.only = value(parser)?,
                Long("replay") => options.replay = Some(value(parser)?),
                other => return Err(usage(other.unexpected())),
            }
        }
        if options.schedules < 2 {
            return Err(Error::Usage("--schedules takes a number from 2 on".into()));
        }
        Ok(Some(options))
    }
}

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let start = Instant::now();
    let workspace = Workspace::open("interleavings")?;
    let mut command = workspace.cargo();
    command
        .args([
            "test",
            "-p",
            "socket-flow-connection",
            "--test",
            "interleavings",
        ])
        .args(["--", "--nocapture", &options.only])
        // A build of its own: the flag changes what every crate is built with.
        .env("CARGO_TARGET_DIR", &workspace.directory)
        .env("RUSTFLAGS", "--cfg shuttle")
        .env("RUST_BACKTRACE", "0")
        // It would tell that orderings weaker than SeqCst are not modelled.
        .env("SHUTTLE_SILENCE_WARNINGS", "1")
        .env("SHUTTLE_SCHEDULES", options.schedules.to_string())
        .env("SHUTTLE_SEED", options.seed.to_string());
    if let Some(schedule) = &options.replay {
        command.env("SHUTTLE_REPLAY", schedule);
    }
    let log = workspace.log("interleavings");
    let outcome = process::run("the interleavings", &mut command, &log, LIMIT);
    let said = fs::read_to_string(&log).map_err(Error::file(&log))?;
    if outcome.is_err() {
        print!("{said}");
    }
    outcome?;
    let tried = schedules(&said);
    if tried.is_empty() && options.replay.is_none() {
        return Err(Error::Usage("no test's name holds this text".into()));
    }
    println!(
        "{} tests, {} schedules from seed {}, {:.1} s: nothing lost, nothing waits for ever",
        tried.len(),
        tried.iter().sum::<u64>(),
        options.seed,
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The counts the tests printed.
fn schedules(said: &str) -> Vec<u64> {
    said.lines()
        .filter_map(|line| line.split_once(" schedules, seed "))
        .filter_map(|(before, _)| before.rsplit(' ').next()?.parse().ok())
        .collect()
}

/// How long everything may take, with the build.
const LIMIT: Duration = Duration::from_secs(4 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_where_the_harness_writes_in_front_of_them() {
        let said = "running 2 tests\ntest a ... 2000 schedules, seed 1\nok\n7 schedules, seed 1\n";
        assert_eq!(schedules(said), [2000, 7]);
    }

    #[test]
    fn less_than_one_schedule_of_each_kind_is_refused() {
        let mut parser = lexopt::Parser::from_args(["--schedules", "1"]);
        assert!(matches!(Options::parse(&mut parser), Err(Error::Usage(_))));
    }
}
