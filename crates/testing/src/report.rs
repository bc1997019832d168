use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

use crate::ledger::Tally;

/// Figures with names, printed on one line that `cargo xtask` adds up:
/// `figures chaos lost=0 messages=2400 seeds=20`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(BTreeMap<&'static str, u64>);

impl Report {
    /// What became of messages.
    pub fn of(tally: Tally) -> Self {
        Self(BTreeMap::from([
            ("messages", tally.messages),
            ("lost", tally.lost),
            ("duplicated", tally.duplicated),
            ("reordered", tally.reordered),
            ("torn", tally.torn),
        ]))
    }

    /// Adds to a figure.
    pub fn add(&mut self, name: &'static str, value: u64) {
        *self.0.entry(name).or_default() += value;
    }

    /// A figure; 0 where it never came up.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Prints the line for a command of `cargo xtask`.
    #[allow(clippy::print_stdout)] // a command reads it
    pub fn print(&self, command: &str) {
        println!("figures {command}{self}");
    }
}

impl AddAssign<&Self> for Report {
    fn add_assign(&mut self, other: &Self) {
        other
            .0
            .iter()
            .for_each(|(name, value)| self.add(name, *value));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let figures = self.0.iter().filter(|(_, value)| **value > 0);
        figures
            .into_iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
