//! Whether the rows hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::document::{Document, Fault, Keyword, Proof, Row, Section, Test};
use super::module::is_compiled;
use super::source::functions;

/// What a check found.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What is wrong, in the order of the lines.
    pub(super) faults: Vec<Fault>,
    /// What there is.
    pub(super) summary: Summary,
}

/// The size of the table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    rows: usize,
    shown: usize,
    reasons: usize,
    tests: usize,
    keywords: usize,
}

/// Checks the document against the sources, which `read` gives by the link to them.
pub(super) fn check(document: &Document, read: impl Fn(&str) -> Option<String>) -> Outcome {
    let mut sources = BTreeMap::new();
    let mut faults = document.faults.clone();
    let mut tests = BTreeSet::new();
    let mut reasons = 0;
    for row in &document.rows {
        let Proof::Tests(proof) = &row.proof else {
            reasons += 1;
            continue;
        };
        for test in proof {
            let source = sources
                .entry(test.link.as_str())
                .or_insert_with(|| Source::read(&test.link, &read));
            if let Err(detail) = shows(test, &row.section, source) {
                let line = row.line;
                faults.push(Fault { line, detail });
            }
            tests.insert(test);
        }
    }
    faults.extend(miscounted(document));
    if document.rows.is_empty() {
        let detail = "no table of requirements".into();
        faults.push(Fault { line: 1, detail });
    }
    faults.sort_by_key(|fault| fault.line);
    let keywords = document.rows.iter().flat_map(|row| &row.keywords);
    Outcome {
        faults,
        summary: Summary {
            rows: document.rows.len(),
            shown: document.rows.len() - reasons,
            reasons,
            tests: tests.len(),
            keywords: keywords.map(|(_, times)| times).sum(),
        },
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows for {} keywords: {} shown by {} tests, {} with a reason instead",
            self.rows, self.keywords, self.shown, self.tests, self.reasons
        )
    }
}

/// A file that rows link to.
struct Source {
    text: Option<String>,
    is_compiled: bool,
}

impl Source {
    fn read(link: &str, mut read: impl FnMut(&str) -> Option<String>) -> Self {
        Self {
            text: read(link),
            is_compiled: is_compiled(link, &mut read),
        }
    }
}

/// Whether the file has this test, and its doc comment cites the section.
fn shows(test: &Test, section: &Section, source: &Source) -> Result<(), String> {
    let Test { link, name } = test;
    let Some(text) = &source.text else {
        return Err(format!("there is no file {link}"));
    };
    if !source.is_compiled {
        return Err(format!("no module names {link}, so its tests never run"));
    }
    let found = functions(text, name);
    let [function] = found.as_slice() else {
        return Err(match found.len() {
            0 => format!("there is no test {name} in {link}"),
            count => format!("there are {count} functions {name} in {link}"),
        });
    };
    if !function.is_test {
        return Err(format!("{name} in {link} is no test"));
    }
    if function.is_ignored {
        return Err(format!("{name} in {link} is ignored, so it shows nothing"));
    }
    if !function.cites.contains(section) {
        return Err(format!("the doc comment of {name} does not cite {section}"));
    }
    Ok(())
}

/// The sections whose rows do not stand for exactly the keywords counted in the RFC.
fn miscounted(document: &Document) -> Vec<Fault> {
    let mut faults = Vec::new();
    let counted: BTreeSet<_> = document.counts.iter().map(|count| &count.section).collect();
    for count in &document.counts {
        let rows = document.rows.iter();
        let of_section = rows.filter(|row| row.section == count.section);
        let stated = sums(of_section);
        for (index, keyword) in Keyword::ALL.into_iter().enumerate() {
            let (counted, stated) = (count.numbers[index], stated[index]);
            if counted != stated {
                faults.push(Fault {
                    line: count.line,
                    detail: format!(
                        "{} has {} {counted} times, its rows stand for {stated}",
                        count.section,
                        keyword.name()
                    ),
                });
            }
        }
    }
    // An RFC whose keywords are counted is counted as a whole.
    let rfcs: BTreeSet<_> = counted.iter().map(|section| &section.rfc).collect();
    let uncounted = document.rows.iter().filter(|row| {
        rfcs.contains(&row.section.rfc)
            && !counted.contains(&row.section)
            && !row.keywords.is_empty()
    });
    faults.extend(uncounted.map(|row| Fault {
        line: row.line,
        detail: format!("the keywords of {} are not counted", row.section),
    }));
    faults
}

/// How many of each keyword the rows stand for.
fn sums<'a>(rows: impl Iterator<Item = &'a Row>) -> [usize; 4] {
    let mut sums = [0; 4];
    for (keyword, times) in rows.flat_map(|row| &row.keywords) {
        for (sum, known) in sums.iter_mut().zip(Keyword::ALL) {
            *sum += if known == *keyword { *times } else { 0 };
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
        /// RFC 6455 §5.1\n#[test]\nfn masks() {}\n\
        /// RFC 6455 §5.1\nfn helper() {}\n\
        /// RFC 6455 §5.1\n#[test]\n#[ignore = \"slow\"]\nfn slow() {}\n\
        mod a {\n#[test]\nfn twice() {}\n}\nmod b {\n#[test]\nfn twice() {}\n}\n";

    fn checked(rows: &str) -> Outcome {
        let text = format!(
            "## RFC 6455\n| § | level | requirement | role | tests |\n|-|-|-|-|-|\n{rows}\n"
        );
        check(&Document::parse(&text), |link| {
            ["../a/tests/a.rs", "../a/src/lost.rs"]
                .contains(&link)
                .then(|| SOURCE.into())
        })
    }

    fn faults(rows: &str) -> Vec<String> {
        let faults = checked(rows).faults.into_iter();
        faults
            .map(|fault| format!("{}: {}", fault.line, fault.detail))
            .collect()
    }

    #[test]
    fn rows_that_hold_are_summed_up() {
        let rows = "\
            | 5.1 | MUST ×2 | mask | client | [`masks`](../a/tests/a.rs) |\n\
            | 5.1 | must | mask | both | [`masks`](../a/tests/a.rs) |\n\
            | 9 | SHOULD | fly | both | none: no wings |";
        let outcome = checked(rows);
        assert!(outcome.faults.is_empty(), "{:?}", outcome.faults);
        assert_eq!(
            outcome.summary.to_string(),
            "3 rows for 3 keywords: 2 shown by 1 tests, 1 with a reason instead"
        );
    }

    #[test]
    fn a_test_that_does_not_exist_shows_nothing() {
        for (test, fault) in [
            ("[`masks`](../b.rs)", "there is no file ../b.rs"),
            (
                "[`masks`](../a/src/lost.rs)",
                "no module names ../a/src/lost.rs, so its tests never run",
            ),
            (
                "[`mask`](../a/tests/a.rs)",
                "there is no test mask in ../a/tests/a.rs",
            ),
            (
                "[`helper`](../a/tests/a.rs)",
                "helper in ../a/tests/a.rs is no test",
            ),
            (
                "[`slow`](../a/tests/a.rs)",
                "slow in ../a/tests/a.rs is ignored, so it shows nothing",
            ),
            (
                "[`twice`](../a/tests/a.rs)",
                "there are 2 functions twice in ../a/tests/a.rs",
            ),
        ] {
            // The test that holds does not make up for the one that does not.
            let row =
                format!("| 5.1 | MUST | mask | client | [`masks`](../a/tests/a.rs), {test} |");
            assert_eq!(faults(&row), [format!("4: {fault}")]);
        }
    }

    #[test]
    fn a_test_that_cites_another_section_shows_nothing() {
        assert_eq!(
            faults("| 5.1.1 | MUST | mask | client | [`masks`](../a/tests/a.rs) |"),
            ["4: the doc comment of masks does not cite RFC 6455 §5.1.1"]
        );
    }

    #[test]
    fn a_row_without_test_and_reason_is_a_fault() {
        let [fault] = &faults(
            "| 5.1 | MUST | mask | client | none |\n| 5.1 | MUST | a | both | none: b |",
        )[..] else {
            panic!("one fault");
        };
        assert_eq!(fault, "4: no test and no reason");
    }

    #[test]
    fn an_empty_table_is_a_fault() {
        assert_eq!(faults(""), ["1: no table of requirements"]);
    }

    #[test]
    fn keywords_without_a_row_and_rows_without_a_keyword_are_faults() {
        let counts = "\n\n| § | MUST | MUST NOT | SHOULD | SHOULD NOT |\n|-|-|-|-|-|\n";
        let row = "| 5.1 | MUST ×2, MUST NOT | mask | client | [`masks`](../a/tests/a.rs) |";
        assert!(faults(&format!("{row}{counts}| 5.1 | 2 | 1 | 0 | 0 |")).is_empty());
        assert_eq!(
            faults(&format!("{row}{counts}| 5.1 | 3 | 0 | 0 | 1 |")),
            [
                "8: RFC 6455 §5.1 has MUST 3 times, its rows stand for 2",
                "8: RFC 6455 §5.1 has MUST NOT 0 times, its rows stand for 1",
                "8: RFC 6455 §5.1 has SHOULD NOT 1 times, its rows stand for 0",
            ]
        );
        assert_eq!(
            faults(&format!("{row}{counts}| 5.2 | 0 | 0 | 0 | 0 |")),
            ["4: the keywords of RFC 6455 §5.1 are not counted"]
        );
    }
}
