//! One cell's figure, and which counts it lets pass.

use std::fmt;

use serde::Deserialize;

/// What a new cell may differ by, in per cent: less than an allocation costs the dearest small message.
const TOLERANCE: u64 = 3;

/// Instructions any cell may differ by: per cent of a few dozen are none.
const ROUNDING: u64 = 2;

/// How much wider tolerances are with another compiler or C library, which nobody here changed.
const ELSEWHERE: u64 = 5;

/// How much of its base a cell may be. A tolerance judges one change, and each may use it up anew:
/// this bounds what all of them come to. It leaves room for what the compiler makes of the same
/// code in another place, not for an allocation, nor for a copy.
const MOST: f64 = 1.02;

#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Figure {
    pub(super) instructions: u64,
    /// What a count may differ by, in per cent.
    pub(super) tolerance: u64,
    /// What the base, a commit that the file names, counts; where it has no such cell, the first
    /// count, once it is written there by hand.
    pub(super) base: Option<u64>,
    /// How much of its base this cell may be, in place of [`MOST`].
    pub(super) most: Option<f64>,
}

/// How a count relates to its figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Within the tolerance.
    Same,
    Worse,
    Better,
    /// There is no figure.
    Unknown,
}

impl Figure {
    /// A cell's first.
    pub(super) fn new(instructions: u64) -> Self {
        Self {
            instructions,
            tolerance: TOLERANCE,
            base: None,
            most: None,
        }
    }

    /// Compares a count with what is committed, `widened` where it was made with other tools.
    pub(super) fn judge(self, now: u64, widened: bool) -> Verdict {
        let allowed = (self.instructions * self.tolerance(widened) / 100).max(ROUNDING);
        if now > self.instructions + allowed {
            Verdict::Worse
        } else if now + allowed < self.instructions {
            Verdict::Better
        } else {
            Verdict::Same
        }
    }

    /// Whether a count is more than its base allows. Other tools may make of it what they may make
    /// of the committed figure.
    pub(super) fn is_above_base(self, now: u64, widened: bool) -> bool {
        self.base.is_some_and(|base| {
            let (base, most) = (base as f64, self.most());
            let allowed = (base * most).max(base * most.min(1.0) + ROUNDING as f64);
            let others = match widened {
                true => 1.0 + self.tolerance(true) as f64 / 100.0,
                false => 1.0,
            };
            now as f64 > allowed * others
        })
    }

    /// How much of its base it may be.
    pub(super) fn most(self) -> f64 {
        self.most.unwrap_or(MOST)
    }

    /// How much of its base a count is.
    pub(super) fn share(self, now: u64) -> Option<f64> {
        let base = self.base.filter(|base| *base > 0)?;
        Some(now as f64 / base as f64)
    }

    fn tolerance(self, widened: bool) -> u64 {
        self.tolerance * if widened { ELSEWHERE } else { 1 }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instructions,
            tolerance,
            base,
            most,
        } = self;
        write!(
            f,
            "{{ instructions = {instructions}, tolerance = {tolerance}"
        )?;
        if let Some(base) = base {
            write!(f, ", base = {base}")?;
        }
        if let Some(most) = most {
            write!(f, ", most = {most:?}")?;
        }
        f.write_str(" }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn based(base: u64, most: Option<f64>) -> Figure {
        Figure {
            base: Some(base),
            most,
            ..Figure::new(base)
        }
    }

    #[test]
    fn a_count_may_differ_by_the_tolerance_both_ways() {
        let verdict = |instructions, now| Figure::new(instructions).judge(now, false);
        assert_eq!(verdict(1000, 1030), Verdict::Same);
        assert_eq!(verdict(1000, 1031), Verdict::Worse);
        assert_eq!(verdict(1000, 970), Verdict::Same);
        assert_eq!(verdict(1000, 969), Verdict::Better);
        assert_eq!(verdict(20, 22), Verdict::Same);
        assert_eq!(verdict(20, 23), Verdict::Worse);
    }

    #[test]
    fn other_tools_widen_the_tolerance() {
        let figure = Figure::new(1000);
        assert_eq!(figure.judge(1150, true), Verdict::Same);
        assert_eq!(figure.judge(1151, true), Verdict::Worse);
    }

    #[test]
    fn a_count_may_be_two_per_cent_above_its_base() {
        let figure = based(1000, None);
        assert!(!figure.is_above_base(1020, false));
        assert!(figure.is_above_base(1021, false));
        // Whatever is committed by now.
        let figure = Figure {
            instructions: 1030,
            ..figure
        };
        assert_eq!(figure.judge(1021, false), Verdict::Same);
        assert!(figure.is_above_base(1021, false));
    }

    #[test]
    fn a_bound_of_its_own_takes_the_place_of_the_two_per_cent() {
        let less = based(1000, Some(0.75));
        assert!(!less.is_above_base(752, false));
        assert!(less.is_above_base(753, false));
        let more = based(1000, Some(1.25));
        assert!(!more.is_above_base(1250, false));
        assert!(more.is_above_base(1251, false));
    }

    #[test]
    fn two_instructions_above_the_base_are_none() {
        let figure = based(20, None);
        assert!(!figure.is_above_base(22, false));
        assert!(figure.is_above_base(23, false));
    }

    #[test]
    fn other_tools_widen_what_the_base_allows() {
        let figure = based(1000, None);
        assert!(!figure.is_above_base(1173, true));
        assert!(figure.is_above_base(1174, true));
    }

    #[test]
    fn without_a_base_every_count_is_allowed() {
        assert!(!Figure::new(1).is_above_base(u64::MAX, false));
        assert_eq!(Figure::new(1).share(1), None);
        assert_eq!(based(0, None).share(1), None);
        assert_eq!(based(4, None).share(3), Some(0.75));
    }
}
