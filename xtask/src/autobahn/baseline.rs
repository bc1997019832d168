//! The committed results of the last blessed run: `autobahn/baseline-{server,client}.json`.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::autobahn::report::{Behaviour, Outcome, Report};
use crate::committed;
use crate::error::Error;

/// One line of the baseline: behaviour, behaviour of the closing, and our close code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Line(Behaviour, Behaviour, Option<u16>);

impl From<&Outcome> for Line {
    fn from(outcome: &Outcome) -> Self {
        Self(
            outcome.behaviour,
            outcome.behaviour_close,
            outcome.remote_close_code,
        )
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(behaviour, closing, code) = self;
        match code {
            Some(code) => write!(f, "{behaviour}, close {closing} with {code}"),
            None => write!(f, "{behaviour}, close {closing} without a code"),
        }
    }
}

/// The results a run is compared with, by case id.
#[derive(Debug, Default)]
pub(crate) struct Baseline(BTreeMap<String, Line>);

/// How a result relates to the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trend {
    Better,
    Worse,
    /// The verdicts are the same, the close code is not.
    Other,
    /// The baseline does not know the case.
    New,
}

impl fmt::Display for Trend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Better => "better than the baseline",
            Self::Worse => "worse than the baseline",
            Self::Other => "not as in the baseline",
            Self::New => "not in the baseline",
        })
    }
}

impl Baseline {
    /// Reads the file; where there is none, nothing is known yet.
    pub(crate) fn load(path: &Path) -> Result<Self, Error> {
        committed::load(path, Self::parse)
    }

    /// Reads the text of the file.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        serde_json::from_str(text)
            .map(Self)
            .map_err(|error| error.to_string())
    }

    /// What changed since: trend and a text that names both results; `None` where nothing did.
    pub(crate) fn compare(&self, id: &str, outcome: &Outcome) -> Option<(Trend, String)> {
        let now = Line::from(outcome);
        let Some(then) = self.0.get(id) else {
            return Some((Trend::New, now.to_string()));
        };
        if *then == now {
            return None;
        }
        let trend = match (now.0, now.1).cmp(&(then.0, then.1)) {
            std::cmp::Ordering::Less => Trend::Better,
            std::cmp::Ordering::Greater => Trend::Worse,
            std::cmp::Ordering::Equal => Trend::Other,
        };
        Some((trend, format!("{now}; was {then}")))
    }

    /// Takes over the results of a run; cases that did not run keep theirs.
    pub(crate) fn bless(&mut self, report: &Report) {
        for (id, outcome) in &report.0 {
            self.0.insert(id.clone(), outcome.into());
        }
    }

    /// Writes the file: one line per case, in the suite's order, so that a change is one line.
    pub(crate) fn store(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, self.render()).map_err(Error::file(path))
    }

    fn render(&self) -> String {
        let mut lines: Vec<(&String, &Line)> = self.0.iter().collect();
        lines.sort_by_key(|(id, _)| {
            id.split('.')
                .map(|part| part.parse::<u32>().unwrap_or(u32::MAX))
                .collect::<Vec<_>>()
        });
        let mut text = String::from("{");
        for (position, (id, Line(behaviour, closing, code))) in lines.into_iter().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            let code = code.map_or_else(|| "null".into(), |code| code.to_string());
            let _ = write!(
                text,
                "{comma}\n  \"{id}\": [\"{behaviour}\", \"{closing}\", {code}]"
            );
        }
        text.push_str("\n}\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autobahn::check::tests::outcome;

    const TEXT: &str =
        "{\n  \"2.1\": [\"OK\", \"OK\", 1000],\n  \"2.10\": [\"NON-STRICT\", \"OK\", null]\n}\n";

    #[test]
    fn what_is_written_is_what_was_read() {
        assert_eq!(Baseline::parse(TEXT).unwrap().render(), TEXT);
    }

    #[test]
    fn an_equal_result_is_no_change() {
        let baseline = Baseline::parse(TEXT).unwrap();
        assert_eq!(baseline.compare("2.1", &outcome()), None);
    }

    #[test]
    fn changes_for_better_and_for_worse_are_told_apart() {
        let baseline = Baseline::parse(TEXT).unwrap();
        let trend = |id: &str, outcome: &Outcome| baseline.compare(id, outcome).unwrap().0;
        assert_eq!(trend("2.10", &outcome()), Trend::Better);
        let failed = Outcome {
            behaviour: Behaviour::Failed,
            ..outcome()
        };
        assert_eq!(trend("2.1", &failed), Trend::Worse);
        let lost = Outcome {
            remote_close_code: None,
            ..outcome()
        };
        assert_eq!(trend("2.1", &lost), Trend::Other);
        assert_eq!(trend("3.1", &outcome()), Trend::New);
    }

    #[test]
    fn blessing_a_part_keeps_the_rest() {
        let mut baseline = Baseline::parse(TEXT).unwrap();
        baseline.bless(&Report([("2.10".to_owned(), outcome())].into()));
        assert_eq!(
            baseline.render(),
            "{\n  \"2.1\": [\"OK\", \"OK\", 1000],\n  \"2.10\": [\"OK\", \"OK\", 1000]\n}\n"
        );
    }
}
