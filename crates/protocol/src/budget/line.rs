use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;

use crate::budget::{Budget, Inner};

/// Who waits for memory, the oldest first.
///
/// Whoever is called has no place until it asks again, and is not first: it may
/// never ask, because its application does something else.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// In the order of their numbers.
    places: VecDeque<Place>,
    /// What all of them need. Invariant: the sum over `places`.
    needs: usize,
    /// The last number given.
    last: u64,
    /// Who may go beyond the budget.
    beyond: Option<Number>,
    /// Who was let go and has not left yet, with the bytes that come back then.
    let_go: HashMap<Number, usize>,
    /// How many were ever let go while another one waited.
    count: u64,
    /// Who waits after all of them, in the order of their numbers.
    newcomers: VecDeque<Place>,
}

/// How old a wait for memory is, and later the right to go beyond the budget.
pub(super) type Number = NonZeroU64;

/// What is done when whoever waits can go on.
pub(crate) type Call = Box<dyn FnOnce() + Send>;

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) number: Number,
    /// What its message holds, in bytes.
    pub(super) held: usize,
    /// What it needs beyond that.
    pub(super) needs: usize,
}

struct Place {
    wait: Wait,
    call: Call,
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

/// Who goes where the time of a wait is over.
pub(super) enum LetGo {
    Itself,
    /// Another one, which is told by this.
    Other(Call),
    /// Nobody: enough comes back.
    NotYet,
}

impl Line {
    /// The number of a wait that begins.
    pub(super) fn join(&mut self) -> Number {
        self.last += 1;
        // It counts up from one, and no process lives long enough for its end.
        Number::new(self.last).unwrap_or(Number::MIN)
    }

    /// Asks whether it is its turn.
    pub(super) fn ask(&mut self, number: Number, budget: &Budget) -> Said {
        if self.let_go.contains_key(&number) {
            return Said::LetGo;
        }
        // Whatever it waited for, it is told now.
        self.leave_place(number, budget);
        if self.is_first(number) {
            Said::First
        } else {
            Said::Wait
        }
    }

    /// The first takes the right to go beyond the budget, if nobody has it.
    pub(super) fn go_beyond(&mut self, number: Number) -> bool {
        let takes = self.beyond.is_none();
        if takes {
            self.beyond = Some(number);
        }
        takes
    }

    /// Has what it needs, or needs nothing any more.
    pub(super) fn leave(&mut self, number: Number, budget: &Budget) {
        if self.beyond == Some(number) {
            self.beyond = None;
        }
        self.let_go.remove(&number);
        self.leave_place(number, budget);
    }

    /// Calls `call` once it can go on; gives it back where that is now.
    pub(super) fn call(&mut self, wait: Wait, call: Call, budget: &Budget) -> Option<Call> {
        self.leave_place(wait.number, budget);
        let index = self.index(wait.number).unwrap_or_else(|index| index);
        self.places.insert(index, Place { wait, call });
        self.needs += wait.needs;
        // Told before it looks: whoever gives memory back from here on sees it.
        self.publish(budget);
        let is_next = self.is_first(wait.number) && self.can_go_on(&wait, budget);
        if !is_next && !self.let_go.contains_key(&wait.number) {
            return None;
        }
        self.leave_place(wait.number, budget)
            .map(|place| place.call)
    }

    /// A newcomer, who is in no other place, waits for so much as [`call`](Self::call) does; `take`
    /// takes it. Whether it has it now.
    pub(super) fn take_as_newcomer(
        &mut self,
        wait: Wait,
        call: Call,
        budget: &Budget,
        take: impl FnOnce() -> bool,
    ) -> bool {
        self.leave_newcomers(wait.number, budget);
        let index = find(&self.newcomers, wait.number).unwrap_or_else(|index| index);
        self.newcomers.insert(index, Place { wait, call });
        // Told before it looks, as there.
        self.publish(budget);
        let is_taken = index == 0 && self.places.is_empty() && take();
        if is_taken {
            self.leave_newcomers(wait.number, budget);
        }
        is_taken
    }

    pub(super) fn leave_newcomers(&mut self, number: Number, budget: &Budget) {
        if let Ok(index) = find(&self.newcomers, number) {
            self.newcomers.remove(index);
            self.publish(budget);
        }
    }

    /// What tells the first that they can go on: all that there is room for, since
    /// one that is called may never come.
    pub(super) fn call_first(&mut self, budget: &Budget) -> Vec<Call> {
        let (mut calls, mut needs) = (Vec::new(), 0_usize);
        while let Some(first) = self.places.front() {
            needs = needs.saturating_add(first.wait.needs);
            let goes_beyond = calls.is_empty() && self.beyond.is_none();
            if !goes_beyond && !budget.has_room(needs) {
                break;
            }
            calls.extend(self.leave_front().map(|first| first.call));
        }
        while let (true, Some(first)) = (self.places.is_empty(), self.newcomers.front()) {
            needs = needs.saturating_add(first.wait.needs);
            if !budget.has_room(needs) {
                break;
            }
            calls.extend(self.newcomers.pop_front().map(|first| first.call));
        }
        self.publish(budget);
        calls
    }

    /// The time of a wait is over: lets the largest go, unless as much comes back
    /// from others as all need. `seen` is what this wait knows of them.
    pub(super) fn let_go(&mut self, own: Wait, seen: &mut Option<u64>, budget: &Budget) -> LetGo {
        // It may have its call in the line, or not.
        self.leave_place(own.number, budget);
        if seen.replace(self.count) == Some(self.count) {
            // They had their time: they are not run, and nothing comes.
            self.let_go.values_mut().for_each(|bytes| *bytes = 0);
        }
        let coming: usize = self.let_go.values().sum();
        let needs = self.needs.saturating_add(own.needs);
        if budget.has_room(needs.saturating_sub(coming)) {
            return LetGo::NotYet;
        }
        // Of equals the oldest: it had its time.
        let size = |wait: &Wait| (wait.held, Reverse(wait.number));
        let waits = self.places.iter().map(|place| place.wait);
        let largest = waits.max_by_key(size);
        let larger = largest.filter(|largest| size(largest) > size(&own));
        match larger.and_then(|wait| self.leave_place(wait.number, budget)) {
            Some(place) => {
                self.let_go.insert(place.wait.number, place.wait.held);
                self.count += 1;
                *seen = Some(self.count);
                LetGo::Other(place.call)
            }
            None => LetGo::Itself,
        }
    }

    fn can_go_on(&self, wait: &Wait, budget: &Budget) -> bool {
        self.beyond.is_none() || budget.has_room(wait.needs)
    }

    /// Whether nobody waits who is older.
    fn is_first(&self, number: Number) -> bool {
        let first = self.places.front();
        first.is_none_or(|first| number <= first.wait.number)
    }

    fn index(&self, number: Number) -> Result<usize, usize> {
        find(&self.places, number)
    }

    fn leave_place(&mut self, number: Number, budget: &Budget) -> Option<Place> {
        let index = self.index(number).ok()?;
        let place = self.places.remove(index)?;
        self.needs -= place.wait.needs;
        self.publish(budget);
        Some(place)
    }

    fn leave_front(&mut self) -> Option<Place> {
        let place = self.places.pop_front()?;
        self.needs -= place.wait.needs;
        Some(place)
    }

    fn publish(&self, budget: &Budget) {
        let Inner {
            waiting, newcomers, ..
        } = &*budget.0;
        waiting.store(self.places.len(), Ordering::SeqCst);
        newcomers.store(self.newcomers.len(), Ordering::SeqCst);
    }
}

fn find(places: &VecDeque<Place>, number: Number) -> Result<usize, usize> {
    places.binary_search_by_key(&number, |place| place.wait.number)
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.wait.fmt(f)
    }
}
