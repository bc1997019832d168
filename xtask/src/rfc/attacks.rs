//! The table of attacks, and whether the tests it names are there.

use super::document::Fault;
use super::table::{self, File, Outcome, rows};

/// Checks the rows of `## Attacks`: numbered without a gap, and each with tests that run.
pub(super) fn check(text: &str, files: &[File]) -> Outcome {
    // Tables that attack nothing are not numbered, nor are headings.
    let attacks = rows(text, "## Attacks").filter(|row| row.first().parse::<usize>().is_ok());
    let mut place = 0;
    table::check(attacks, "classes of attack", "attacks", |row, faults| {
        place += 1;
        if row.first() != place.to_string() {
            let detail = format!("row {} is number {place}", row.first());
            let line = row.line;
            faults.push(Fault { line, detail });
        }
        row.tests(files, faults)
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
