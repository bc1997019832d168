//! The table at the end of a run.

use std::collections::HashMap;
use std::fmt;

use crate::autobahn::report::{Behaviour, Report};
use crate::autobahn::side::Side;

/// How many cases got which verdict.
#[derive(Debug, Default)]
pub(crate) struct Summary(Vec<Row>);

#[derive(Debug)]
struct Row {
    side: Side,
    what: &'static str,
    counts: HashMap<Behaviour, usize>,
}

impl Summary {
    /// Adds the two rows of a side.
    pub(crate) fn add(&mut self, side: Side, report: &Report) {
        let count = |verdicts: &mut dyn Iterator<Item = Behaviour>| {
            let mut counts = HashMap::new();
            for verdict in verdicts {
                *counts.entry(verdict).or_insert(0) += 1;
            }
            counts
        };
        let outcomes = || report.0.values();
        self.0.push(Row {
            side,
            what: "behaviour",
            counts: count(&mut outcomes().map(|outcome| outcome.behaviour)),
        });
        self.0.push(Row {
            side,
            what: "close",
            counts: count(&mut outcomes().map(|outcome| outcome.behaviour_close)),
        });
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The verdicts that only a close can get are shown where one did.
        let columns: Vec<Behaviour> = Behaviour::ALL
            .into_iter()
            .filter(|behaviour| {
                let closing_only = matches!(
                    behaviour,
                    Behaviour::FailedByClient | Behaviour::Unclean | Behaviour::WrongCode
                );
                !closing_only || self.0.iter().any(|row| row.counts.contains_key(behaviour))
            })
            .collect();
        write!(f, "{:17}", "")?;
        for column in &columns {
            let name = column.to_string();
            write!(f, "  {name:>5}")?;
        }
        for row in &self.0 {
            write!(f, "\n{:6}  {:9}", row.side, row.what)?;
            for column in &columns {
                let count = row.counts.get(column).copied().unwrap_or(0);
                let width = column.to_string().len().max(5);
                write!(f, "  {count:>width$}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::autobahn::check::tests::outcome;
    use crate::autobahn::report::Outcome;

    #[test]
    fn every_verdict_is_counted_for_behaviour_and_close() {
        let unclean = Outcome {
            behaviour: Behaviour::NonStrict,
            behaviour_close: Behaviour::Unclean,
            ..outcome()
        };
        let report = Report(
            [
                ("1.1.1".to_owned(), outcome()),
                ("6.4.1".to_owned(), unclean),
            ]
            .into(),
        );
        let mut summary = Summary::default();
        summary.add(Side::Server, &report);
        assert_eq!(
            summary.to_string(),
            "                      OK  INFORMATIONAL  NON-STRICT  UNIMPLEMENTED  UNCLEAN  FAILED\n\
             server  behaviour      1              0           1              0        0       0\n\
             server  close          1              0           0              0        1       0"
        );
    }
}
