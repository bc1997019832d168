//! The table of what each call waits for, and whether each row has tests of its own.

use std::collections::BTreeMap;

use super::document::Fault;
use super::table::{self, File, Outcome, rows};

/// Checks the rows of `## What each call waits for`: the last cell of each names tests that run,
/// and no other row names them.
pub(super) fn check(text: &str, files: &[File]) -> Outcome {
    let mut lines = BTreeMap::new();
    // The first is the heading.
    let table = rows(text, "## What each call waits for").skip(1);
    let kind = "rows of calls that wait";
    table::check(table, kind, "what each call waits for", |row, faults| {
        let line = row.line;
        let names = row.tests(files, faults);
        for name in &names {
            if let Some(first) = lines.insert(*name, line) {
                let detail = format!("{name} stands in line {first} as well");
                faults.push(Fault { line, detail });
            }
        }
        names
    })
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
