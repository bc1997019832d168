//! Where this library may differ from others, and why.
//!
//! Others need not be wrong where they differ: much of this is left open by the RFCs. What is
//! written down is what this library does, and on whose word.

mod frames;
mod openings;

use crate::replay::corpus::{Case, Side, Stage};
use crate::replay::differences::frames::FRAMES;
use crate::replay::differences::openings::OPENINGS;
use crate::replay::frames::End;
use crate::replay::http;
use crate::replay::outcome::Outcome;

/// What two implementations made of an input.
pub(crate) struct Pair<'a> {
    pub(crate) case: &'a Case,
    pub(crate) ours: &'a Outcome,
    pub(crate) theirs: &'a Outcome,
}

/// Outcomes that differ for one reason.
pub(crate) struct Difference {
    /// What this library does, and what allows or demands it.
    pub(crate) what: &'static str,
    stage: Stage,
    /// Of whom; `None` for both.
    side: Option<Side>,
    applies: fn(&Pair<'_>) -> bool,
}

impl Difference {
    /// Whether it explains why these two outcomes are not the same.
    pub(crate) fn explains(&self, pair: &Pair<'_>) -> bool {
        self.stage == pair.case.stage
            && self.side.is_none_or(|side| side == pair.case.side)
            && (self.applies)(pair)
    }
}

impl Pair<'_> {
    /// Whether our library gave one of these reasons.
    fn because(&self, reasons: &[&str]) -> bool {
        reasons
            .iter()
            .any(|reason| self.ours.error.contains(reason))
    }

    /// Whether the same messages and pongs came of the frames, however it ended.
    fn same_before(&self) -> bool {
        self.ours.messages == self.theirs.messages && self.ours.pongs() == self.theirs.pongs()
    }

    /// Whether the other one went on where ours ended.
    fn more_elsewhere(&self) -> bool {
        let (ours, theirs) = (self.ours, self.theirs);
        theirs.messages.starts_with(&ours.messages) && theirs.pongs().starts_with(ours.pongs())
    }

    fn closed(&self, ours: u16, theirs: u16) -> bool {
        self.ours.end() == Some(End::Close(Some(ours)))
            && self.theirs.end() == Some(End::Close(Some(theirs)))
    }

    /// Whether ours gave one of these reasons where the other one opened.
    fn opened_elsewhere(&self, reasons: &[&str]) -> bool {
        self.ours.opened.is_none() && self.theirs.opened.is_some() && self.because(reasons)
    }

    /// Whether both refuse, ours with this status.
    fn refused_by_both(&self, status: u16) -> bool {
        let theirs = self.theirs.status;
        self.ours.status == Some(status)
            && self.theirs.opened.is_none()
            && theirs.is_none_or(|status| (400..=505).contains(&status))
    }

    /// Whether ours opened where the other one did not, with these values of a header.
    fn opened_here(&self, name: &str, is_odd: fn(&[String]) -> bool) -> bool {
        let values = http::values(&self.case.bytes, name);
        self.ours.opened.is_some() && self.theirs.opened.is_none() && is_odd(&values)
    }
}

/// All of them; the first one that applies is the reason.
pub(crate) fn differences() -> impl Iterator<Item = &'static Difference> {
    FRAMES.iter().chain(OPENINGS)
}
