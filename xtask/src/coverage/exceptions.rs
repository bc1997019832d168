//! The committed exceptions: `docs/coverage.toml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::committed;
use crate::coverage::report::{Missing, Never, Report};
use crate::error::Error;

/// What may be uncovered, and why.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exceptions {
    #[serde(default, rename = "exception")]
    all: Vec<Exception>,
}

/// Places of one file that are uncovered for one reason. Each stands for one line, by its text: a
/// line that is there twice is listed twice.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    /// From the root of the source tree.
    file: String,
    reason: String,
    /// Conditions that are never true, and patterns that never match.
    #[serde(default)]
    never_true: Vec<String>,
    /// Conditions that are never false, and patterns that always match.
    #[serde(default)]
    never_false: Vec<String>,
    /// Code that is never run; the first line of several.
    #[serde(default)]
    never_run: Vec<String>,
}

/// How the exceptions relate to a report.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judgement {
    /// No exception allows them.
    pub(super) uncovered: Vec<Missing>,
    /// How many places an exception allows.
    pub(super) excused: usize,
    /// The exceptions that nothing needs.
    pub(super) stale: Vec<String>,
}

impl Exceptions {
    /// Reads the file; where there is none, there are no exceptions.
    pub(super) fn load(path: &Path) -> Result<Self, Error> {
        committed::load(path, Self::parse)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let exceptions: Self = toml::from_str(text).map_err(|error| error.to_string())?;
        match exceptions.all.iter().find(|it| it.reason.trim().is_empty()) {
            Some(exception) => Err(format!("an exception of {} has no reason", exception.file)),
            None => Ok(exceptions),
        }
    }

    /// Compares them with what was measured of the packages in `folders`.
    pub(super) fn judge(&self, report: &Report, folders: &[String]) -> Judgement {
        let mut left: BTreeMap<(&str, Never, &str), usize> = BTreeMap::new();
        for exception in &self.all {
            let is_measured = |folder: &String| exception.file.starts_with(&format!("{folder}/"));
            if !folders.iter().any(is_measured) {
                continue;
            }
            for (never, lines) in [
                (Never::True, &exception.never_true),
                (Never::False, &exception.never_false),
                (Never::Run, &exception.never_run),
            ] {
                for line in lines {
                    *left.entry((&exception.file, never, line)).or_default() += 1;
                }
            }
        }
        let mut judgement = Judgement::default();
        for missing in report.files.iter().flat_map(|file| &file.missing) {
            match left.get_mut(&(missing.file.as_str(), missing.never, missing.text.as_str())) {
                Some(count) if *count > 0 => {
                    *count -= 1;
                    judgement.excused += 1;
                }
                _ => judgement.uncovered.push(missing.clone()),
            }
        }
        for ((file, never, line), count) in left {
            let stale = format!("{file}: never {never}: {line}");
            judgement.stale.extend(std::iter::repeat_n(stale, count));
        }
        judgement
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::report::{File, Tally};

    fn missing(line: usize, never: Never, text: &str) -> Missing {
        Missing {
            file: "crates/a/src/lib.rs".into(),
            lines: (line, line),
            text: text.into(),
            condition: String::new(),
            never,
        }
    }

    fn report(missing: Vec<Missing>) -> Report {
        let files = vec![File {
            name: "crates/a/src/lib.rs".into(),
            lines: Tally::default(),
            branches: Tally::default(),
            missing,
        }];
        Report { files }
    }

    fn judged(exceptions: &str, missing: Vec<Missing>) -> Judgement {
        let exceptions = Exceptions::parse(exceptions).unwrap();
        exceptions.judge(&report(missing), &["crates/a".into()])
    }

    const IF_A: &str = "\
        [[exception]]\n\
        file = \"crates/a/src/lib.rs\"\n\
        reason = \"a is always so\"\n\
        never_false = [\"if a {\"]\n";

    #[test]
    fn an_exception_excuses_its_side_wherever_its_line_stands() {
        for line in [3, 99] {
            let judgement = judged(IF_A, vec![missing(line, Never::False, "if a {")]);
            assert_eq!((judgement.excused, judgement.uncovered.len()), (1, 0));
            assert!(judgement.stale.is_empty());
        }
    }

    #[test]
    fn another_side_or_another_line_is_not_excused() {
        let places = vec![
            missing(3, Never::False, "if a {"),
            missing(3, Never::True, "if a {"),
            missing(4, Never::Run, "if a {"),
            missing(9, Never::False, "if b {"),
        ];
        let judgement = judged(IF_A, places.clone());
        assert_eq!(judgement.excused, 1);
        assert_eq!(judgement.uncovered, places[1..]);
    }

    #[test]
    fn a_line_that_stands_twice_needs_two_exceptions() {
        let places = || {
            vec![
                missing(3, Never::False, "if a {"),
                missing(9, Never::False, "if a {"),
            ]
        };
        assert_eq!(judged(IF_A, places()).uncovered, places()[1..]);
        let both = IF_A.replace("[\"if a {\"]", "[\"if a {\", \"if a {\"]");
        assert_eq!(judged(&both, places()).excused, 2);
    }

    #[test]
    fn an_exception_nothing_needs_is_told() {
        let judgement = judged(IF_A, Vec::new());
        assert_eq!(
            judgement.stale,
            ["crates/a/src/lib.rs: never false: if a {"]
        );
    }

    #[test]
    fn exceptions_of_what_was_not_measured_rest() {
        let exceptions = Exceptions::parse(IF_A).unwrap();
        let judgement = exceptions.judge(&report(Vec::new()), &["crates/ab".into()]);
        assert_eq!(judgement, Judgement::default());
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let error = Exceptions::parse(&IF_A.replace("a is always so", " ")).unwrap_err();
        assert_eq!(error, "an exception of crates/a/src/lib.rs has no reason");
    }
}
