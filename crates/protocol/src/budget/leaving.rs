use std::collections::HashMap;

use crate::budget::wait::{Number, Wait};

/// Messages that were let go, and are still there: what they hold comes back once
/// their connections run.
#[derive(Debug, Default)]
pub(super) struct Leaving {
    by_number: HashMap<Number, Left>,
    /// What comes back of them, in bytes. Invariant: the sum over those that were
    /// let go after the first `overdue`.
    coming: usize,
    /// How many were ever let go while another one waited.
    count: u64,
    /// So many had their time: their connections are not run, and nothing comes.
    overdue: u64,
}

#[derive(Debug)]
struct Left {
    bytes: usize,
    /// How many were let go until then, itself included.
    count: u64,
}

impl Leaving {
    pub(super) fn contains(&self, number: Number) -> bool {
        self.by_number.contains_key(&number)
    }

    /// This one is let go; how many were until then.
    pub(super) fn insert(&mut self, wait: Wait) -> u64 {
        self.count += 1;
        self.coming += wait.held;
        let left = Left {
            bytes: wait.held,
            count: self.count,
        };
        self.by_number.insert(wait.number, left);
        self.count
    }

    pub(super) fn remove(&mut self, number: Number) {
        let left = self.by_number.remove(&number);
        if let Some(left) = left.filter(|left| left.count > self.overdue) {
            self.coming -= left.bytes;
        }
    }

    /// How many bytes come back, as far as is known.
    pub(super) fn coming_soon(&self) -> usize {
        self.coming
    }

    /// How many bytes come back. `seen` is how many were let go when one that waits
    /// looked last, and its time is over again: if none were since, all had theirs.
    pub(super) fn coming(&mut self, seen: &mut Option<u64>) -> usize {
        if seen.replace(self.count) == Some(self.count) {
            self.overdue = self.count;
            self.coming = 0;
        }
        self.coming
    }
}
