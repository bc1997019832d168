//! The table of attacks, and whether the tests it names are there.

use std::collections::BTreeSet;

use super::document::Fault;
use super::source::functions;

/// A Rust file: where it is, and its text.
pub(super) type File = (String, String);

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What is wrong, in the order of the lines.
    pub(super) faults: Vec<Fault>,
    classes: usize,
    tests: usize,
}

impl Outcome {
    /// A sentence for the report.
    pub(super) fn summary(&self) -> String {
        let Self { classes, tests, .. } = self;
        format!("{classes} classes of attack: {tests} tests")
    }
}

/// Checks the rows of `## Attacks`: numbered without a gap, and each with tests that run.
pub(super) fn check(text: &str, files: &[File]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut tests = BTreeSet::new();
    let mut lines = text.lines().zip(1..);
    lines.find(|(line, _)| *line == "## Attacks");
    let section = lines.take_while(|(line, _)| !line.starts_with("## "));
    for (row, line) in section {
        let cells: Vec<_> = row.split(" | ").collect();
        let number = cells[0].strip_prefix("| ").map(str::parse::<usize>);
        let (Some(Ok(number)), Some(proof)) = (number, cells.last()) else {
            continue;
        };
        outcome.classes += 1;
        let mut fault = |detail| outcome.faults.push(Fault { line, detail });
        if number != outcome.classes {
            fault(format!("row {number} is number {}", outcome.classes));
        }
        let names: Vec<_> = named(proof).collect();
        if names.is_empty() {
            fault(format!("row {number} names no test"));
        }
        for name in names {
            if !exists(name, files) {
                fault(format!("there is no test {name}"));
            }
            tests.insert(name);
        }
    }
    outcome.tests = tests.len();
    if outcome.classes == 0 {
        let detail = "no table of attacks".into();
        outcome.faults.push(Fault { line: 1, detail });
    }
    outcome
}

/// The paths of tests in a cell: what is set as code and has two colons.
pub(super) fn named(cell: &str) -> impl Iterator<Item = &str> {
    let code = cell.split('`').skip(1).step_by(2);
    code.filter(|code| code.contains("::"))
}

/// Whether a file, or one in a directory, of the first name has a test of the last that runs.
pub(super) fn exists(path: &str, files: &[File]) -> bool {
    let first = path.split("::").next().unwrap_or_default();
    let last = path.rsplit("::").next().unwrap_or_default();
    let mut candidates = files.iter().filter(|(link, _)| {
        // Behind the crate's own directories: its name says nothing.
        let mut parts = link
            .split('/')
            .skip_while(|part| !["src", "tests"].contains(part));
        parts.any(|part| part.trim_end_matches(".rs") == first)
    });
    candidates.any(|(_, text)| {
        let mut found = functions(text, last).into_iter();
        found.any(|function| function.is_test && !function.is_ignored)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &str) -> Vec<String> {
        let text = format!("# Page\n\n## Attacks\n\n| # | class | tests |\n|---|---|---|\n{rows}");
        let file = |link: &str, text: &str| (link.to_owned(), text.to_owned());
        let files = [
            file("crates/a/tests/floods/pings.rs", "#[test]\nfn one() {}\n"),
            file(
                "crates/a/src/head.rs",
                "fn two() {}\n#[test]\n#[ignore]\nfn three() {}\n",
            ),
        ];
        let faults = check(&text, &files).faults.into_iter();
        faults
            .map(|fault| format!("{}: {}", fault.line, fault.detail))
            .collect()
    }

    #[test]
    fn tests_that_run_are_found_by_file_or_directory() {
        let rows = "| 1 | a | `pings::one` |\n| 2 | b | `floods::inner::one`, `cargo x` |\n\n\
                    ## Next\n| 9 | c | – |\n";
        assert!(faults(rows).is_empty());
    }

    #[test]
    fn what_is_missing_is_told_with_its_line() {
        assert_eq!(
            faults(
                "| 1 | a | `pings::two` |\n| 3 | b | none |\n| 3 | c | `head::two`, `head::three` |\n"
            ),
            [
                "7: there is no test pings::two",
                "8: row 3 is number 2",
                "8: row 3 names no test",
                "9: there is no test head::two",
                "9: there is no test head::three",
            ]
        );
        assert_eq!(faults(""), ["1: no table of attacks"]);
    }
}
