//! `cargo xtask autobahn`: runs the Autobahn WebSocket Testsuite against our two ends, or against
//! commands in their place.
//!
//! The suite plays the other end, writes a report and exits with 0 whatever it found; `check` is
//! what can fail.

mod baseline;
mod case;
mod check;
mod control;
pub(crate) mod engine;
mod expectations;
pub(crate) mod pattern;
mod report;
pub(crate) mod side;
pub(crate) mod subject;
mod summary;
mod trial;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Instant;

use crate::autobahn::baseline::Baseline;
use crate::autobahn::case::Case;
use crate::autobahn::check::Rules;
use crate::autobahn::engine::Engine;
use crate::autobahn::expectations::Expectations;
use crate::autobahn::report::Report;
use crate::autobahn::side::Side;
use crate::autobahn::summary::Summary;
use crate::autobahn::trial::Trial;
use crate::cli::Options;
use crate::error::Error;
use crate::workspace::{Examples, Workspace};

/// How many deviations of one side are shown. All of them go to a file beside the report.
const SHOWN: usize = 60;
const DEVIATIONS: &str = "deviations.txt";

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = Workspace::open("autobahn")?;
    let facts = workspace.root.join("autobahn");
    let all = case::load(&facts.join("cases.toml"))?;
    let ours = |side: &Side| options.command(*side).is_none();
    let session = Session {
        options,
        selected: case::select(&all, &options.cases)?,
        expectations: Expectations::load(&facts.join("expectations.toml"), &all)?,
        engine: Engine::prepare(options.engine, &workspace)?,
        examples: match options.sides.iter().any(ours) {
            true => workspace.build_examples()?,
            false => Examples::default(),
        },
        workspace,
    };
    println!("engine: {}", session.engine.describe());
    let mut failed = 0;
    let mut deviations = 0;
    for run in 1..=options.runs {
        let found = session.run(run)?;
        deviations += found;
        failed += u32::from(found > 0);
    }
    if options.runs > 1 {
        println!(
            "{} of {} runs without a deviation",
            options.runs - failed,
            options.runs
        );
    }
    match deviations {
        0 => Ok(()),
        count => Err(Error::Deviations(count)),
    }
}

/// What stays the same over all runs.
struct Session<'a> {
    options: &'a Options,
    workspace: Workspace,
    engine: Engine,
    examples: Examples,
    selected: Vec<Case>,
    expectations: Expectations,
}

impl Session<'_> {
    /// Runs every side once and returns the number of deviations.
    fn run(&self, run: u32) -> Result<usize, Error> {
        let start = Instant::now();
        let sides = &self.options.sides;
        let reports: Vec<(Side, Result<Report, Error>)> = thread::scope(|scope| {
            let threads: Vec<_> = sides
                .iter()
                .map(|side| (*side, scope.spawn(move || self.trial(run, *side))))
                .collect();
            threads
                .into_iter()
                .map(|(side, thread)| match thread.join() {
                    Ok(report) => (side, report),
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        });
        let wall = start.elapsed();

        let mut summary = Summary::default();
        let mut deviations = 0;
        for (side, report) in reports {
            match report {
                Ok(report) => {
                    summary.add(side, &report);
                    deviations += self.judge(run, side, &report)?;
                    println!("{}", slowest(side, &report));
                }
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => {
                    println!("{side}: {}", error.with_causes());
                    deviations += 1;
                }
            }
            let index = self.directory(run, side).join("index.html");
            println!("{side}: report in {}", index.display());
        }
        let number = match self.options.runs {
            1 => String::new(),
            runs => format!("run {run} of {runs}: "),
        };
        println!("\n{summary}\n");
        println!(
            "{number}{} cases per side, {deviations} deviations, {:.1} s",
            self.selected.len(),
            wall.as_secs_f64()
        );
        Ok(deviations)
    }

    fn trial(&self, run: u32, side: Side) -> Result<Report, Error> {
        let trial = Trial {
            workspace: &self.workspace,
            engine: &self.engine,
            examples: &self.examples,
            command: self.options.command(side),
            cases: &self.selected,
            quick: self.options.quick,
            no_context_takeover: self.options.no_context_takeover,
            side,
            directory: &self.directory(run, side),
        };
        trial.run()
    }

    /// Checks a report, shows the deviations and returns their number.
    fn judge(&self, run: u32, side: Side, report: &Report) -> Result<usize, Error> {
        let path = self
            .workspace
            .root
            .join(format!("autobahn/baseline-{side}.json"));
        let mut baseline = Baseline::load(&path)?;
        let rules = Rules {
            side,
            selected: &self.selected,
            expectations: &self.expectations,
            // The baseline holds what our examples do.
            baseline: (!self.options.bless && self.options.command(side).is_none())
                .then_some(&baseline),
        };
        let deviations = rules.check(report);
        for deviation in deviations.iter().take(SHOWN) {
            println!("{side}: {deviation}");
        }
        let file = self.directory(run, side).join(DEVIATIONS);
        let lines: String = deviations.iter().map(|it| format!("{it}\n")).collect();
        fs::write(&file, lines).map_err(Error::file(&file))?;
        if deviations.len() > SHOWN {
            let more = deviations.len() - SHOWN;
            println!("{side}: and {more} more, all in {}", file.display());
        }
        if self.options.bless {
            if deviations.is_empty() {
                baseline.bless(report);
                baseline.store(&path)?;
                println!("{side}: wrote {}", path.display());
            } else {
                println!("{side}: only a run that keeps the rules is blessed");
            }
        }
        Ok(deviations.len())
    }

    fn directory(&self, run: u32, side: Side) -> PathBuf {
        let base = &self.workspace.directory;
        match self.options.runs {
            1 => base.join(side.name()),
            _ => base.join(format!("run-{run}")).join(side.name()),
        }
    }
}

/// How long the cases took that move much data: shown, never judged.
fn slowest(side: Side, report: &Report) -> String {
    let limits = report.0.iter().filter(|(id, _)| id.starts_with("9."));
    let total: u64 = limits.clone().map(|(_, outcome)| outcome.duration).sum();
    match limits.max_by_key(|(_, outcome)| outcome.duration) {
        Some((id, outcome)) => format!(
            "{side}: 9.* took {:.1} s, the longest {id} {:.1} s",
            seconds(total),
            seconds(outcome.duration)
        ),
        None => format!("{side}: nothing of 9.* ran"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a few minutes")]
fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}
