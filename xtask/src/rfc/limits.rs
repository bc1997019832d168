//! The table of limits and defaults in the README, and whether each row has tests.

use super::document::Fault;
use super::table::{self, File, rows};

/// What a check found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What is wrong with the README, in the order of its lines.
    pub(super) in_readme: Vec<Fault>,
    /// What the table of tests holds, and what is wrong with it.
    pub(super) of_tests: table::Outcome,
}

/// Checks the rows of `## Limits and defaults` against those in the documentation of the tests: each
/// has one with tests that run, and no other is there.
pub(super) fn check(readme: &str, tests: &str, files: &[File]) -> Outcome {
    let text: Vec<_> = tests.lines().map(uncommented).collect();
    let text = text.join("\n");
    // The first are the headings.
    let tested: Vec<_> = rows(&text, "## The tests of each row").skip(1).collect();
    let limits: Vec<_> = rows(readme, "## Limits and defaults").skip(1).collect();
    let mut in_readme = Vec::new();
    for row in &limits {
        if !tested.iter().any(|other| other.first() == row.first()) {
            let detail = format!("row {} has no tests", row.first());
            let line = row.line;
            in_readme.push(Fault { line, detail });
        }
    }
    if limits.is_empty() {
        let detail = "no table of limits and defaults".into();
        in_readme.push(Fault { line: 1, detail });
    }
    let (kind, table) = (
        "rows of limits and defaults",
        "the tests of limits and defaults",
    );
    let of_tests = table::check(tested, kind, table, |row, faults| {
        let names = row.tests(files, faults);
        if !limits.iter().any(|other| other.first() == row.first()) {
            let detail = format!("there is no row {}", row.first());
            let line = row.line;
            faults.push(Fault { line, detail });
        }
        names
    });
    Outcome {
        in_readme,
        of_tests,
    }
}

/// A line of documentation as it is read.
fn uncommented(line: &str) -> &str {
    let line = line.strip_prefix("//!").unwrap_or(line);
    line.strip_prefix(' ').unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "## Limits and defaults\n\n| what | default |\n|---|---|\n\
                          | a head | 16 KiB |\n| `x::y`, always | 5 s; 6 s |\n\n## Next\n| z | 1 |\n";

    fn checked(readme: &str, tests: &str) -> [Vec<String>; 2] {
        let tests = format!(
            "//! ## The tests of each row\n//!\n//! | row | tests |\n//! |---|---|\n{tests}"
        );
        let link = "crates/a/tests/limits/opening.rs".to_owned();
        let files = [(link, "#[test]\nfn one() {}\n#[test]\nfn two() {}\n".into())];
        let outcome = check(readme, &tests, &files);
        let told = |faults: &[Fault]| {
            let faults = faults.iter();
            faults
                .map(|fault| format!("{}: {}", fault.line, fault.detail))
                .collect::<Vec<_>>()
        };
        [told(&outcome.in_readme), told(&outcome.of_tests.faults)]
    }

    #[test]
    fn rows_with_tests_hold() {
        let tests =
            "//! | a head | `opening::one` |\n//! | `x::y`, always | `opening::two` |\n\nmod a;\n";
        assert!(checked(README, tests).concat().is_empty());
    }

    #[test]
    fn what_is_missing_on_either_side_is_told() {
        let tests = "//! | a head | `opening::three` |\n//! | `x::y` | `opening::two` |\n";
        let [readme, tests] = checked(README, tests);
        assert_eq!(readme, ["6: row `x::y`, always has no tests"]);
        assert_eq!(
            tests,
            [
                "5: there is no test opening::three",
                "6: there is no row `x::y`"
            ]
        );
        let [readme, _] = checked("", "");
        assert_eq!(readme, ["1: no table of limits and defaults"]);
    }
}
