//! How a scenario ended: each figure beside its limit.

use std::error::Error as _;
use std::fmt;

use crate::error::Error;

/// A figure, and what it must be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    what: String,
    value: f64,
    unit: &'static str,
    limit: Limit,
}

/// What a figure must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    /// No more than this.
    Most(f64),
    /// No less than this.
    Least(f64),
    /// Just this.
    Exactly(f64),
    /// Whatever it is: it is told, not judged.
    Any,
}

/// How a scenario ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Outcome {
    Passed,
    /// With what went wrong.
    Failed(Vec<String>),
    /// It cannot be played here.
    Skipped(String),
}

impl Check {
    pub(crate) fn new(
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        limit: Limit,
    ) -> Self {
        Self {
            what: what.into(),
            value,
            unit,
            limit,
        }
    }

    /// Whether the figure is within its limit. One that is no number is not.
    pub(crate) fn holds(&self) -> bool {
        match self.limit {
            Limit::Most(most) => self.value <= most,
            Limit::Least(least) => self.value >= least,
            Limit::Exactly(exactly) => self.value == exactly,
            Limit::Any => true,
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            value,
            unit,
            limit,
        } = self;
        let sign = if self.holds() { "ok  " } else { "FAIL" };
        let value = Figure(*value);
        match limit {
            Limit::Most(most) => write!(
                f,
                "{sign} {what}: {value}{unit} (at most {})",
                Figure(*most)
            ),
            Limit::Least(least) => {
                write!(
                    f,
                    "{sign} {what}: {value}{unit} (at least {})",
                    Figure(*least)
                )
            }
            Limit::Exactly(exactly) => {
                write!(f, "{sign} {what}: {value}{unit} (of {})", Figure(*exactly))
            }
            Limit::Any => write!(f, "     {what}: {value}{unit}"),
        }
    }
}

impl Outcome {
    /// What some checks come to.
    pub(crate) fn of(checks: &[Check]) -> Self {
        let broken = checks.iter().filter(|check| !check.holds());
        let broken: Vec<String> = broken.map(|check| check.what.clone()).collect();
        match broken.is_empty() {
            true => Self::Passed,
            false => Self::Failed(broken),
        }
    }

    /// What an error comes to that ended the scenario.
    pub(crate) fn broken(error: &Error) -> Self {
        let mut said = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            said.push_str(": ");
            said.push_str(&error.to_string());
            cause = error.source();
        }
        Self::Failed(vec![said])
    }

    pub(crate) fn is_failure(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => f.write_str("passed"),
            Self::Failed(what) => {
                let (first, rest) = what.split_at(what.len().min(NAMED));
                write!(f, "FAILED: {}", first.join(", "))?;
                match rest.len() {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}

/// How many of the figures that do not hold are named at the end.
const NAMED: usize = 5;

/// A number with as many digits as count.
struct Figure(f64);

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.fract() == 0.0 {
            true => write!(f, "{:.0}", self.0),
            false => write!(f, "{:.2}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, limit: Limit) -> Check {
        Check::new("figure", value, " ms", limit)
    }

    #[test]
    fn a_limit_may_be_reached_but_not_passed() {
        assert!(check(2.0, Limit::Most(2.0)).holds());
        assert!(!check(2.01, Limit::Most(2.0)).holds());
        assert!(check(2.0, Limit::Least(2.0)).holds());
        assert!(!check(1.99, Limit::Least(2.0)).holds());
        assert!(check(2.0, Limit::Exactly(2.0)).holds());
        assert!(!check(3.0, Limit::Exactly(2.0)).holds());
        assert!(check(3.0, Limit::Any).holds());
    }

    #[test]
    fn what_is_no_number_is_within_no_limit() {
        for limit in [Limit::Most(1.0), Limit::Least(1.0), Limit::Exactly(1.0)] {
            assert!(!check(f64::NAN, limit).holds());
        }
    }

    #[test]
    fn one_broken_check_is_a_failure() {
        let (good, bad) = (
            check(0.0, Limit::Exactly(0.0)),
            check(1.0, Limit::Most(0.5)),
        );
        assert_eq!(Outcome::of(std::slice::from_ref(&good)), Outcome::Passed);
        let failed = Outcome::of(&[good, bad]);
        assert!(failed.is_failure());
        assert_eq!(failed.to_string(), "FAILED: figure");
        assert!(!Outcome::Skipped("why".into()).is_failure());
        let many = vec![check(1.0, Limit::Most(0.5)); 7];
        assert_eq!(
            Outcome::of(&many).to_string(),
            "FAILED: figure, figure, figure, figure, figure and 2 more"
        );
    }

    #[test]
    fn a_check_tells_the_figure_and_its_limit() {
        assert_eq!(
            check(1.234, Limit::Most(100.0)).to_string(),
            "ok   figure: 1.23 ms (at most 100)"
        );
        assert_eq!(
            check(7.0, Limit::Exactly(0.0)).to_string(),
            "FAIL figure: 7 ms (of 0)"
        );
        assert_eq!(check(7.0, Limit::Any).to_string(), "     figure: 7 ms");
    }
}
