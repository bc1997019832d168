//! Committed exceptions from "every behaviour is OK": `autobahn/expectations.toml`.

use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::autobahn::case::Case;
use crate::autobahn::pattern::Pattern;
use crate::autobahn::report::Behaviour;
use crate::error::Error;

/// The verdicts that are right although they are not OK.
#[derive(Debug, Default)]
pub(crate) struct Expectations(Vec<Exception>);

/// One exception, with the reason why it is right.
#[derive(Debug)]
pub(crate) struct Exception {
    patterns: Vec<Pattern>,
    pub(crate) behaviour: Behaviour,
    pub(crate) behaviour_close: Behaviour,
    pub(crate) reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    exception: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    cases: Vec<String>,
    behaviour: Behaviour,
    #[serde(default = "ok")]
    behaviour_close: Behaviour,
    reason: String,
}

impl Expectations {
    /// Reads the exceptions; each of their patterns must name one of `cases`.
    pub(crate) fn load(path: &Path, cases: &[Case]) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::file(path))?;
        Self::parse(&text, cases).map_err(|detail| Error::data(path, detail))
    }

    /// Reads the exceptions from the text of the file.
    pub(crate) fn parse(text: &str, cases: &[Case]) -> Result<Self, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let mut exceptions = Vec::new();
        for entry in file.exception {
            if entry.reason.trim().is_empty() {
                return Err(format!("no reason for {}", entry.cases.join(", ")));
            }
            let patterns = entry
                .cases
                .iter()
                .map(|text| Pattern::parse(text).map_err(|error| error.to_string()))
                .collect::<Result<Vec<_>, _>>()?;
            if let Some(idle) = patterns
                .iter()
                .find(|pattern| !cases.iter().any(|case| pattern.matches(&case.id)))
            {
                return Err(format!("the suite has no case {idle}"));
            }
            exceptions.push(Exception {
                patterns,
                behaviour: entry.behaviour,
                behaviour_close: entry.behaviour_close,
                reason: entry.reason,
            });
        }
        let this = Self(exceptions);
        match cases
            .iter()
            .find(|case| this.matching(&case.id).count() > 1)
        {
            Some(case) => Err(format!("two exceptions for case {}", case.id)),
            None => Ok(this),
        }
    }

    /// The exception that covers the case `id`.
    pub(crate) fn exception(&self, id: &str) -> Option<&Exception> {
        self.matching(id).next()
    }

    fn matching(&self, id: &str) -> impl Iterator<Item = &Exception> {
        self.0
            .iter()
            .filter(move |exception| exception.patterns.iter().any(|pattern| pattern.matches(id)))
    }
}

fn ok() -> Behaviour {
    Behaviour::Ok
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autobahn::case::Ending;

    fn cases() -> Vec<Case> {
        ["7.1.6", "12.1.1", "12.1.2"]
            .map(|id| Case {
                id: id.into(),
                ending: Ending::Answer,
                codes: vec![1000],
            })
            .into()
    }

    #[test]
    fn one_pattern_covers_many_cases() {
        let text = r#"
            [[exception]]
            cases = ["12.*"]
            behaviour = "UNIMPLEMENTED"
            reason = "not yet"
        "#;
        let expectations = Expectations::parse(text, &cases()).unwrap();
        let exception = expectations.exception("12.1.2").unwrap();
        assert_eq!(exception.behaviour, Behaviour::Unimplemented);
        assert_eq!(exception.behaviour_close, Behaviour::Ok);
        assert!(expectations.exception("7.1.6").is_none());
    }

    #[test]
    fn an_exception_for_no_case_is_stale() {
        let text = r#"exception = [{ cases = ["14.*"], behaviour = "OK", reason = "x" }]"#;
        assert_eq!(
            Expectations::parse(text, &cases()).unwrap_err(),
            "the suite has no case 14.*"
        );
    }

    #[test]
    fn an_exception_without_a_reason_is_refused() {
        let text = r#"exception = [{ cases = ["12.*"], behaviour = "OK", reason = " " }]"#;
        assert_eq!(
            Expectations::parse(text, &cases()).unwrap_err(),
            "no reason for 12.*"
        );
    }

    #[test]
    fn two_exceptions_for_one_case_are_refused() {
        let text = r#"exception = [
            { cases = ["12.*"], behaviour = "UNIMPLEMENTED", reason = "x" },
            { cases = ["12.1.1"], behaviour = "FAILED", reason = "y" },
        ]"#;
        assert_eq!(
            Expectations::parse(text, &cases()).unwrap_err(),
            "two exceptions for case 12.1.1"
        );
    }

    #[test]
    fn the_committed_exceptions_are_the_three_informational_cases() {
        let cases =
            crate::autobahn::case::load(&crate::workspace::root().join("autobahn/cases.toml"))
                .unwrap();
        let text = include_str!("../../../autobahn/expectations.toml");
        let expectations = Expectations::parse(text, &cases).unwrap();
        let excepted = |behaviour| {
            cases
                .iter()
                .filter(|case| {
                    expectations
                        .exception(&case.id)
                        .is_some_and(|exception| exception.behaviour == behaviour)
                })
                .count()
        };
        assert_eq!(excepted(Behaviour::Informational), 3);
        assert_eq!(excepted(Behaviour::Unimplemented), 0);
        assert_eq!(excepted(Behaviour::NonStrict), 0);
    }
}
