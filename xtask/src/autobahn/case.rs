//! The suite's cases: facts from `autobahn/cases.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::autobahn::pattern::Pattern;
use crate::error::Error;

/// One case and how its connection has to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) ending: Ending,
    /// The close codes our side may send.
    pub(crate) codes: Vec<u16>,
}

/// Who closes, and what our side owes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Our side must fail the connection and complete the closing handshake.
    MustFail,
    /// The suite sends an invalid Close; our side must name the fault.
    MustAnswer,
    /// The suite sends a valid Close with a code; one comes back.
    Answer,
    /// The suite sends a Close without a code; none comes back.
    WithoutCode,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    cases: Vec<String>,
    without_code: Vec<String>,
    must_fail: Vec<Codes>,
    must_answer: Vec<Codes>,
    may_answer: Vec<Codes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Codes {
    codes: Vec<u16>,
    cases: Vec<String>,
}

/// Reads the facts file.
pub(crate) fn load(path: &Path) -> Result<Vec<Case>, Error> {
    let text = fs::read_to_string(path).map_err(Error::file(path))?;
    parse(&text).map_err(|detail| Error::data(path, detail))
}

/// Keeps the cases that a pattern names; no pattern keeps all.
pub(crate) fn select(cases: &[Case], patterns: &[Pattern]) -> Result<Vec<Case>, Error> {
    if let Some(idle) = patterns
        .iter()
        .find(|pattern| !cases.iter().any(|case| pattern.matches(&case.id)))
    {
        return Err(Error::Usage(format!("the suite has no case {idle}")));
    }
    let wanted = |case: &&Case| {
        patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(&case.id))
    };
    Ok(cases.iter().filter(wanted).cloned().collect())
}

fn parse(text: &str) -> Result<Vec<Case>, String> {
    let facts: Facts = toml::from_str(text).map_err(|error| error.to_string())?;
    let mut endings = BTreeMap::new();
    let groups = [
        (Ending::MustFail, facts.must_fail),
        (Ending::MustAnswer, facts.must_answer),
        (Ending::Answer, facts.may_answer),
        (
            Ending::WithoutCode,
            vec![Codes {
                codes: vec![1000],
                cases: facts.without_code,
            }],
        ),
    ];
    for (ending, group) in groups {
        for Codes { codes, cases } in group {
            for id in cases {
                if !facts.cases.contains(&id) {
                    return Err(format!("there is no case {id}"));
                }
                if endings
                    .insert(id.clone(), (ending, codes.clone()))
                    .is_some()
                {
                    return Err(format!("case {id} has two endings"));
                }
            }
        }
    }
    let plain = || (Ending::Answer, vec![1000]);
    Ok(facts
        .cases
        .into_iter()
        .map(|id| {
            let (ending, codes) = endings.remove(&id).unwrap_or_else(plain);
            Case { id, ending, codes }
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases() -> Vec<Case> {
        parse(include_str!("../../../autobahn/cases.toml")).unwrap()
    }

    fn count(ending: Ending) -> usize {
        cases().iter().filter(|case| case.ending == ending).count()
    }

    #[test]
    fn the_suite_has_517_cases_of_which_105_must_fail() {
        assert_eq!(cases().len(), 517);
        assert_eq!(count(Ending::MustFail), 105);
        assert_eq!(count(Ending::MustAnswer), 12);
        assert_eq!(count(Ending::WithoutCode), 1);
    }

    #[test]
    fn thirty_cases_fail_with_1002_and_75_with_1007() {
        let with = |code: u16| {
            cases()
                .iter()
                .filter(|case| case.ending == Ending::MustFail && case.codes == [code])
                .count()
        };
        assert_eq!(with(1002), 30);
        assert_eq!(with(1007), 75);
    }

    #[test]
    fn patterns_select_in_the_suites_order() {
        let patterns = [
            Pattern::parse("7.1.*").unwrap(),
            Pattern::parse("2.10").unwrap(),
        ];
        let ids: Vec<String> = select(&cases(), &patterns)
            .unwrap()
            .into_iter()
            .map(|case| case.id)
            .collect();
        assert_eq!(
            ids,
            ["2.10", "7.1.1", "7.1.2", "7.1.3", "7.1.4", "7.1.5", "7.1.6"]
        );
        assert_eq!(select(&cases(), &[]).unwrap().len(), 517);
    }

    #[test]
    fn a_pattern_that_names_nothing_is_refused() {
        let patterns = [Pattern::parse("14.*").unwrap()];
        assert!(matches!(select(&cases(), &patterns), Err(Error::Usage(_))));
    }

    #[test]
    fn a_case_with_two_endings_is_refused() {
        let text = r#"
            cases = ["1.1.1"]
            without_code = ["1.1.1"]
            must_fail = [{ codes = [1002], cases = ["1.1.1"] }]
            must_answer = []
            may_answer = []
        "#;
        assert_eq!(parse(text).unwrap_err(), "case 1.1.1 has two endings");
    }
}
