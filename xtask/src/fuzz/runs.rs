//! What runs came to: a line of JSON each, so that hours add up over many commands.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;

/// One run of a target, or several added up.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) target: String,
    /// The engine's name.
    pub(crate) engine: String,
    pub(crate) executions: u64,
    /// Processor time, where the system tells it; else the time that passed.
    pub(crate) seconds: f64,
    /// Places of the program that were reached, and inputs kept for reaching them; 0 without
    /// coverage.
    pub(crate) coverage: u64,
    pub(crate) inputs: u64,
    /// Inputs kept that were not there before.
    pub(crate) new_inputs: u64,
    /// Files with the inputs that an oracle refused.
    pub(crate) findings: Vec<String>,
}

/// What stands above [`line()`]s.
pub(crate) const HEADING: &str = "target             runs  executions    CPU s  coverage  inputs   \
                                  new  findings";

/// A row of the table.
pub(crate) fn line(target: &str, count: usize, run: &Run) -> String {
    format!(
        "{target:<18} {count:>4} {:>11} {:>8.1} {:>9} {:>7} {:>5} {:>9}",
        run.executions,
        run.seconds,
        run.coverage,
        run.inputs,
        run.new_inputs,
        run.findings.len()
    )
}

/// Every run so far.
#[derive(Debug)]
pub(crate) struct Runs {
    path: PathBuf,
    runs: Vec<Run>,
}

impl Runs {
    /// Reads what is there; a file that is not is one without runs.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let text = if path.exists() {
            fs::read_to_string(path).map_err(Error::file(path))?
        } else {
            String::new()
        };
        let runs = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()
            .map_err(|error| Error::data(path, error))?;
        let path = path.to_owned();
        Ok(Self { path, runs })
    }

    /// Adds a run, in the file too.
    pub(crate) fn add(&mut self, run: Run) -> Result<(), Error> {
        let line = serde_json::to_string(&run).map_err(|error| Error::data(&self.path, error))?;
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .and_then(|mut file| writeln!(file, "{line}"))
            .map_err(Error::file(&self.path))?;
        self.runs.push(run);
        Ok(())
    }

    /// A row for each target, and one for all of them.
    pub(crate) fn totals(&self) -> Vec<String> {
        let mut targets: BTreeMap<&str, (usize, Run)> = BTreeMap::new();
        let mut all = Run::default();
        for run in &self.runs {
            let (count, sum) = targets.entry(&run.target).or_default();
            *count += 1;
            for sum in [sum, &mut all] {
                sum.executions += run.executions;
                sum.seconds += run.seconds;
                sum.new_inputs += run.new_inputs;
                sum.coverage = sum.coverage.max(run.coverage);
                sum.inputs = sum.inputs.max(run.inputs);
                sum.findings.extend(run.findings.iter().cloned());
            }
        }
        // Neither adds up over targets.
        all.coverage = 0;
        all.inputs = targets.values().map(|(_, run)| run.inputs).sum();
        let rows = targets.iter();
        let rows = rows.map(|(target, (count, run))| line(target, *count, run));
        rows.chain([line("all", self.runs.len(), &all)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(target: &str, executions: u64, coverage: u64) -> Run {
        Run {
            target: target.into(),
            executions,
            seconds: 1.5,
            coverage,
            inputs: 10,
            new_inputs: 2,
            ..Run::default()
        }
    }

    #[test]
    fn runs_of_several_commands_add_up() {
        let name = format!("xtask-fuzz-runs-{}.jsonl", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut runs = Runs::open(&path).unwrap();
        runs.add(run("mask", 100, 7)).unwrap();
        runs.add(run("inflate", 1000, 9)).unwrap();
        let mut runs = Runs::open(&path).unwrap();
        runs.add(run("mask", 23, 8)).unwrap();
        assert_eq!(
            runs.totals(),
            [
                "inflate               1        1000      1.5         9      10     2         0",
                "mask                  2         123      3.0         8      10     4         0",
                "all                   3        1123      4.5         0      20     6         0",
            ]
        );
        fs::remove_file(&path).unwrap();
    }
}
