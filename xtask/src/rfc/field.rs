//! The table of what breaks in the field, and whether each kind has tests.

use super::table::{self, File, Outcome, rows};

/// Checks the rows of `## What breaks in the field`: the last cell of each names tests that run.
pub(super) fn check(text: &str, files: &[File]) -> Outcome {
    let table = rows(text, "## What breaks in the field, and what happens here");
    table::check(
        table.filter(|row| row.first() != HEADING),
        "kinds of fault in the field",
        "what breaks in the field",
        |row, faults| row.tests(files, faults),
    )
}

/// The first cell of the table's heading.
const HEADING: &str = "what users meet";

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(rows: &str) -> Outcome {
        let text = format!(
            "## What breaks in the field, and what happens here\n\n\
             | what users meet | here | tests |\n|---|---|---|\n{rows}"
        );
        let link = "crates/a/tests/server/pages.rs".to_owned();
        check(&text, &[(link, "#[test]\nfn one() {}\n".into())])
    }

    #[test]
    fn kinds_may_share_tests() {
        let outcome = checked("| a | b | `pages::one` |\n| c | d | `server::one` |\n");
        assert_eq!(outcome.faults, []);
        assert_eq!(outcome.summary(), "2 kinds of fault in the field: 2 tests");
    }

    #[test]
    fn a_kind_without_a_test_that_runs_is_a_fault() {
        let faults = |rows| {
            let faults = checked(rows).faults.into_iter();
            faults
                .map(|fault| format!("{}: {}", fault.line, fault.detail))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            faults("| a | b | none |\n| c | d | `pages::two` |\n"),
            ["5: row a names no test", "6: there is no test pages::two"]
        );
        assert_eq!(faults(""), ["1: no table of what breaks in the field"]);
    }
}
