//! The tables of the document.
//!
//! ```text
//! ## RFC 6455                                         the RFC of all that follows
//! | § | level | requirement | role | tests |          demands, one a row
//! | 5.1 | MUST ×2 | … | client | [`name`](../crates/a/tests/b.rs), … |
//! | 4.1 | MUST | … | client | none: why |
//! | § | MUST | MUST NOT | SHOULD | SHOULD NOT |        keywords counted in the RFC's text
//! | 5.1 | 4 | 1 | 0 | 0 |
//! ```
//!
//! Any other table is left alone.

use std::fmt;

/// What was read, and what could not be.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Document {
    /// The demands, in order.
    pub(super) rows: Vec<Row>,
    /// The keywords counted, in order.
    pub(super) counts: Vec<Count>,
    /// Lines of these tables that are no row.
    pub(super) faults: Vec<Fault>,
}

/// One demand.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Where it stands, from 1.
    pub(super) line: usize,
    /// The RFC and section it is of.
    pub(super) section: Section,
    /// The keywords it stands for, and how many of each; none for a demand without a keyword.
    pub(super) keywords: Vec<(Keyword, usize)>,
    /// What shows it.
    pub(super) proof: Proof,
}

/// What shows that a demand is met.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// These tests.
    Tests(Vec<Test>),
    /// Nothing, for this reason.
    None(String),
}

/// A link to a test.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    /// Its file, as seen from the document.
    pub(super) link: String,
    /// Its function.
    pub(super) name: String,
}

/// How often the keywords stand in one section of an RFC.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Count {
    /// Where it stands, from 1.
    pub(super) line: usize,
    /// The section.
    pub(super) section: Section,
    /// One number for each of [`Keyword::ALL`].
    pub(super) numbers: [usize; 4],
}

/// A section of an RFC, such as `RFC 6455 §5.5.1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Section {
    /// The number of the RFC.
    pub(super) rfc: String,
    /// The number of the section.
    pub(super) number: String,
}

/// A keyword of RFC 2119 that demands something. What an RFC merely allows is not counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keyword {
    Must,
    MustNot,
    Should,
    ShouldNot,
}

/// What is wrong in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    /// The line, from 1.
    pub(super) line: usize,
    /// What is wrong.
    pub(super) detail: String,
}

impl Document {
    /// Reads the tables of the text.
    pub(super) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut rfc = None;
        let mut table = Table::Other;
        for (line, text) in (1..).zip(text.lines()) {
            if let Some(heading) = text.strip_prefix("## ") {
                let number = heading.strip_prefix("RFC ").map(|rest| {
                    let end = rest.find(|c: char| !c.is_ascii_digit());
                    rest[..end.unwrap_or(rest.len())].to_owned()
                });
                rfc = number;
            }
            let Some(cells) = cells(text) else {
                table = Table::Other;
                continue;
            };
            if cells.first() == Some(&"§") {
                table = Table::with_header(&cells);
                continue;
            }
            if cells.iter().all(|cell| is_rule(cell)) {
                continue;
            }
            let outcome = match (table, &rfc) {
                (Table::Other, _) => continue,
                (_, None) => Err("no heading '## RFC N' above it".into()),
                (Table::Demands, Some(rfc)) => {
                    row(line, rfc, &cells).map(|row| document.rows.push(row))
                }
                (Table::Counts, Some(rfc)) => {
                    count(line, rfc, &cells).map(|count| document.counts.push(count))
                }
            };
            if let Err(detail) = outcome {
                document.faults.push(Fault { line, detail });
            }
        }
        document
    }
}

impl Keyword {
    /// In the order of the columns that count them.
    pub(super) const ALL: [Self; 4] = [Self::Must, Self::MustNot, Self::Should, Self::ShouldNot];

    /// As the RFCs write it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::MustNot => "MUST NOT",
            Self::Should => "SHOULD",
            Self::ShouldNot => "SHOULD NOT",
        }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RFC {} §{}", self.rfc, self.number)
    }
}

#[derive(Clone, Copy)]
enum Table {
    Demands,
    Counts,
    Other,
}

impl Table {
    fn with_header(cells: &[&str]) -> Self {
        match cells {
            ["§", "level", "requirement", "role", "tests"] => Self::Demands,
            ["§", "MUST", "MUST NOT", "SHOULD", "SHOULD NOT"] => Self::Counts,
            _ => Self::Other,
        }
    }
}

/// The cells of a table's line. A bar inside a cell is written `\|`.
fn cells(line: &str) -> Option<Vec<&str>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = Vec::new();
    let mut start = 0;
    for (at, _) in inner.match_indices('|') {
        if !inner[..at].ends_with('\\') {
            cells.push(inner[start..at].trim());
            start = at + 1;
        }
    }
    cells.push(inner[start..].trim());
    Some(cells)
}

/// Whether the cell is one of the line between a table's header and its rows.
fn is_rule(cell: &str) -> bool {
    !cell.is_empty() && cell.chars().all(|c| matches!(c, '-' | ':'))
}

fn row(line: usize, rfc: &str, cells: &[&str]) -> Result<Row, String> {
    let &[number, level, requirement, role, tests] = cells else {
        return Err(format!("{} cells instead of 5", cells.len()));
    };
    if requirement.is_empty() {
        return Err("no requirement".into());
    }
    if !["client", "server", "both"].contains(&role) {
        return Err(format!("'{role}' is no role: client, server or both"));
    }
    Ok(Row {
        line,
        section: section(rfc, number)?,
        keywords: level_keywords(level)?,
        proof: proof(tests)?,
    })
}

fn count(line: usize, rfc: &str, cells: &[&str]) -> Result<Count, String> {
    let &[number, must, must_not, should, should_not] = cells else {
        return Err(format!("{} cells instead of 5", cells.len()));
    };
    let mut numbers = [0; 4];
    for (number, cell) in numbers.iter_mut().zip([must, must_not, should, should_not]) {
        *number = cell.parse().map_err(|_| format!("'{cell}' is no number"))?;
    }
    Ok(Count {
        line,
        section: section(rfc, number)?,
        numbers,
    })
}

fn section(rfc: &str, number: &str) -> Result<Section, String> {
    let valid = number
        .split('.')
        .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()));
    if !valid {
        return Err(format!("'{number}' is no section"));
    }
    Ok(Section {
        rfc: rfc.into(),
        number: number.into(),
    })
}

/// `MUST`, `MUST ×2, SHOULD`; or `MAY` and `must`, what is allowed and what is said without a
/// keyword, which stand for none.
fn level_keywords(level: &str) -> Result<Vec<(Keyword, usize)>, String> {
    if ["MAY", "must"].contains(&level) {
        return Ok(Vec::new());
    }
    let parts = level.split(',').map(|part| {
        let (name, times) = part.split_once('×').unwrap_or((part, "1"));
        let keyword = Keyword::ALL
            .into_iter()
            .find(|keyword| keyword.name() == name.trim());
        let times = times.trim().parse().ok().filter(|times| *times > 0);
        keyword.zip(times)
    });
    parts
        .collect::<Option<_>>()
        .ok_or_else(|| format!("'{level}' is no level"))
}

/// Links to tests with commas between, or `none: ` and the reason.
fn proof(cell: &str) -> Result<Proof, String> {
    if let Some(reason) = cell.strip_prefix("none") {
        let reason = reason.strip_prefix(':').unwrap_or_default().trim();
        return match reason {
            "" => Err("no test and no reason".into()),
            reason => Ok(Proof::None(reason.into())),
        };
    }
    let tests: Option<Vec<_>> = cell.split(", ").map(test).collect();
    let tests = tests.ok_or_else(|| format!("'{cell}' is neither tests nor 'none: reason'"))?;
    Ok(Proof::Tests(tests))
}

/// A link whose text is the function and whose target is the file.
fn test(link: &str) -> Option<Test> {
    let (name, link) = link
        .strip_prefix("[`")?
        .strip_suffix(')')?
        .split_once("`](")?;
    Some(Test {
        link: link.into(),
        name: name.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str =
        "## RFC 6455\n\n| § | level | requirement | role | tests |\n|--|--|--|--|--|\n";

    fn faults(row: &str) -> Vec<String> {
        let document = Document::parse(&format!("{HEADER}{row}\n"));
        assert!(document.faults.iter().all(|fault| fault.line == 5));
        let details = document.faults.into_iter().map(|fault| fault.detail);
        details.collect()
    }

    #[test]
    fn rows_and_counts_are_read_and_other_tables_left_alone() {
        let text = "# Conformance\n\
            | § | MUST | MUST NOT | SHOULD | SHOULD NOT | more |\n\
            ## RFC 6455: frames\n\
            | § | MUST | MUST NOT | SHOULD | SHOULD NOT |\n\
            |:--|--:|--:|--:|--:|\n\
            | 5.1 | 4 | 1 | 0 | 2 |\n\
            \n\
            | § | level | requirement | role | tests |\n\
            |---|---|---|---|---|\n\
            | 5.1 | MUST ×2, SHOULD NOT | mask \\| all | client | [`a`](../b.rs), [`c`](../d.rs) |\n\
            | 5.5.1 | must | wait | both | none: out of reach |\n\
            ## Other\n\
            | a | b |\n\
            |---|---|\n\
            | 1 | 2 |\n";
        let test = |name: &str, link: &str| Test {
            link: link.into(),
            name: name.into(),
        };
        assert_eq!(
            Document::parse(text),
            Document {
                rows: vec![
                    Row {
                        line: 10,
                        section: section("6455", "5.1").unwrap(),
                        keywords: vec![(Keyword::Must, 2), (Keyword::ShouldNot, 1)],
                        proof: Proof::Tests(vec![test("a", "../b.rs"), test("c", "../d.rs")]),
                    },
                    Row {
                        line: 11,
                        section: section("6455", "5.5.1").unwrap(),
                        keywords: vec![],
                        proof: Proof::None("out of reach".into()),
                    },
                ],
                counts: vec![Count {
                    line: 6,
                    section: section("6455", "5.1").unwrap(),
                    numbers: [4, 1, 0, 2],
                }],
                faults: vec![],
            }
        );
        // The heading of an RFC ends with the next heading.
        assert!(section("6455", "5.1").unwrap().to_string() == "RFC 6455 §5.1");
    }

    #[test]
    fn a_row_without_test_needs_a_reason() {
        for cell in ["none", "none:", "none: "] {
            let row = format!("| 5.1 | MUST | mask | client | {cell} |");
            assert_eq!(faults(&row), ["no test and no reason"]);
        }
        let row = "| 5.1 | MUST | mask | client |  |";
        assert_eq!(faults(row), ["'' is neither tests nor 'none: reason'"]);
    }

    #[test]
    fn what_is_no_row_is_a_fault_of_its_line() {
        for (row, fault) in [
            ("| 5.1 | MUST | mask | client |", "4 cells instead of 5"),
            ("| 5.1 | MUST |  | client | none: a |", "no requirement"),
            (
                "| 5. | MUST | mask | client | none: a |",
                "'5.' is no section",
            ),
            (
                "| §5 | MUST | mask | client | none: a |",
                "'§5' is no section",
            ),
            (
                "| 5 | MUSTN'T | mask | client | none: a |",
                "'MUSTN'T' is no level",
            ),
            (
                "| 5 | MUST ×0 | mask | client | none: a |",
                "'MUST ×0' is no level",
            ),
            (
                "| 5 | MUST | mask | proxy | none: a |",
                "'proxy' is no role: client, server or both",
            ),
            (
                "| 5 | MUST | mask | both | `a` |",
                "'`a`' is neither tests nor 'none: reason'",
            ),
        ] {
            assert_eq!(faults(row), [fault]);
        }
    }

    #[test]
    fn a_table_under_no_rfc_is_a_fault() {
        let row = "| § | level | requirement | role | tests |\n| 5 | MUST | a | both | none: b |";
        for heading in ["", "## RFC 6455\n## Others\n"] {
            let document = Document::parse(&format!("{heading}{row}\n"));
            assert_eq!(document.faults.len(), 1);
            assert_eq!(document.faults[0].detail, "no heading '## RFC N' above it");
        }
    }

    #[test]
    fn what_is_counted_is_a_number() {
        let text =
            "## RFC 6455\n| § | MUST | MUST NOT | SHOULD | SHOULD NOT |\n| 5 | a | 0 | 0 | 0 |";
        assert_eq!(Document::parse(text).faults[0].detail, "'a' is no number");
    }
}
