use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::Ordering;

use crate::budget::leaving::Leaving;
use crate::budget::places::{Place, Places};
use crate::budget::wait::{Call, Number, Wait};
use crate::budget::{Budget, Inner};

/// Who waits for memory: what there is goes to the smallest, so that those who need
/// little go on beside those who never end; the right to go beyond it goes to the oldest,
/// so that the largest comes to an end as well.
///
/// Whoever is called has no place until it asks again, and is not first: it may
/// never ask, because its application does something else.
#[derive(Debug, Default)]
pub(super) struct Line {
    places: Places,
    /// The last number given.
    last: u64,
    /// Who may go beyond the budget.
    beyond: Option<Right>,
    /// Who was called to take that right, and has not come yet.
    called: Option<Number>,
    /// Who was let go and has not left yet.
    leaving: Leaving,
    /// Who waits after all of them, in the order of their numbers.
    newcomers: BTreeMap<Number, Place>,
    /// Calls of waits that are over. To drop one runs code of the executor's, which
    /// may lead here again: [`Budget::in_line`] does it once the lock is released.
    pub(super) over: Over,
}

/// The right to go beyond the budget.
#[derive(Debug)]
struct Right {
    number: Number,
    /// Whether its message is whole, and handed out.
    is_handed_out: bool,
}

/// Calls that are only to be dropped.
#[derive(Default)]
pub(super) struct Over(Vec<Call>);

/// What the line says to whoever needs memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Whether it may take what it needs if it fits, and whether it may go beyond.
    MayTake { room: bool, beyond: bool },
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
    pub(super) fn ask(&mut self, wait: &Wait, budget: &Budget) -> Said {
        let number = wait.number;
        if self.leaving.contains(number) {
            return Said::LetGo;
        }
        // Whatever it waited for, it is told now.
        self.has_come(number);
        self.leave_place(number, budget);
        Said::MayTake {
            room: self.places.is_before_all(wait),
            beyond: self.places.is_oldest(number),
        }
    }

    /// The oldest takes the right to go beyond the budget, if no message has it, and no older one
    /// was called for it that has not asked yet. Otherwise a connection that receives one
    /// message after the other would have the right for all of them.
    pub(super) fn go_beyond(&mut self, number: Number) -> bool {
        let gives_way = self.called.is_some_and(|called| called < number);
        let takes = self.beyond.is_none() && !gives_way;
        if takes {
            self.beyond = Some(Right {
                number,
                is_handed_out: false,
            });
        }
        takes
    }

    /// The message that goes beyond the budget is whole, and handed out.
    pub(super) fn hand_out(&mut self, number: Number) {
        let right = self.beyond.as_mut();
        if let Some(right) = right.filter(|right| right.number == number) {
            right.is_handed_out = true;
        }
    }

    /// Whose message is beyond the budget, and handed out.
    pub(super) fn handed_out(&self) -> Option<Number> {
        let right = self.beyond.as_ref();
        let right = right.filter(|right| right.is_handed_out)?;
        Some(right.number)
    }

    /// The right of a message that was handed out ends, if `number` is the first; or what
    /// tells the first, who may never have been run since.
    pub(super) fn take_over(
        &mut self,
        number: Number,
        handed_out: Number,
        budget: &Budget,
    ) -> Result<(), Option<Call>> {
        match self.places.oldest() {
            Some(first) if first.number < number => {
                let place = self.places.remove(first.number);
                self.publish(budget);
                Err(place.map(|place| place.call))
            }
            _ => {
                self.end_right(handed_out);
                Ok(())
            }
        }
    }

    /// Has what it needs, or needs nothing any more.
    pub(super) fn leave(&mut self, number: Number, budget: &Budget) {
        self.end_right(number);
        self.has_come(number);
        self.leaving.remove(number);
        self.leave_place(number, budget);
    }

    /// Calls `call` once it can go on; gives it back where that is now.
    pub(super) fn call(&mut self, wait: Wait, call: Call, budget: &Budget) -> Option<Call> {
        self.leave_place(wait.number, budget);
        if self.leaving.contains(wait.number) {
            return Some(call);
        }
        self.places.insert(Place { wait, call });
        // Told before it looks: whoever gives memory back from here on sees it.
        self.publish(budget);
        let has_room =
            self.places.is_before_all(&wait) && budget.has_room_with(0, wait.needs, wait.total());
        let goes_beyond = self.beyond.is_none() && self.places.is_oldest(wait.number);
        if !has_room && !goes_beyond {
            return None;
        }
        if goes_beyond {
            // Whoever was called before had a round to come.
            self.called = Some(wait.number);
        }
        let place = self.places.remove(wait.number);
        self.publish(budget);
        place.map(|place| place.call)
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
        let before = self.newcomers.insert(wait.number, Place { wait, call });
        self.over.extend(before);
        // Told before it looks, as there.
        self.publish(budget);
        let first = self.newcomers.first_key_value();
        let is_first = first.is_some_and(|(number, _)| *number == wait.number);
        let is_taken = is_first && self.places.is_empty() && take();
        if is_taken {
            self.leave_newcomers(wait.number, budget);
        }
        is_taken
    }

    pub(super) fn leave_newcomers(&mut self, number: Number, budget: &Budget) {
        if let Some(place) = self.newcomers.remove(&number) {
            self.over.extend(Some(place));
            self.publish(budget);
        }
    }

    /// What tells the first that they can go on: all that there is room for, since
    /// one that is called may never come.
    pub(super) fn call_first(&mut self, budget: &Budget) -> Vec<Call> {
        let (mut calls, mut needs) = (Vec::new(), 0_usize);
        let oldest = self.places.oldest().map(|oldest| oldest.number);
        if let (Some(oldest), None) = (oldest, &self.beyond) {
            self.called = Some(oldest);
            let place = self.places.remove(oldest);
            calls.extend(place.map(|place| place.call));
        }
        while let Some(smallest) = self.places.smallest() {
            needs = needs.saturating_add(smallest.needs);
            if !budget.has_room_with(0, needs, smallest.total()) {
                break;
            }
            let number = smallest.number;
            calls.extend(self.places.remove(number).map(|place| place.call));
        }
        while let (true, Some(first)) = (self.places.is_empty(), self.newcomers.first_entry()) {
            let wait = &first.get().wait;
            needs = needs.saturating_add(wait.needs);
            if !budget.has_room_with(0, needs, wait.total()) {
                break;
            }
            calls.push(first.remove().call);
        }
        self.publish(budget);
        calls
    }

    /// The time of a wait is over: lets the largest go, unless as much comes back
    /// from others as all need. `seen` is what this wait knows of them.
    pub(super) fn let_go(&mut self, own: Wait, seen: &mut Option<u64>, budget: &Budget) -> LetGo {
        // It may have its call in the line, or not.
        self.leave_place(own.number, budget);
        if self.leaving.contains(own.number) {
            return LetGo::Itself;
        }
        let coming = self.leaving.coming(seen);
        let needs = self.places.needs().saturating_add(own.needs);
        if budget.has_room_with(coming, needs, 0) {
            return LetGo::NotYet;
        }
        match self.places.remove_larger(&own) {
            Some(place) => {
                *seen = Some(self.leaving.insert(place.wait));
                self.publish(budget);
                LetGo::Other(place.call)
            }
            None => LetGo::Itself,
        }
    }

    /// A small message waits: lets one go that holds far more, unless enough comes back
    /// already. What tells that one.
    pub(super) fn make_room(&mut self, own: Wait, budget: &Budget) -> Option<Call> {
        if self.leaving.contains(own.number) {
            return None;
        }
        let coming = self.leaving.coming_soon();
        if budget.has_room_with(coming, own.needs, own.total()) {
            return None;
        }
        let least = own.total().saturating_mul(FAR_MORE);
        let place = self.places.remove_largest(least)?;
        self.leaving.insert(place.wait);
        self.publish(budget);
        Some(place.call)
    }

    fn has_come(&mut self, number: Number) {
        self.called = self.called.filter(|called| *called != number);
    }

    /// Whoever has this number may not go beyond the budget any more.
    fn end_right(&mut self, number: Number) {
        let right = self.beyond.as_ref();
        if right.is_some_and(|right| right.number == number) {
            self.beyond = None;
        }
    }

    fn leave_place(&mut self, number: Number, budget: &Budget) {
        if let Some(place) = self.places.remove(number) {
            self.over.extend(Some(place));
            self.publish(budget);
        }
    }

    fn publish(&self, budget: &Budget) {
        let Inner {
            waiting,
            smallest,
            newcomers,
            ..
        } = &*budget.0;
        let total = self.places.smallest().map_or(usize::MAX, Wait::total);
        smallest.store(total, Ordering::SeqCst);
        waiting.store(self.places.len(), Ordering::SeqCst);
        newcomers.store(self.newcomers.len(), Ordering::SeqCst);
    }
}

/// How many times as much.
const FAR_MORE: usize = 4;

impl Over {
    fn extend(&mut self, place: Option<Place>) {
        self.0.extend(place.map(|place| place.call));
    }
}

impl fmt::Debug for Over {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.len().fmt(f)
    }
}
