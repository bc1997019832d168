use std::fmt;

use crate::faults::{Fault, Faults};
use crate::ledger::Tally;

/// Figures with names, printed on one line that `cargo xtask` adds up:
/// `figures chaos seeds=20 messages=2400 lost=0`.
#[derive(Clone, Debug)]
pub struct Report {
    command: &'static str,
    figures: Vec<(String, u64)>,
}

impl Report {
    /// Figures for one command of `cargo xtask`.
    pub fn new(command: &'static str) -> Self {
        Self {
            command,
            figures: Vec::new(),
        }
    }

    /// Adds a figure, to the one of the same name if there is one.
    pub fn add(&mut self, name: &str, value: u64) {
        match self.figures.iter_mut().find(|(other, _)| other == name) {
            Some((_, sum)) => *sum += value,
            None => self.figures.push((name.into(), value)),
        }
    }

    /// Adds what became of messages.
    pub fn add_tally(&mut self, tally: Tally) {
        self.add("messages", tally.messages);
        self.add("lost", tally.lost);
        self.add("duplicated", tally.duplicated);
        self.add("reordered", tally.reordered);
        self.add("torn", tally.torn);
    }

    /// Adds the faults that happened.
    pub fn add_faults(&mut self, faults: &Faults) {
        for fault in Fault::ALL {
            if faults.count(fault) > 0 {
                self.add(fault.name(), faults.count(fault));
            }
        }
    }

    /// Prints the line.
    #[allow(clippy::print_stdout)] // a command reads it
    pub fn print(&self) {
        println!("{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "figures {}", self.command)?;
        self.figures
            .iter()
            .try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}
