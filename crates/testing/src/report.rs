use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;

/// Figures with names, printed on one line that `cargo xtask` adds up:
/// `figures chaos lost=0 messages=2400 seeds=20`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report(BTreeMap<&'static str, u64>);

impl Report {
    /// Adds to a figure; the worst is the largest.
    pub fn add(&mut self, name: &'static str, value: u64) {
        let figure = self.0.entry(name).or_default();
        *figure = match name.starts_with("worst-") {
            true => value.max(*figure),
            false => *figure + value,
        };
    }

    /// A figure; 0 where it never came up.
    pub fn get(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or_default()
    }

    /// Whether everything arrived once, in order and whole.
    pub fn is_clean(&self) -> bool {
        BROKEN.iter().all(|name| self.get(name) == 0)
    }

    /// Fails unless everything arrived once, in order and whole.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }

    /// Prints the line for a command of `cargo xtask`.
    #[allow(clippy::print_stdout)] // a command reads it
    pub fn print(&self, command: &str) {
        println!("figures {command}{self}");
    }
}

impl AddAssign for Report {
    fn add_assign(&mut self, other: Self) {
        for (name, value) in other.0 {
            self.add(name, value);
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut figures = self.0.iter().filter(|(_, value)| **value > 0);
        figures.try_for_each(|(name, value)| write!(f, " {name}={value}"))
    }
}

/// Messages that were not received, received twice, received after a later
/// one, and received with other bytes than were sent.
const BROKEN: [&str; 4] = ["lost", "duplicated", "reordered", "torn"];
