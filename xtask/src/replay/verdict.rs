//! Which differences there are, and whether each is known.

use std::fmt::{self, Write};
use std::fs;
use std::path::Path;

use crate::error::Error;
use crate::replay::corpus::{Case, Side, Stage};
use crate::replay::differences::{Pair, differences};
use crate::replay::outcome::Outcome;
use crate::replay::program::Name;

/// How many differences without a reason are shown.
const SHOWN: usize = 20;

/// The parts of the inputs, in the order of the table.
const PARTS: [(Stage, Side, &str); 4] = [
    (Stage::Frames, Side::Server, "frames, into servers"),
    (Stage::Frames, Side::Client, "frames, into clients"),
    (Stage::Opening, Side::Server, "requests, into servers"),
    (Stage::Opening, Side::Client, "answers, into clients"),
];

/// What became of all comparisons.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// For each peer and part: how many inputs, and how many outcomes are the same.
    counts: Vec<(Name, [(usize, usize); PARTS.len()])>,
    /// How many outcomes each of [`differences`] explains.
    explained: Vec<usize>,
    unexplained: Vec<String>,
    /// Every difference, a paragraph each.
    all: String,
    /// Whether a difference that nothing shows is a failure.
    complete: bool,
}

impl Verdict {
    pub(crate) fn new(complete: bool) -> Self {
        Self {
            explained: vec![0; differences().count()],
            complete,
            ..Self::default()
        }
    }

    /// Compares the outcomes of the same cases.
    pub(crate) fn judge(
        &mut self,
        peer: Name,
        cases: &[Case],
        ours: &[Outcome],
        theirs: &[Outcome],
    ) {
        let mut counts = [(0, 0); PARTS.len()];
        for ((case, ours), theirs) in cases.iter().zip(ours).zip(theirs) {
            let part = PARTS
                .iter()
                .position(|part| (part.0, part.1) == (case.stage, case.side));
            let agrees = ours.agrees(theirs, case.stage);
            if let Some(count) = part.and_then(|part| counts.get_mut(part)) {
                count.0 += 1;
                count.1 += usize::from(agrees);
            }
            if !agrees {
                let pair = Pair { case, ours, theirs };
                self.explain(peer, &pair);
            }
        }
        self.counts.push((peer, counts));
    }

    /// Differences without a reason, and reasons without a difference.
    pub(crate) fn failures(&self) -> usize {
        self.unexplained.len() + self.stale().count()
    }

    /// Writes every difference, with its reason.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        fs::write(path, &self.all).map_err(Error::file(path))
    }

    fn explain(&mut self, peer: Name, pair: &Pair<'_>) {
        let reason = differences().position(|it| it.explains(pair));
        let label = PARTS
            .iter()
            .find(|part| (part.0, part.1) == (pair.case.stage, pair.case.side))
            .map_or("", |part| part.2);
        let paragraph = format!(
            "{}, {label}\n    input: {}\n    ours: {}\n    {peer}: {}\n",
            pair.case.name,
            pair.case.bytes.escape_ascii(),
            pair.ours,
            pair.theirs
        );
        self.all.push_str(&paragraph);
        let what = reason.and_then(|reason| differences().nth(reason));
        let what = what.map_or("none that is known", |reason| reason.what);
        let _ = writeln!(self.all, "    reason: {what}\n");
        match reason.and_then(|reason| self.explained.get_mut(reason)) {
            Some(count) => *count += 1,
            None => self.unexplained.push(paragraph),
        }
    }

    fn stale(&self) -> impl Iterator<Item = &'static str> {
        let counts = differences().zip(&self.explained);
        counts
            .filter(|(_, count)| self.complete && **count == 0)
            .map(|(difference, _)| difference.what)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for paragraph in self.unexplained.iter().take(SHOWN) {
            writeln!(f, "{paragraph}")?;
        }
        if self.unexplained.len() > SHOWN {
            writeln!(f, "and {} more\n", self.unexplained.len() - SHOWN)?;
        }
        write!(f, "{:24}", "")?;
        for (peer, _) in &self.counts {
            write!(f, "  {peer:>20}")?;
        }
        for (number, (_, _, label)) in PARTS.iter().enumerate() {
            write!(f, "\n{label:24}")?;
            for (total, same) in self.counts.iter().filter_map(|it| it.1.get(number)) {
                write!(f, "  {:>20}", format!("{total}, {} differ", total - same))?;
            }
        }
        writeln!(f, "\n\ndifferences with a reason")?;
        for (difference, count) in differences().zip(&self.explained) {
            writeln!(f, "{count:6}  {}", difference.what)?;
        }
        for what in self.stale() {
            writeln!(f, "no input shows any more that {what}")?;
        }
        write!(f, "without a reason: {}", self.unexplained.len())
    }
}

/// Which of the cases make a difference without a reason, between the first outcomes and others.
pub(crate) fn unexplained(cases: &[Case], outcomes: &[Vec<Outcome>]) -> Vec<usize> {
    let Some((ours, theirs)) = outcomes.split_first() else {
        return Vec::new();
    };
    let is_unexplained = |number: &usize| {
        let (case, ours) = (&cases[*number], &ours[*number]);
        theirs.iter().map(|theirs| &theirs[*number]).any(|theirs| {
            let pair = Pair { case, ours, theirs };
            !ours.agrees(theirs, case.stage) && !differences().any(|it| it.explains(&pair))
        })
    };
    (0..cases.len()).filter(is_unexplained).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interop::peer::Peer;
    use crate::replay::frames::{End, Sent};

    fn judged(bytes: &[u8], ours: &Outcome, theirs: &Outcome, complete: bool) -> Verdict {
        let case = Case {
            name: "frame_decode/input".into(),
            stage: Stage::Frames,
            side: Side::Server,
            bytes: bytes.into(),
            offers_subprotocols: false,
            offers_deflate: false,
        };
        let mut verdict = Verdict::new(complete);
        let (ours, theirs) = ([ours.clone()], [theirs.clone()]);
        verdict.judge(Name::Theirs(Peer::Ws), &[case], &ours, &theirs);
        verdict
    }

    fn closed(code: u16, error: &str) -> Outcome {
        Outcome {
            sent: Some(Sent {
                pongs: Vec::new(),
                end: End::Close(Some(code)),
            }),
            error: error.into(),
            ..Outcome::default()
        }
    }

    const LONGER: &str = "payload length not minimally encoded";

    #[test]
    fn what_a_library_says_of_an_error_is_no_difference() {
        let verdict = judged(b"\x88\x00", &closed(1002, "a"), &closed(1002, "b"), false);
        assert_eq!((verdict.failures(), verdict.all.len()), (0, 0));
    }

    #[test]
    fn a_difference_with_a_reason_is_counted_and_written() {
        let verdict = judged(
            b"\x81\xfe\x00\x01",
            &closed(1002, LONGER),
            &closed(1000, ""),
            false,
        );
        assert_eq!((verdict.failures(), verdict.explained[0]), (0, 1));
        assert!(verdict.all.contains("reason: a length in two bytes"));
    }

    #[test]
    fn a_difference_without_a_reason_fails() {
        // The length is the shortest there is, whatever our library says.
        let theirs = closed(1000, "");
        let verdict = judged(b"\x81\x81", &closed(1002, LONGER), &theirs, false);
        assert_eq!(verdict.failures(), 1);
        let shown = verdict.to_string();
        assert!(shown.contains("frame_decode/input"), "{shown}");
        assert!(
            shown.contains("input: \\x81\\x81\n    ours: not opened"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_to_be_looked_at_again_is_what_nothing_explains() {
        let case = |bytes: &[u8]| Case {
            name: String::new(),
            stage: Stage::Frames,
            side: Side::Client,
            bytes: bytes.into(),
            offers_subprotocols: false,
            offers_deflate: false,
        };
        let cases = [case(b"\x81\x7e\x00\x01"), case(b"\x81"), case(b"\x81")];
        let refused = || closed(1002, LONGER);
        let ours = vec![refused(), refused(), refused()];
        let other = || closed(1000, "");
        let outcomes = [
            ours,
            vec![other(), refused(), refused()],
            vec![other(), refused(), other()],
        ];
        assert_eq!(unexplained(&cases, &outcomes), [2]);
        assert_eq!(unexplained(&cases, &[]), [0; 0]);
    }

    #[test]
    fn a_reason_that_nothing_shows_fails_where_everything_was_replayed() {
        let same = closed(1000, "");
        assert_eq!(judged(b"\x88\x00", &same, &same, false).failures(), 0);
        let verdict = judged(b"\x88\x00", &same, &same, true);
        assert_eq!(verdict.failures(), differences().count());
        assert!(verdict.to_string().contains("no input shows any more that"));
    }
}
