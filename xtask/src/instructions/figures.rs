//! The committed figures: `crates/socket-flow/benches/instructions/figures.toml`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::error::Error;
use crate::instructions::count::Counted;
use crate::workspace::{self, Workspace};

/// What a new cell may differ by, in per cent: less than an allocation costs the dearest small message.
const TOLERANCE: u64 = 3;

/// Instructions any cell may differ by: per cent of a few dozen are none.
const ROUNDING: u64 = 2;

/// How much wider tolerances are with another compiler or C library, which nobody here changed.
const ELSEWHERE: u64 = 5;

/// How long the tools may take to say their version.
const LIMIT: Duration = Duration::from_secs(30);

const HEAD: &str = "\
# Instructions per message, counted by callgrind: written by `cargo xtask instructions --update`.
# Each may differ by its tolerance, in per cent, which is kept when the figure is updated.
";

/// What the figures are compared with.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// What they were counted with.
    pub(crate) environment: Environment,
    /// By cell.
    #[serde(default)]
    cells: BTreeMap<String, Figure>,
}

/// What besides our code decides how many instructions run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    rustc: String,
    libc: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    instructions: u64,
    tolerance: u64,
}

/// How a count relates to its figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within the tolerance.
    Same,
    Worse,
    Better,
    /// There is no figure.
    Unknown,
}

impl Environment {
    /// What is installed here.
    pub(crate) fn current(workspace: &Workspace) -> Result<Self, Error> {
        let answer = |program: &'static str| {
            let log = workspace.log(program);
            workspace::answer(program, Command::new(program).arg("--version"), &log, LIMIT)
                .ok_or(Error::Missing(program))
        };
        // `rustc 1.95.0 (59807616e 2026-04-14)` and `ldd (Debian GLIBC 2.36-9) 2.36`: no more of it,
        // for a distribution's patches change nothing that counts.
        let (rustc, libc) = (answer("rustc")?, answer("ldd")?);
        let libc = libc.lines().next().unwrap_or_default();
        Ok(Self {
            rustc: rustc.split_whitespace().nth(1).unwrap_or_default().into(),
            libc: libc
                .split_whitespace()
                .next_back()
                .unwrap_or_default()
                .into(),
        })
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rustc {}, C library {}", self.rustc, self.libc)
    }
}

impl Figures {
    /// Reads the file; where there is none, nothing is known yet.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        toml::from_str(&text).map_err(|error| Error::data(path, error))
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.to_string()).map_err(Error::file(path))
    }

    /// Compares a count with its figure, `widened` where it was made with other tools, and says so
    /// in a line.
    pub(crate) fn judge(&self, name: &str, now: u64, widened: bool) -> (String, Verdict) {
        let Some(figure) = self.cells.get(name) else {
            return (
                format!("{:>12} {now:>12} {:>8}  {name}: NEW", "", ""),
                Verdict::Unknown,
            );
        };
        let verdict = figure.judge(now, widened);
        let Figure {
            instructions,
            tolerance,
        } = figure;
        let change = match instructions {
            0 => String::new(),
            _ => format!(
                "{:+.1} %",
                (now as f64 / *instructions as f64 - 1.0) * 100.0
            ),
        };
        let mut line = format!("{instructions:>12} {now:>12} {change:>8}  {name}");
        match verdict {
            Verdict::Worse => _ = write!(line, ": WORSE by more than {tolerance} %"),
            Verdict::Better => _ = write!(line, ": BETTER by more than {tolerance} %"),
            Verdict::Same | Verdict::Unknown => {}
        }
        (line, verdict)
    }

    /// The cells that have a figure and were not counted.
    pub(crate) fn missing_from(&self, counted: &[Counted]) -> Vec<&str> {
        let names = self.cells.keys().map(String::as_str);
        names
            .filter(|name| counted.iter().all(|(counted, _)| counted != name))
            .collect()
    }

    /// The figures with what was counted in place of what was; where `all` cells were, only those
    /// are left.
    pub(crate) fn updated(
        mut self,
        environment: Environment,
        counted: &[Counted],
        all: bool,
    ) -> Self {
        if all {
            let gone: Vec<_> = self
                .missing_from(counted)
                .into_iter()
                .map(String::from)
                .collect();
            self.cells.retain(|name, _| !gone.contains(name));
            self.environment = environment;
        }
        for (name, instructions) in counted {
            let figure = self.cells.entry(name.clone()).or_insert(Figure {
                instructions: 0,
                tolerance: TOLERANCE,
            });
            figure.instructions = *instructions;
        }
        self
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Environment { rustc, libc } = &self.environment;
        writeln!(
            f,
            "{HEAD}\n[environment]\nrustc = {rustc:?}\nlibc = {libc:?}\n\n[cells]"
        )?;
        for (name, figure) in &self.cells {
            let Figure {
                instructions,
                tolerance,
            } = figure;
            writeln!(
                f,
                "{name:?} = {{ instructions = {instructions}, tolerance = {tolerance} }}"
            )?;
        }
        Ok(())
    }
}

impl Figure {
    fn judge(self, now: u64, widened: bool) -> Verdict {
        let tolerance = self.tolerance * if widened { ELSEWHERE } else { 1 };
        let allowed = (self.instructions * tolerance / 100).max(ROUNDING);
        if now > self.instructions + allowed {
            Verdict::Worse
        } else if now + allowed < self.instructions {
            Verdict::Better
        } else {
            Verdict::Same
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Environment {
        Environment {
            rustc: "1.95.0".into(),
            libc: "2.36".into(),
        }
    }

    fn figures() -> Figures {
        Figures::default().updated(here(), &[("a".into(), 1000), ("b".into(), 20)], true)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let figures = figures();
        assert_eq!(toml::from_str::<Figures>(&figures.to_string()), Ok(figures));
    }

    #[test]
    fn a_count_may_differ_by_the_tolerance_both_ways() {
        let figures = figures();
        let verdict = |name, now, widened| figures.judge(name, now, widened).1;
        assert_eq!(verdict("a", 1030, false), Verdict::Same);
        assert_eq!(verdict("a", 1031, false), Verdict::Worse);
        assert_eq!(verdict("a", 970, false), Verdict::Same);
        assert_eq!(verdict("a", 969, false), Verdict::Better);
        assert_eq!(verdict("b", 22, false), Verdict::Same);
        assert_eq!(verdict("b", 23, false), Verdict::Worse);
        assert_eq!(verdict("c", 1, false), Verdict::Unknown);
    }

    #[test]
    fn other_tools_widen_the_tolerance() {
        let figures = figures();
        assert_eq!(figures.judge("a", 1150, true).1, Verdict::Same);
        assert_eq!(figures.judge("a", 1151, true).1, Verdict::Worse);
    }

    #[test]
    fn an_update_keeps_tolerances_and_drops_what_is_gone() {
        let mut figures = figures();
        if let Some(figure) = figures.cells.get_mut("a") {
            figure.tolerance = 7;
        }
        let counted = [("a".into(), 900)];
        assert_eq!(figures.missing_from(&counted), ["b"]);
        let figures = figures.updated(here(), &counted, true);
        let expected = Figure {
            instructions: 900,
            tolerance: 7,
        };
        assert_eq!(figures.cells, BTreeMap::from([("a".into(), expected)]));
    }

    #[test]
    fn an_update_of_some_cells_leaves_the_others() {
        let figures = figures().updated(Environment::default(), &[("b".into(), 30)], false);
        assert_eq!(figures.environment, here());
        assert_eq!(figures.cells["a"].instructions, 1000);
        assert_eq!(figures.cells["b"].instructions, 30);
    }
}
