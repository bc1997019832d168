//! The committed figures: `crates/socket-flow/benches/instructions/figures.toml`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::committed;
use crate::environment::Environment;
use crate::error::Error;
use crate::instructions::count::Counted;
use crate::instructions::figure::{Figure, Verdict};

const HEAD: &str = "\
# Instructions per message, counted by callgrind: written by `cargo xtask instructions --update`.
# Each may differ by its tolerance, in per cent, and be 1.02 times its base, or `most` times where
# that is set. The base is what the commit named here counts, or what a cell counted first that it
# does not have: an update writes `instructions`, and nothing else of a cell that has a figure. The
# base of a cell \"with a budget\" is what the same cell counts without one, in the same run.
";

/// How the name of a cell ends that does what the cell without this ending does, with a budget set.
const BUDGETED: &str = ", with a budget";

/// What counts are compared with.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Figures {
    /// The commit whose counts are the cells' bases.
    pub(crate) base: Option<String>,
    /// What they were counted with.
    pub(crate) environment: Environment,
    /// By cell.
    #[serde(default)]
    cells: BTreeMap<String, Figure>,
}

/// What a count is worth.
#[derive(Debug)]
pub(crate) struct Judged {
    /// A line of the table.
    pub(crate) line: String,
    pub(crate) verdict: Verdict,
    /// Whether it is more than its base allows.
    pub(crate) is_above_base: bool,
}

impl Figures {
    /// Reads the file; where there is none, nothing is known yet.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        committed::load(path, Self::parse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let figures: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match figures.boundless() {
            Some(name) => Err(format!("{name}: `most`, but no base")),
            None => Ok(figures),
        }
    }

    /// Writes the file.
    pub(crate) fn save(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.to_string()).map_err(Error::file(path))
    }

    /// Compares the count of a cell, one of all that were `counted`, with its figure and its base,
    /// `widened` where it was made with other tools.
    pub(crate) fn judge(&self, cell: &Counted, counted: &[Counted], widened: bool) -> Judged {
        let (name, now) = (&cell.0, cell.1);
        let committed = self.cells.get(name).copied();
        let mut figure = committed.unwrap_or(Figure::new(now));
        let mut is_base_widened = widened;
        let mut lacks_base = false;
        if let Some(other) = name.strip_suffix(BUDGETED) {
            let counted = counted.iter().find(|(name, _)| name == other);
            let committed = self.cells.get(other).map(|other| other.instructions);
            figure.base = counted.map(|(_, now)| *now).or(committed);
            is_base_widened &= counted.is_none();
            lacks_base = figure.base.is_none();
        }
        let share = figure.share(now).map(|share| format!("{share:.3}"));
        let share = share.unwrap_or_default();
        let is_above_base = lacks_base || figure.is_above_base(now, is_base_widened);
        let (mut line, verdict) = match committed {
            Some(_) => compare(name, figure, now, &share, widened),
            None => {
                let line = format!("{:>12} {now:>12} {:>8} {share:>7}  {name}: NEW", "", "");
                (line, Verdict::Unknown)
            }
        };
        if lacks_base {
            line.push_str(": there is no such cell without a budget");
        } else if is_above_base {
            _ = write!(line, ": WORSE than {} of the base", figure.most());
        }
        Judged {
            line,
            verdict,
            is_above_base,
        }
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
            self.cells
                .entry(name.clone())
                .and_modify(|figure| figure.instructions = *instructions)
                .or_insert(Figure::new(*instructions));
        }
        self
    }

    /// A cell whose bound bounds nothing.
    fn boundless(&self) -> Option<&str> {
        let mut cells = self.cells.iter();
        let found = cells.find(|(name, figure)| {
            figure.most.is_some() && figure.base.is_none() && !name.ends_with(BUDGETED)
        });
        found.map(|(name, _)| name.as_str())
    }
}

/// A line of the table, and how a count relates to what is committed.
fn compare(name: &str, figure: Figure, now: u64, share: &str, widened: bool) -> (String, Verdict) {
    let Figure {
        instructions,
        tolerance,
        ..
    } = figure;
    let change = match instructions {
        0 => String::new(),
        _ => format!("{:+.1} %", (now as f64 / instructions as f64 - 1.0) * 100.0),
    };
    let mut line = format!("{instructions:>12} {now:>12} {change:>8} {share:>7}  {name}");
    let verdict = figure.judge(now, widened);
    match verdict {
        Verdict::Worse => _ = write!(line, ": WORSE by more than {tolerance} %"),
        Verdict::Better => _ = write!(line, ": BETTER by more than {tolerance} %"),
        Verdict::Same | Verdict::Unknown => {}
    }
    (line, verdict)
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEAD}")?;
        if let Some(base) = &self.base {
            writeln!(f, "base = {base:?}\n")?;
        }
        writeln!(f, "{}\n[cells]", self.environment.table())?;
        for (name, figure) in &self.cells {
            writeln!(f, "{name:?} = {figure}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Environment {
        Environment::new("1.95.0", "2.36")
    }

    fn figures() -> Figures {
        Figures::default().updated(here(), &[("a".into(), 1000), ("b".into(), 20)], true)
    }

    /// With a base for `a`, and a bound.
    fn based() -> Figures {
        let mut figures = figures();
        figures.base = Some("08defa0".into());
        if let Some(figure) = figures.cells.get_mut("a") {
            (figure.base, figure.most) = (Some(1250), Some(0.8));
        }
        figures
    }

    #[test]
    fn what_is_written_is_read_again() {
        for figures in [figures(), based()] {
            assert_eq!(toml::from_str::<Figures>(&figures.to_string()), Ok(figures));
        }
    }

    #[test]
    fn a_figure_is_a_line_with_its_base_and_its_bound() {
        let text = based().to_string();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let expected = [
            "",
            "base = \"08defa0\"",
            "",
            "[environment]",
            "rustc = \"1.95.0\"",
            "libc = \"2.36\"",
            "",
            "[cells]",
            "\"a\" = { instructions = 1000, tolerance = 3, base = 1250, most = 0.8 }",
            "\"b\" = { instructions = 20, tolerance = 3 }",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_bound_without_a_base_is_no_file() {
        let mut figures = based();
        assert_eq!(figures.boundless(), None);
        if let Some(figure) = figures.cells.get_mut("a") {
            figure.base = None;
        }
        assert_eq!(figures.boundless(), Some("a"));
    }

    #[test]
    fn a_line_tells_what_a_count_is_worth() {
        let figures = based();
        let judge = |name, now| {
            let judged = figures.judge(&(String::from(name), now), &[], false);
            let line = judged.line.split_whitespace().collect::<Vec<_>>().join(" ");
            (line, judged.verdict, judged.is_above_base)
        };
        let expected = [
            (
                ("a", 1000),
                "1000 1000 +0.0 % 0.800 a",
                Verdict::Same,
                false,
            ),
            (
                ("a", 1010),
                "1000 1010 +1.0 % 0.808 a: WORSE than 0.8 of the base",
                Verdict::Same,
                true,
            ),
            (
                ("a", 1100),
                "1000 1100 +10.0 % 0.880 a: WORSE by more than 3 %: WORSE than 0.8 of the base",
                Verdict::Worse,
                true,
            ),
            (
                ("b", 15),
                "20 15 -25.0 % b: BETTER by more than 3 %",
                Verdict::Better,
                false,
            ),
            (("c", 1), "1 c: NEW", Verdict::Unknown, false),
        ];
        for ((name, now), line, verdict, is_above_base) in expected {
            assert_eq!(judge(name, now), (line.into(), verdict, is_above_base));
        }
    }

    #[test]
    fn a_cell_with_a_budget_may_be_two_per_cent_above_the_same_cell_without() {
        let committed = [("a".into(), 900), ("a, with a budget".into(), 1020)];
        let figures = Figures::default().updated(here(), &committed, true);
        let judge = |name: &str, now, counted: &[Counted], widened| {
            figures.judge(&(name.into(), now), counted, widened)
        };
        let name = "a, with a budget";
        let counted = [("a".into(), 1000)];
        assert!(!judge(name, 1020, &counted, false).is_above_base);
        let above = judge(name, 1021, &counted, false);
        assert!(
            above
                .line
                .ends_with("a, with a budget: WORSE than 1.02 of the base")
        );
        assert!(above.is_above_base && above.verdict == Verdict::Same);
        // Both are from the same run, whatever the tools are.
        assert!(judge(name, 1021, &counted, true).is_above_base);
        // Counted without the other.
        assert!(!judge(name, 918, &[], false).is_above_base);
        assert!(judge(name, 919, &[], false).is_above_base);
        assert!(!judge(name, 919, &[], true).is_above_base);
        // One that is new has its bound, too.
        let new = [("b".into(), 100), ("b, with a budget".into(), 103)];
        let above = figures.judge(&new[1], &new, false);
        assert_eq!(above.verdict, Verdict::Unknown);
        assert!(above.is_above_base && above.line.contains("1.030"));
        let alone = judge("c, with a budget", 1, &[], false);
        assert!(alone.is_above_base && alone.line.ends_with("no such cell without a budget"));
    }

    #[test]
    fn an_update_keeps_all_but_the_count_and_drops_what_is_gone() {
        let mut figures = based();
        if let Some(figure) = figures.cells.get_mut("a") {
            figure.tolerance = 7;
        }
        let counted = [("a".into(), 900)];
        assert_eq!(figures.missing_from(&counted), ["b"]);
        let figures = figures.updated(here(), &counted, true);
        let expected = Figure {
            instructions: 900,
            tolerance: 7,
            base: Some(1250),
            most: Some(0.8),
        };
        assert_eq!(figures.base.as_deref(), Some("08defa0"));
        assert_eq!(figures.cells, BTreeMap::from([("a".into(), expected)]));
    }

    #[test]
    fn an_update_gives_a_new_cell_no_base() {
        let figures = based().updated(here(), &[("c".into(), 30)], false);
        assert_eq!(figures.cells["c"], Figure::new(30));
    }

    #[test]
    fn an_update_of_some_cells_leaves_the_others() {
        let figures = figures().updated(Environment::default(), &[("b".into(), 30)], false);
        assert_eq!(figures.environment, here());
        assert_eq!(figures.cells["a"].instructions, 1000);
        assert_eq!(figures.cells["b"].instructions, 30);
    }
}
