use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::budget::Budget;

/// Who waits for memory, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: VecDeque<Place>,
    /// The number of the last place given.
    last: u64,
    /// Who may go beyond the budget.
    beyond: Option<Number>,
}

/// A place in the line, and later the right to go beyond the budget.
pub(super) type Number = NonZeroU64;

/// What is done when whoever waits can go on.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

struct Place {
    number: Number,
    /// What its message holds, in bytes.
    held: usize,
    /// What it needs beyond that.
    needs: usize,
    /// Whether it was let go.
    is_let_go: bool,
    call: Option<Call>,
}

/// What the line says to whoever needs memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It is the first, and may take what it needs if it fits.
    First,
    /// It waits.
    Wait,
    /// It was let go.
    LetGo,
}

impl Line {
    /// A place at the end.
    pub(super) fn join(&mut self, budget: &Budget) -> Number {
        self.last += 1;
        // It counts up from one, and no process lives long enough for its end.
        let number = Number::new(self.last).unwrap_or(Number::MIN);
        self.places.push_back(Place {
            number,
            held: 0,
            needs: 0,
            is_let_go: false,
            call: None,
        });
        self.count(budget);
        number
    }

    /// Asks for `needs` bytes for a message that holds `held`.
    pub(super) fn ask(&mut self, number: Number, held: usize, needs: usize) -> Said {
        let is_first = self.is_first(number);
        let Some(place) = self.place(number) else {
            return Said::LetGo;
        };
        if place.is_let_go {
            return Said::LetGo;
        }
        (place.held, place.needs) = (held, needs);
        if is_first { Said::First } else { Said::Wait }
    }

    /// The first takes the right to go beyond the budget, if nobody has it.
    pub(super) fn go_beyond(&mut self, number: Number, budget: &Budget) -> bool {
        if self.beyond.is_some() {
            return false;
        }
        self.leave_place(number, budget);
        self.beyond = Some(number);
        true
    }

    /// Has what it needs, or needs nothing any more.
    pub(super) fn leave(&mut self, number: Number, budget: &Budget) {
        if self.beyond == Some(number) {
            self.beyond = None;
        }
        self.leave_place(number, budget);
    }

    /// Calls `call` once the place can go on; at once where it can.
    pub(super) fn call(&mut self, number: Number, call: Call, budget: &Budget) -> Option<Call> {
        let can_go_on = self.is_first(number) && self.can_go_on(budget);
        let Some(place) = self.place(number) else {
            return Some(call);
        };
        if can_go_on || place.is_let_go {
            return Some(call);
        }
        place.call = Some(call);
        None
    }

    pub(super) fn call_first(&mut self, budget: &Budget) -> Option<Call> {
        if !self.can_go_on(budget) {
            return None;
        }
        self.places.front_mut()?.call.take()
    }

    /// The time of a place is over: lets the largest go. `Ok` where that is the
    /// place itself; else what tells the other.
    pub(super) fn let_go(&mut self, number: Number) -> Result<(), Option<Call>> {
        let held = |place: &Place| (place.held, place.number == number);
        let waiting = self.places.iter_mut().filter(|place| !place.is_let_go);
        match waiting.max_by_key(|place| held(place)) {
            Some(place) if place.number != number => {
                place.is_let_go = true;
                Err(place.call.take())
            }
            _ => Ok(()),
        }
    }

    /// Whether the first could go on.
    fn can_go_on(&self, budget: &Budget) -> bool {
        let first = self.places.front();
        first.is_some_and(|first| {
            self.beyond.is_none() || first.is_let_go || budget.has_room(first.needs)
        })
    }

    fn is_first(&self, number: Number) -> bool {
        let first = self.places.front();
        first.is_some_and(|first| first.number == number)
    }

    fn place(&mut self, number: Number) -> Option<&mut Place> {
        // The numbers go up.
        let index = self
            .places
            .binary_search_by_key(&number, |place| place.number);
        self.places.get_mut(index.ok()?)
    }

    fn leave_place(&mut self, number: Number, budget: &Budget) {
        let found = self
            .places
            .binary_search_by_key(&number, |place| place.number);
        if let Ok(index) = found {
            self.places.remove(index);
            self.count(budget);
        }
    }

    fn count(&self, budget: &Budget) {
        budget.0.waiting.store(self.places.len(), Ordering::SeqCst);
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("number", &self.number)
            .field("held", &self.held)
            .field("needs", &self.needs)
            .field("is_let_go", &self.is_let_go)
            .finish_non_exhaustive()
    }
}
