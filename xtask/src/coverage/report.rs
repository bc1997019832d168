//! What an export of llvm-cov says about the source.
//!
//! A generic function is in it once for each type, an inlined one once for each program: what the
//! same place did in any of them is added up. A place that is never compiled for a test is not in
//! it at all.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::IgnoredAny;

/// A place in a source file: line and column, of its begin and of its end.
type Span = (usize, usize, usize, usize);

/// What ran, by file, as llvm-cov names it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Covered {
    pub(super) files: BTreeMap<String, Places>,
}

/// How often the places of one file were reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    regions: BTreeMap<Span, u64>,
    /// Each condition, and how often it was true and false.
    branches: BTreeMap<Span, (u64, u64)>,
}

impl Covered {
    /// Reads an export and merges the instantiations.
    pub(super) fn parse(json: &str) -> Result<Self, serde_json::Error> {
        let export: Export = serde_json::from_str(json)?;
        let mut covered = Self::default();
        for data in export.data {
            for file in data.files {
                let places = covered.files.entry(file.filename).or_default();
                for Branch(from, column, to, end, yes, no, _, _, _) in file.branches {
                    let sides = places.branches.entry((from, column, to, end)).or_default();
                    sides.0 = sides.0.saturating_add(yes);
                    sides.1 = sides.1.saturating_add(no);
                }
            }
            for function in data.functions {
                for Region(from, column, to, end, count, file, _, kind) in function.regions {
                    let Some(file) = function.filenames.get(file).filter(|_| kind == CODE) else {
                        continue;
                    };
                    let places = covered.files.entry(file.clone()).or_default();
                    let sum = places.regions.entry((from, column, to, end)).or_default();
                    *sum = sum.saturating_add(count);
                }
            }
        }
        Ok(covered)
    }
}

/// What the tests leave uncovered in the files that were asked for.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) files: Vec<File>,
}

/// One file's share.
#[derive(Debug)]
pub(super) struct File {
    /// From the root of the source tree.
    pub(super) name: String,
    pub(super) lines: Tally,
    /// Sides of conditions.
    pub(super) branches: Tally,
    pub(super) missing: Vec<Missing>,
}

/// How many there are, and how many of them ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) ran: usize,
    pub(super) all: usize,
}

/// A place no test reaches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missing {
    pub(super) file: String,
    /// The first line and the last.
    pub(super) lines: (usize, usize),
    /// The first line's text, which tells a place longer than its number does.
    pub(super) text: String,
    /// The condition among those on the line; empty for code.
    pub(super) condition: String,
    pub(super) never: Never,
}

/// What does not happen there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Never {
    /// A condition is never true, or a pattern never matches.
    True,
    /// A condition is never false, or a pattern always matches.
    False,
    /// The code is not run.
    Run,
}

impl Report {
    /// Adds a file with its source.
    pub(super) fn add(&mut self, name: String, places: &Places, source: &str) {
        let source = Source::new(source);
        let mut missing = Vec::new();
        let mut branches = Tally::default();
        for (span, (yes, no)) in &places.branches {
            if !source.is_code(span.0) {
                continue;
            }
            for (count, never) in [(yes, Never::True), (no, Never::False)] {
                branches.add(*count > 0);
                if *count == 0 {
                    missing.push(Missing {
                        condition: source.part(span).to_owned(),
                        ..source.missing(&name, (span.0, span.0), never)
                    });
                }
            }
        }
        let (lines, idle) = source.lines(&places.regions);
        missing.extend(
            idle.iter()
                .map(|lines| source.missing(&name, *lines, Never::Run)),
        );
        missing.sort_by_key(|place| (place.lines, place.never));
        self.files.push(File {
            name,
            lines,
            branches,
            missing,
        });
    }

    /// Lines and sides of all files.
    pub(super) fn total(&self) -> (Tally, Tally) {
        let mut total = (Tally::default(), Tally::default());
        for file in &self.files {
            for (sum, part) in [(&mut total.0, file.lines), (&mut total.1, file.branches)] {
                sum.ran += part.ran;
                sum.all += part.all;
            }
        }
        total
    }
}

impl Tally {
    fn add(&mut self, ran: bool) {
        self.all += 1;
        self.ran += usize::from(ran);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{} of {}", self.ran, self.all))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = self.lines;
        write!(f, "{}:{first}", self.file)?;
        if last > first {
            write!(f, "-{last}")?;
        }
        write!(f, ": never {}: {}", self.never, self.text)?;
        match self.condition.as_str() {
            "" => Ok(()),
            condition => write!(f, "  ({condition})"),
        }
    }
}

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::True => "true",
            Self::False => "false",
            Self::Run => "run",
        })
    }
}

/// A source file without its tests, which stand last.
struct Source<'a>(Vec<&'a str>);

impl<'a> Source<'a> {
    fn new(text: &'a str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        let tests = lines
            .windows(2)
            .position(|pair| pair == ["#[cfg(test)]", "mod tests {"]);
        let len = tests.unwrap_or(lines.len());
        Self(lines.into_iter().take(len).collect())
    }

    /// A line's text without indentation; none behind the end.
    fn text(&self, line: usize) -> &'a str {
        let index = line.saturating_sub(1);
        self.0.get(index).map_or("", |text| text.trim())
    }

    /// Whether a line has anything that could run.
    fn is_code(&self, line: usize) -> bool {
        let text = self.text(line);
        !text.is_empty() && !text.starts_with("//")
    }

    /// How many lines have run whole, and from where to where those stand that have not.
    fn lines(&self, regions: &BTreeMap<Span, u64>) -> (Tally, Vec<(usize, usize)>) {
        let (mut all, mut idle) = (BTreeSet::new(), BTreeSet::new());
        for (span, count) in regions {
            let lines = (span.0..=span.2).filter(|line| self.is_code(*line));
            all.extend(lines.clone());
            // What is left out behind a condition is that condition's side.
            if *count == 0 && !self.is_brace(span) {
                idle.extend(lines);
            }
        }
        let tally = Tally {
            ran: all.len() - idle.len(),
            all: all.len(),
        };
        let mut groups: Vec<(usize, usize)> = Vec::new();
        for line in idle {
            match groups.last_mut() {
                Some((_, last)) if (*last + 1..line).all(|between| !self.is_code(between)) => {
                    *last = line;
                }
                _ => groups.push((line, line)),
            }
        }
        (tally, groups)
    }

    /// Whether a place is a closing brace alone: the end of a block, or the `else` that is not
    /// there.
    fn is_brace(&self, span: &Span) -> bool {
        span.0 == span.2 && matches!(self.part(span), "" | "}")
    }

    /// The text of a place within one line, of a longer one what its first line has of it.
    fn part(&self, &(line, from, last, to): &Span) -> &'a str {
        let text = self.0.get(line.saturating_sub(1)).copied().unwrap_or("");
        let to = if line == last {
            to.saturating_sub(1)
        } else {
            text.len()
        };
        text.get(from.saturating_sub(1)..to).unwrap_or("")
    }

    fn missing(&self, file: &str, lines: (usize, usize), never: Never) -> Missing {
        Missing {
            file: file.to_owned(),
            lines,
            text: self.text(lines.0).to_owned(),
            condition: String::new(),
            never,
        }
    }
}

/// The regions that stand for code; others are macros, comments and gaps.
const CODE: u64 = 0;

/// `llvm-cov export`, as far as it matters here.
#[derive(Deserialize)]
struct Export {
    data: Vec<Data>,
}

#[derive(Deserialize)]
struct Data {
    files: Vec<ExportedFile>,
    functions: Vec<Function>,
}

#[derive(Deserialize)]
struct ExportedFile {
    filename: String,
    branches: Vec<Branch>,
}

#[derive(Deserialize)]
struct Function {
    filenames: Vec<String>,
    regions: Vec<Region>,
}

/// Line and column, line and column of the end, times true, times false; then two files and a kind.
#[derive(Deserialize)]
struct Branch(
    usize,
    usize,
    usize,
    usize,
    u64,
    u64,
    IgnoredAny,
    IgnoredAny,
    IgnoredAny,
);

/// Line and column, line and column of the end, times run, index of the file, expanded file, kind.
#[derive(Deserialize)]
struct Region(usize, usize, usize, usize, u64, usize, IgnoredAny, u64);

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
fn sign<T: Number>(it: T) -> u8 {
    if it.is_low() && it.is_odd() {
        return 1;
    }
    // Both are rare.
    if it.is_high() {
        2
    } else {
        3
    }
}

#[cfg(test)]
mod tests {
    if never() {}
}
";

    /// Two instantiations of `sign`, one test.
    const EXPORT: &str = r#"{"type": "llvm.coverage.json.export", "data": [{
        "files": [{"filename": "/w/sign.rs", "branches": [
            [2, 8, 2, 19, 5, 0, 0, 0, 4], [2, 23, 2, 34, 0, 5, 0, 0, 4],
            [2, 8, 2, 19, 0, 1, 0, 0, 4], [2, 23, 2, 34, 0, 0, 0, 0, 4],
            [6, 8, 6, 20, 0, 1, 0, 0, 4], [15, 8, 15, 15, 0, 1, 0, 0, 4]
        ]}],
        "functions": [
            {"name": "sign::<u8>", "filenames": ["/w/sign.rs"], "regions": [
                [1, 1, 1, 32, 5, 0, 0, 0], [3, 9, 3, 17, 0, 0, 0, 0], [4, 5, 4, 6, 0, 0, 0, 0],
                [6, 8, 6, 20, 0, 0, 0, 0], [7, 9, 7, 10, 0, 0, 0, 0], [9, 9, 9, 10, 0, 0, 0, 0]
            ]},
            {"name": "sign::<u9>", "filenames": ["/w/macros.rs", "/w/sign.rs"], "regions": [
                [1, 1, 1, 32, 1, 1, 0, 0], [3, 9, 3, 17, 0, 1, 0, 0], [2, 1, 2, 9, 0, 1, 0, 2],
                [6, 8, 6, 20, 1, 1, 0, 0], [9, 9, 9, 10, 1, 1, 0, 0], [15, 5, 15, 15, 0, 1, 0, 0]
            ]}
        ]
    }]}"#;

    fn report() -> Report {
        let covered = Covered::parse(EXPORT).unwrap();
        let mut report = Report::default();
        report.add("sign.rs".into(), &covered.files["/w/sign.rs"], SOURCE);
        report
    }

    #[test]
    fn instantiations_are_added_up_by_place() {
        let covered = Covered::parse(EXPORT).unwrap();
        let places = &covered.files["/w/sign.rs"];
        assert_eq!(places.branches[&(2, 8, 2, 19)], (5, 1));
        assert_eq!(places.branches[&(2, 23, 2, 34)], (0, 5));
        assert_eq!(places.regions[&(1, 1, 1, 32)], 6);
        assert_eq!(places.regions[&(6, 8, 6, 20)], 1);
        // A gap is no code.
        assert!(!places.regions.contains_key(&(2, 1, 2, 9)));
    }

    #[test]
    fn sides_and_lines_are_counted_without_tests_and_braces() {
        let report = report();
        assert_eq!(report.files[0].branches, Tally { ran: 4, all: 6 });
        assert_eq!(report.files[0].lines, Tally { ran: 4, all: 6 });
        assert_eq!(report.total().1.to_string(), "4 of 6");
    }

    #[test]
    fn what_is_missing_is_named_by_its_text() {
        let missing: Vec<_> = report().files[0]
            .missing
            .iter()
            .map(Missing::to_string)
            .collect();
        assert_eq!(
            missing,
            [
                "sign.rs:2: never true: if it.is_low() && it.is_odd() {  (it.is_odd())",
                "sign.rs:3: never run: return 1;",
                "sign.rs:6: never true: if it.is_high() {  (it.is_high())",
                "sign.rs:7: never run: 2",
            ]
        );
    }

    #[test]
    fn idle_lines_with_only_comments_between_are_one_place() {
        let source = Source::new("a();\n\n// b\nc();\nd();\ne();\n");
        let region = |line, count| ((line, 1, line, 5), count);
        let regions = [region(1, 0), region(4, 0), region(5, 1), region(6, 0)];
        let (tally, idle) = source.lines(&BTreeMap::from(regions));
        assert_eq!(tally, Tally { ran: 1, all: 4 });
        assert_eq!(idle, [(1, 4), (6, 6)]);
    }

    #[test]
    fn an_export_of_another_shape_is_refused() {
        assert!(Covered::parse(&EXPORT.replace("[2, 8, 2, 19, 5, 0,", "[2, 8,")).is_err());
    }
}
