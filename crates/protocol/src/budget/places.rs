use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::budget::wait::{Call, Number, Wait};

/// Messages that wait for memory.
///
/// Peers decide how many there are, so no operation looks at all of them: each
/// takes steps in the logarithm of their number.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_age: BTreeMap<Number, Place>,
    /// What each holds; of equals the oldest is the last. Invariant: the same ones
    /// as in `by_age`.
    by_size: BTreeSet<Size>,
    /// What each will have; of equals the oldest is the first. Invariant: likewise.
    by_total: BTreeSet<Total>,
    /// What all of them need, in bytes. Invariant: the sum over `by_age`.
    needs: usize,
}

pub(super) struct Place {
    pub(super) wait: Wait,
    pub(super) call: Call,
}

/// How large a message is that waits: the largest goes first, of equals the oldest,
/// which had its time.
type Size = (usize, Reverse<Number>);

/// How large a message will be that waits: the smallest is the first.
type Total = (usize, Number);

impl Places {
    /// Adds one whose number is not there.
    pub(super) fn insert(&mut self, place: Place) {
        self.needs += place.wait.needs;
        self.by_size.insert(size(&place.wait));
        self.by_total.insert(total(&place.wait));
        self.by_age.insert(place.wait.number, place);
    }

    pub(super) fn remove(&mut self, number: Number) -> Option<Place> {
        let place = self.by_age.remove(&number)?;
        self.by_size.remove(&size(&place.wait));
        self.by_total.remove(&total(&place.wait));
        self.needs -= place.wait.needs;
        Some(place)
    }

    /// Removes the largest that is larger than `own`, or as large and older.
    pub(super) fn remove_larger(&mut self, own: &Wait) -> Option<Place> {
        let largest = *self.by_size.last()?;
        let (_, Reverse(number)) = largest;
        (largest > size(own)).then(|| self.remove(number))?
    }

    /// Removes the largest if that holds so many bytes.
    pub(super) fn remove_largest(&mut self, least: usize) -> Option<Place> {
        let (held, Reverse(number)) = *self.by_size.last()?;
        (held >= least).then(|| self.remove(number))?
    }

    /// The oldest.
    pub(super) fn oldest(&self) -> Option<&Wait> {
        let (_, place) = self.by_age.first_key_value()?;
        Some(&place.wait)
    }

    /// The smallest, once it has what it needs.
    pub(super) fn smallest(&self) -> Option<&Wait> {
        let (_, number) = self.by_total.first()?;
        Some(&self.by_age.get(number)?.wait)
    }

    /// Whether `wait` comes before all of them where there is room.
    pub(super) fn is_before_all(&self, wait: &Wait) -> bool {
        let first = self.by_total.first();
        first.is_none_or(|first| total(wait) <= *first)
    }

    /// Whether nobody of them is older.
    pub(super) fn is_oldest(&self, number: Number) -> bool {
        let oldest = self.by_age.first_key_value();
        oldest.is_none_or(|(oldest, _)| number <= *oldest)
    }

    /// What all of them need, in bytes.
    pub(super) fn needs(&self) -> usize {
        self.needs
    }

    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_age.is_empty()
    }
}

fn size(wait: &Wait) -> Size {
    (wait.held, Reverse(wait.number))
}

fn total(wait: &Wait) -> Total {
    (wait.total(), wait.number)
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wait.fmt(f)
    }
}
