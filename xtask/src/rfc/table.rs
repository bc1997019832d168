//! Tables of a document whose last column names tests.

use std::collections::BTreeSet;

use super::document::Fault;
use super::source::functions;

/// A Rust file: where it is, and its text.
pub(super) type File = (String, String);

/// A row, and its line in the document.
pub(super) struct Row<'a> {
    pub(super) line: usize,
    text: &'a str,
}

/// The rows of the tables below a heading, up to the next one of the same level.
pub(super) fn rows<'a>(text: &'a str, heading: &str) -> impl Iterator<Item = Row<'a>> {
    let mut lines = text.lines().zip(1..);
    lines.find(|(line, _)| *line == heading);
    let section = lines.take_while(|(line, _)| !line.starts_with("## "));
    let table = section.filter(|(line, _)| line.starts_with("| "));
    table.map(|(text, line)| Row { line, text })
}

/// What the check of a table found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// What is wrong, in the order of the lines.
    pub(super) faults: Vec<Fault>,
    kind: &'static str,
    rows: usize,
    tests: usize,
}

impl Outcome {
    /// A sentence for the report.
    pub(super) fn summary(&self) -> String {
        let Self {
            kind, rows, tests, ..
        } = self;
        format!("{rows} {kind}: {tests} tests")
    }
}

/// Checks each row of a table, which has some. `kind` says what the rows are, and `table` of what
/// it is a table; `tests` are those that a row names, and finds what is wrong with it.
pub(super) fn check<'a>(
    rows: impl IntoIterator<Item = Row<'a>>,
    kind: &'static str,
    table: &str,
    mut tests: impl FnMut(&Row<'a>, &mut Vec<Fault>) -> Vec<&'a str>,
) -> Outcome {
    let (mut faults, mut count, mut named) = (Vec::new(), 0, BTreeSet::new());
    for row in rows {
        count += 1;
        named.extend(tests(&row, &mut faults));
    }
    if count == 0 {
        let detail = format!("no table of {table}");
        faults.push(Fault { line: 1, detail });
    }
    Outcome {
        faults,
        kind,
        rows: count,
        tests: named.len(),
    }
}

impl<'a> Row<'a> {
    /// The first cell.
    pub(super) fn first(&self) -> &'a str {
        let cell = self.text.split(" | ").next().unwrap_or_default();
        cell.strip_prefix("| ").unwrap_or(cell)
    }

    /// The tests that the last cell names, and what is wrong with them.
    pub(super) fn tests(&self, files: &[File], faults: &mut Vec<Fault>) -> Vec<&'a str> {
        let Row { line, text } = *self;
        let names: Vec<_> = named(text.rsplit(" | ").next().unwrap_or(text)).collect();
        let mut fault = |detail| faults.push(Fault { line, detail });
        if names.is_empty() {
            fault(format!("row {} names no test", self.first()));
        }
        for name in &names {
            if !exists(name, files) {
                fault(format!("there is no test {name}"));
            }
        }
        names
    }
}

/// The paths of tests in a cell: what is set as code and has two colons.
fn named(cell: &str) -> impl Iterator<Item = &str> {
    let code = cell.split('`').skip(1).step_by(2);
    code.filter(|code| code.contains("::"))
}

/// Whether a file, or one in a directory, of the first name has a test of the last that runs.
fn exists(path: &str, files: &[File]) -> bool {
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
