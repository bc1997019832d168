//! The table of attacks, and whether the tests it names are there.

use std::collections::BTreeSet;

use super::document::Fault;
use super::table::{File, rows};

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
    for row in rows(text, "## Attacks") {
        // Tables that attack nothing are not numbered, nor are headings.
        let Ok(number) = row.first().parse::<usize>() else {
            continue;
        };
        outcome.classes += 1;
        if number != outcome.classes {
            let detail = format!("row {number} is number {}", outcome.classes);
            let line = row.line;
            outcome.faults.push(Fault { line, detail });
        }
        tests.extend(row.tests(files, &mut outcome.faults));
    }
    outcome.tests = tests.len();
    if outcome.classes == 0 {
        let detail = "no table of attacks".into();
        outcome.faults.push(Fault { line: 1, detail });
    }
    outcome
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
