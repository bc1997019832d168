//! Judges a report: stricter than the suite, whose own exit status is always 0.

use std::collections::BTreeSet;
use std::fmt;

use crate::autobahn::baseline::{Baseline, Trend};
use crate::autobahn::case::{Case, Ending};
use crate::autobahn::expectations::Expectations;
use crate::autobahn::report::{Behaviour, Outcome, Report};
use crate::autobahn::side::Side;

/// One thing in one case that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deviation {
    pub(crate) id: String,
    pub(crate) what: String,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7} {}", self.id, self.what)
    }
}

/// What a report is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) side: Side,
    /// The cases that had to run.
    pub(crate) selected: &'a [Case],
    pub(crate) expectations: &'a Expectations,
    /// The results to compare with; `None` while new ones are blessed.
    pub(crate) baseline: Option<&'a Baseline>,
}

impl Rules<'_> {
    /// Everything in the report that is not as it must be, in the order of the cases.
    pub(crate) fn check(&self, report: &Report) -> Vec<Deviation> {
        let mut deviations = Vec::new();
        for case in self.selected {
            let mut deviation = |what: String| {
                deviations.push(Deviation {
                    id: case.id.clone(),
                    what,
                });
            };
            match report.0.get(&case.id) {
                None => deviation("did not run".into()),
                Some(outcome) => {
                    self.verdict(case, outcome, &mut deviation);
                    facts(case, outcome, &mut deviation);
                    self.closing(case, outcome, &mut deviation);
                    self.trend(case, outcome, &mut deviation);
                }
            }
        }
        let selected: BTreeSet<&str> = self.selected.iter().map(|case| case.id.as_str()).collect();
        for id in report.0.keys().filter(|id| !selected.contains(id.as_str())) {
            deviations.push(Deviation {
                id: id.clone(),
                what: "ran without being selected".into(),
            });
        }
        deviations
    }

    /// The suite's verdict is OK, or exactly what an exception says.
    fn verdict(&self, case: &Case, outcome: &Outcome, deviation: &mut impl FnMut(String)) {
        let exception = self.expectations.exception(&case.id);
        let (behaviour, behaviour_close, expected) = match exception {
            Some(exception) => (
                exception.behaviour,
                exception.behaviour_close,
                format!("the exception \"{}\"", exception.reason),
            ),
            None => (Behaviour::Ok, Behaviour::Ok, String::new()),
        };
        for (name, found, wanted) in [
            ("behaviour", outcome.behaviour, behaviour),
            ("close behaviour", outcome.behaviour_close, behaviour_close),
        ] {
            if found == wanted {
                continue;
            }
            deviation(if exception.is_some() && found == Behaviour::Ok {
                format!("{name} is OK: {expected} is stale")
            } else if exception.is_some() {
                format!("{name} is {found}, but {expected} says {wanted}")
            } else {
                format!("{name} is {found}")
            });
        }
    }

    /// The rules for the end of the connection that the suite does not apply.
    fn closing(&self, case: &Case, outcome: &Outcome, deviation: &mut impl FnMut(String)) {
        let code = outcome.remote_close_code;
        let listed = code.is_some_and(|code| case.codes.contains(&code));
        let shown = code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        let wanted: Vec<String> = case.codes.iter().map(u16::to_string).collect();
        let wanted = wanted.join(" or ");
        match case.ending {
            Ending::MustFail => {
                if !outcome.was_clean {
                    deviation("fails the connection without a clean close".into());
                }
                if !listed {
                    deviation(format!(
                        "fails the connection with close code {shown}, not {wanted}"
                    ));
                }
            }
            Ending::MustAnswer if !listed => {
                deviation(format!(
                    "answers an invalid Close with close code {shown}, not {wanted}"
                ));
            }
            // What the suite itself does not judge has no right answer.
            Ending::Answer if !listed && outcome.behaviour != Behaviour::Informational => {
                deviation(format!(
                    "answers a Close with close code {shown}, not {wanted}"
                ));
            }
            Ending::WithoutCode if code.is_some() => {
                deviation(format!(
                    "answers a Close without a code with close code {shown}"
                ));
            }
            _ => {}
        }
        if self.side == Side::Server && outcome.dropped_by_me {
            deviation("leaves it to the client to end the TCP connection".into());
        }
        for (timeout, what) in [
            (outcome.was_open_handshake_timeout, "opening handshake"),
            (outcome.was_close_handshake_timeout, "closing handshake"),
            (
                outcome.was_server_connection_drop_timeout,
                "end of the TCP connection",
            ),
        ] {
            if timeout {
                deviation(format!("the suite waited in vain for the {what}"));
            }
        }
    }

    fn trend(&self, case: &Case, outcome: &Outcome, deviation: &mut impl FnMut(String)) {
        let Some(baseline) = self.baseline else {
            return;
        };
        if let Some((trend, what)) = baseline.compare(&case.id, outcome) {
            deviation(match trend {
                Trend::Better | Trend::New => format!("{trend} (--bless takes it over): {what}"),
                Trend::Worse | Trend::Other => format!("{trend}: {what}"),
            });
        }
    }
}

/// The facts we judge by are those of the suite that ran.
fn facts(case: &Case, outcome: &Outcome, deviation: &mut impl FnMut(String)) {
    let ours: BTreeSet<u16> = case.codes.iter().copied().collect();
    let theirs: BTreeSet<u16> = outcome.expected_close.close_code.iter().copied().collect();
    if ours != theirs {
        deviation(format!(
            "cases.toml lists the close codes {ours:?}, the suite {theirs:?}"
        ));
    }
    if (case.ending == Ending::MustFail) == outcome.expected_close.closed_by_me {
        deviation("cases.toml and the suite disagree on who closes".into());
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::autobahn::report::ExpectedClose;

    /// The outcome of an ordinary case that passed.
    pub(crate) fn outcome() -> Outcome {
        Outcome {
            behaviour: Behaviour::Ok,
            behaviour_close: Behaviour::Ok,
            remote_close_code: Some(1000),
            was_clean: true,
            dropped_by_me: false,
            was_server_connection_drop_timeout: false,
            was_open_handshake_timeout: false,
            was_close_handshake_timeout: false,
            expected_close: ExpectedClose {
                closed_by_me: true,
                close_code: vec![1000],
            },
            duration: 2,
        }
    }

    fn failed_with_1002() -> Outcome {
        Outcome {
            remote_close_code: Some(1002),
            expected_close: ExpectedClose {
                closed_by_me: false,
                close_code: vec![1002],
            },
            ..outcome()
        }
    }

    fn case(id: &str, ending: Ending, codes: &[u16]) -> Case {
        Case {
            id: id.into(),
            ending,
            codes: codes.into(),
        }
    }

    fn deviations_of(
        side: Side,
        case: &Case,
        outcomes: &[(&str, Outcome)],
        expectations: &Expectations,
        baseline: Option<&Baseline>,
    ) -> Vec<String> {
        let report = Report(
            outcomes
                .iter()
                .map(|(id, outcome)| ((*id).to_owned(), outcome.clone()))
                .collect(),
        );
        let rules = Rules {
            side,
            selected: std::slice::from_ref(case),
            expectations,
            baseline,
        };
        rules
            .check(&report)
            .into_iter()
            .map(|deviation| deviation.what)
            .collect()
    }

    fn ordinary(outcome: Outcome) -> Vec<String> {
        let case = case("1.1.1", Ending::Answer, &[1000]);
        let outcomes = [("1.1.1", outcome)];
        deviations_of(
            Side::Server,
            &case,
            &outcomes,
            &Expectations::default(),
            None,
        )
    }

    fn must_fail(outcome: Outcome) -> Vec<String> {
        let case = case("3.4", Ending::MustFail, &[1002]);
        let outcomes = [("3.4", outcome)];
        deviations_of(
            Side::Client,
            &case,
            &outcomes,
            &Expectations::default(),
            None,
        )
    }

    #[test]
    fn a_case_that_passed_has_no_deviation() {
        assert!(ordinary(outcome()).is_empty());
        assert!(must_fail(failed_with_1002()).is_empty());
    }

    #[test]
    fn an_empty_report_fails_every_case() {
        let case = case("1.1.1", Ending::Answer, &[1000]);
        let found = deviations_of(Side::Server, &case, &[], &Expectations::default(), None);
        assert_eq!(found, ["did not run"]);
    }

    #[test]
    fn a_case_nobody_selected_fails() {
        let case = case("1.1.1", Ending::Answer, &[1000]);
        let outcomes = [("1.1.1", outcome()), ("1.1.2", outcome())];
        let found = deviations_of(
            Side::Server,
            &case,
            &outcomes,
            &Expectations::default(),
            None,
        );
        assert_eq!(found, ["ran without being selected"]);
    }

    #[test]
    fn non_strict_fails() {
        let found = ordinary(Outcome {
            behaviour: Behaviour::NonStrict,
            ..outcome()
        });
        assert_eq!(found, ["behaviour is NON-STRICT"]);
    }

    #[test]
    fn every_close_behaviour_but_ok_fails() {
        for behaviour_close in Behaviour::ALL.into_iter().skip(1) {
            let found = ordinary(Outcome {
                behaviour_close,
                ..outcome()
            });
            assert_eq!(found, [format!("close behaviour is {behaviour_close}")]);
        }
    }

    #[test]
    fn a_must_fail_case_without_a_clean_close_fails() {
        let found = must_fail(Outcome {
            was_clean: false,
            ..failed_with_1002()
        });
        assert_eq!(found, ["fails the connection without a clean close"]);
    }

    #[test]
    fn a_must_fail_case_with_another_code_or_none_fails() {
        for (code, shown) in [(Some(1003), "1003"), (None, "none")] {
            let found = must_fail(Outcome {
                remote_close_code: code,
                ..failed_with_1002()
            });
            let expected = format!("fails the connection with close code {shown}, not 1002");
            assert_eq!(found, [expected]);
        }
    }

    #[test]
    fn an_invalid_close_must_be_answered_with_a_code() {
        let case = case("7.5.1", Ending::MustAnswer, &[1002, 1007]);
        let dropped = Outcome {
            remote_close_code: None,
            was_clean: false,
            expected_close: ExpectedClose {
                closed_by_me: true,
                close_code: vec![1002, 1007],
            },
            ..outcome()
        };
        let found = deviations_of(
            Side::Server,
            &case,
            &[("7.5.1", dropped)],
            &Expectations::default(),
            None,
        );
        assert_eq!(
            found,
            ["answers an invalid Close with close code none, not 1002 or 1007"]
        );
    }

    #[test]
    fn a_close_is_answered_with_its_code() {
        let found = ordinary(Outcome {
            remote_close_code: None,
            ..outcome()
        });
        assert_eq!(found, ["answers a Close with close code none, not 1000"]);
    }

    #[test]
    fn a_close_without_a_code_is_answered_in_kind() {
        let case = case("7.3.1", Ending::WithoutCode, &[1000]);
        let found = deviations_of(
            Side::Server,
            &case,
            &[("7.3.1", outcome())],
            &Expectations::default(),
            None,
        );
        assert_eq!(
            found,
            ["answers a Close without a code with close code 1000"]
        );
    }

    #[test]
    fn only_a_server_must_end_the_tcp_connection() {
        let dropped = Outcome {
            dropped_by_me: true,
            ..outcome()
        };
        assert_eq!(
            ordinary(dropped.clone()),
            ["leaves it to the client to end the TCP connection"]
        );
        let case = case("1.1.1", Ending::Answer, &[1000]);
        let outcomes = [("1.1.1", dropped)];
        let found = deviations_of(
            Side::Client,
            &case,
            &outcomes,
            &Expectations::default(),
            None,
        );
        assert!(found.is_empty());
    }

    #[test]
    fn every_timeout_fails() {
        let open = Outcome {
            was_open_handshake_timeout: true,
            ..outcome()
        };
        let close = Outcome {
            was_close_handshake_timeout: true,
            ..outcome()
        };
        let drop = Outcome {
            was_server_connection_drop_timeout: true,
            ..outcome()
        };
        for (outcome, what) in [
            (open, "opening handshake"),
            (close, "closing handshake"),
            (drop, "end of the TCP connection"),
        ] {
            let expected = format!("the suite waited in vain for the {what}");
            assert_eq!(ordinary(outcome), [expected]);
        }
    }

    #[test]
    fn an_exception_holds_exactly() {
        let case = case("12.1.1", Ending::Answer, &[1000]);
        let expectations = Expectations::parse(
            r#"exception = [{ cases = ["12.*"], behaviour = "UNIMPLEMENTED", reason = "not yet" }]"#,
            std::slice::from_ref(&case),
        )
        .unwrap();
        let with = |behaviour| {
            let outcome = Outcome {
                behaviour,
                ..outcome()
            };
            let outcomes = [("12.1.1", outcome)];
            deviations_of(Side::Server, &case, &outcomes, &expectations, None)
        };
        assert!(with(Behaviour::Unimplemented).is_empty());
        assert_eq!(
            with(Behaviour::Ok),
            ["behaviour is OK: the exception \"not yet\" is stale"]
        );
        assert_eq!(
            with(Behaviour::Failed),
            ["behaviour is FAILED, but the exception \"not yet\" says UNIMPLEMENTED"]
        );
    }

    #[test]
    fn facts_that_the_suite_contradicts_fail() {
        let found = ordinary(Outcome {
            expected_close: ExpectedClose {
                closed_by_me: false,
                close_code: vec![1000, 1001],
            },
            ..outcome()
        });
        assert_eq!(
            found,
            [
                "cases.toml lists the close codes {1000}, the suite {1000, 1001}",
                "cases.toml and the suite disagree on who closes",
            ]
        );
    }

    #[test]
    fn a_change_for_the_better_fails_until_it_is_blessed() {
        let case = case("1.1.1", Ending::Answer, &[1000]);
        let baseline = Baseline::parse(r#"{"1.1.1": ["NON-STRICT", "OK", 1000]}"#).unwrap();
        let found = deviations_of(
            Side::Server,
            &case,
            &[("1.1.1", outcome())],
            &Expectations::default(),
            Some(&baseline),
        );
        assert_eq!(
            found,
            [
                "better than the baseline (--bless takes it over): OK, close OK with 1000; \
                 was NON-STRICT, close OK with 1000"
            ]
        );
    }
}
