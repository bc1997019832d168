use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::budget::{Budget, Inner};

/// Who waits for memory, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: VecDeque<Place>,
    /// The number of the last place given.
    last: u64,
    /// Who may go beyond the budget.
    beyond: Option<Number>,
    /// Who waits after all of them, the oldest first.
    newcomers: VecDeque<Place>,
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
        let number = self.number();
        self.places.push_back(Place::new(number));
        self.count(budget);
        number
    }

    /// A place at the end of the newcomers.
    pub(super) fn join_newcomers(&mut self, budget: &Budget) -> Number {
        let number = self.number();
        self.newcomers.push_back(Place::new(number));
        self.count(budget);
        number
    }

    fn number(&mut self) -> Number {
        self.last += 1;
        // It counts up from one, and no process lives long enough for its end.
        Number::new(self.last).unwrap_or(Number::MIN)
    }

    /// Whether nobody comes before this newcomer.
    pub(super) fn is_first_newcomer(&self, number: Number) -> bool {
        let first = self.newcomers.front();
        self.places.is_empty() && first.is_some_and(|first| first.number == number)
    }

    /// Calls `call` once nobody comes before this newcomer and `needs` bytes are there.
    pub(super) fn wait(&mut self, number: Number, needs: usize, call: Call) {
        if let Some(place) = place(&mut self.newcomers, number) {
            (place.needs, place.call) = (needs, Some(call));
        }
    }

    /// Has what it needs, or needs nothing any more.
    pub(super) fn leave_newcomers(&mut self, number: Number, budget: &Budget) {
        leave(&mut self.newcomers, number);
        self.count(budget);
    }

    /// Asks for `needs` bytes for a message that holds `held`.
    pub(super) fn ask(&mut self, number: Number, held: usize, needs: usize) -> Said {
        let is_first = self.is_first(number);
        let Some(place) = place(&mut self.places, number) else {
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
        let Some(place) = place(&mut self.places, number) else {
            return Some(call);
        };
        if can_go_on || place.is_let_go {
            return Some(call);
        }
        place.call = Some(call);
        None
    }

    pub(super) fn call_first(&mut self, budget: &Budget) -> Option<Call> {
        if self.places.is_empty() {
            let newcomer = self.newcomers.front_mut();
            return newcomer.filter(|it| budget.has_room(it.needs))?.call.take();
        }
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

    fn leave_place(&mut self, number: Number, budget: &Budget) {
        leave(&mut self.places, number);
        self.count(budget);
    }

    fn count(&self, budget: &Budget) {
        let Inner {
            waiting, newcomers, ..
        } = &*budget.0;
        waiting.store(self.places.len(), Ordering::SeqCst);
        newcomers.store(self.newcomers.len(), Ordering::SeqCst);
    }
}

impl Place {
    fn new(number: Number) -> Self {
        Self {
            number,
            held: 0,
            needs: 0,
            is_let_go: false,
            call: None,
        }
    }
}

fn place(places: &mut VecDeque<Place>, number: Number) -> Option<&mut Place> {
    let index = find(places, number)?;
    places.get_mut(index)
}

fn leave(places: &mut VecDeque<Place>, number: Number) {
    if let Some(index) = find(places, number) {
        places.remove(index);
    }
}

/// The numbers go up.
fn find(places: &VecDeque<Place>, number: Number) -> Option<usize> {
    let found = places.binary_search_by_key(&number, |place| place.number);
    found.ok()
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
