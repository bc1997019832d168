//! The table of what each call waits for, and whether each row has tests of its own.

use std::collections::BTreeMap;

use super::document::Fault;
use super::table::{File, rows};

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What is wrong, in the order of the lines.
    pub(super) faults: Vec<Fault>,
    rows: usize,
    tests: usize,
}

impl Outcome {
    /// A sentence for the report.
    pub(super) fn summary(&self) -> String {
        let Self { rows, tests, .. } = self;
        format!("{rows} rows of calls that wait: {tests} tests")
    }
}

/// Checks the rows of `## What each call waits for`: the last cell of each names tests that run,
/// and no other row names them.
pub(super) fn check(text: &str, files: &[File]) -> Outcome {
    let mut outcome = Outcome::default();
    let mut tests = BTreeMap::new();
    // The first is the heading.
    for row in rows(text, "## What each call waits for").skip(1) {
        outcome.rows += 1;
        let line = row.line;
        for name in row.tests(files, &mut outcome.faults) {
            if let Some(first) = tests.insert(name, line) {
                let detail = format!("{name} stands in line {first} as well");
                outcome.faults.push(Fault { line, detail });
            }
        }
    }
    outcome.tests = tests.len();
    if outcome.rows == 0 {
        let detail = "no table of what each call waits for".into();
        outcome.faults.push(Fault { line: 1, detail });
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rows: &str) -> Vec<String> {
        let text = format!("## What each call waits for\n\n| call | tests |\n|---|---|\n{rows}");
        let link = "crates/a/tests/calls/connection.rs".to_owned();
        let files = [(link, "#[test]\nfn one() {}\n#[test]\nfn two() {}\n".into())];
        let faults = check(&text, &files).faults.into_iter();
        faults
            .map(|fault| format!("{}: {}", fault.line, fault.detail))
            .collect()
    }

    #[test]
    fn rows_with_tests_of_their_own_hold() {
        let rows =
            "| `a::recv` | `calls::one` |\n| `b` | `calls::two`, text |\n\n## Next\n| c | – |\n";
        assert!(faults(rows).is_empty());
    }

    #[test]
    fn a_row_without_a_test_of_its_own_is_a_fault() {
        let rows =
            "| `a` | `calls::one` |\n| `b::c` | none |\n| `d` | `calls::one`, `calls::six` |\n";
        assert_eq!(
            faults(rows),
            [
                "6: row `b::c` names no test",
                "7: there is no test calls::six",
                "7: calls::one stands in line 5 as well",
            ]
        );
        assert_eq!(faults(""), ["1: no table of what each call waits for"]);
    }
}
