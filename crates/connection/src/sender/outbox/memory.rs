//! What senders' messages take of the budget that connections share.
//!
//! Where there is a budget, a queue has room for [`OWN`] bytes, and borrows more: room is added once it
//! is charged, and taken away when the messages are taken over. So whoever hands something in finds room
//! or not, as ever, and looks at the budget only where there is none.
//!
//! Memory is charged under the lock of the queue, and given back outside it: that may wake whoever waits
//! for memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use socket_flow_protocol::driver::OVERHEAD;
use socket_flow_protocol::{Budget, Lease, Purpose, SendError};
use tokio::sync::TryAcquireError;

use crate::sender::outbox::queue::{Enqueue, Queue};
use crate::sender::outbox::{Outbox, State};
use crate::sync::MutexGuard;

/// What a queue has borrowed.
#[derive(Debug)]
pub(crate) struct QueueMemory {
    /// Invariant: at least `borrowed`; more where a message is larger than the queue, or a backlog waits.
    lease: Lease,
    /// The room that was added to what every queue has.
    borrowed: u32,
    /// How many senders wait for room, and the most that one of them needs.
    waiters: u32,
    wanted: u32,
    /// The room that is promised for replies, where that is more than a queue's own.
    promised: u32,
}

impl QueueMemory {
    pub(crate) fn new(budget: &Budget) -> Self {
        Self {
            lease: budget.lease(Purpose::Senders),
            borrowed: 0,
            waiters: 0,
            wanted: 0,
            promised: 0,
        }
    }

    /// Borrows so much more room, or `enough`, if that fits; how much it was.
    fn borrow(&mut self, room: u32, enough: u32) -> u32 {
        for room in [room, enough] {
            // What is charged already is there, or was borrowed before.
            if self.lease.try_set(self.lease.bytes() + room as usize) {
                self.borrowed += room;
                return room;
            }
        }
        0
    }

    /// Borrows so much more room, whether it fits or not.
    fn overdraw(&mut self, room: u32) -> u32 {
        self.borrowed += room;
        self.lease.set(self.lease.bytes() + room as usize);
        room
    }

    /// Charges what a queue that holds so much takes, whether it fits or not: it is there.
    fn charge(&mut self, held: usize) {
        let bytes = self.needed(held).max(self.lease.bytes());
        self.lease.set(bytes);
    }

    /// What is charged beyond what a queue that holds so much takes. It is given back when it is
    /// dropped.
    fn spare(&mut self, held: usize) -> Option<Lease> {
        let spare = self.lease.bytes().checked_sub(self.needed(held));
        spare
            .filter(|bytes| *bytes > 0)
            .map(|bytes| self.lease.split(bytes))
    }

    fn needed(&self, held: usize) -> usize {
        let beyond = held.saturating_sub(OWN as usize);
        beyond.max(self.borrowed as usize)
    }

    /// Whether more is borrowed, or charged, than every queue has, or will be for someone who waits.
    fn is_in_use(&self) -> bool {
        self.waiters > 0 || self.lease.bytes() > 0
    }
}

impl Outbox {
    /// Puts a message in that found no room, if it can be borrowed.
    #[cold]
    pub(crate) fn put_by_borrowing<E: Enqueue>(
        &self,
        message: E,
        cost: u32,
    ) -> Result<(), SendError<E>> {
        while self.borrow_for(cost, true) {
            match self.room.try_acquire_many(cost) {
                Ok(room) => {
                    room.forget();
                    return self.push(message, cost);
                }
                Err(TryAcquireError::Closed) => return Err(SendError::Closed(message)),
                // Somebody else was quicker.
                Err(TryAcquireError::NoPermits) => {}
            }
        }
        Err(SendError::Full(message))
    }

    /// Whether there is room for all replies that are promised, so many bytes; it stays until fewer
    /// are.
    pub(crate) fn has_room_for_replies(&self, promised: &AtomicUsize, bytes: usize) -> bool {
        if !self.may_borrow() {
            return bytes <= self.room.available_permits();
        }
        let Ok(cost) = u32::try_from(bytes) else {
            return false;
        };
        // First, so that it is not given back meanwhile.
        self.promises_changed(promised, bytes);
        bytes <= self.room.available_permits() || self.borrow_for(cost, false)
    }

    /// Looks how much is promised for replies; it is, or was, so many bytes.
    pub(crate) fn promises_changed(&self, promised: &AtomicUsize, bytes: usize) {
        if !self.may_borrow() || bytes <= OWN as usize {
            return;
        }
        let mut state = self.lock();
        if let Some(memory) = &mut state.memory {
            // Under the lock, so that whoever comes last has the newest number.
            let promised = promised.load(Ordering::Acquire);
            memory.promised = u32::try_from(promised).unwrap_or(u32::MAX);
        }
        self.balance_memory(state, 0);
    }

    /// Borrows room for a message, or a reply, that finds none, where it fits; for a message also where
    /// it does not, if nothing waits. Whether there may be room now.
    pub(crate) fn borrow_for(&self, cost: u32, is_message: bool) -> bool {
        let mut state = self.lock();
        let available = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        let missing = cost.saturating_sub(available);
        // A queue that is closed says so to whoever looks again.
        if missing == 0 || self.room.is_closed() {
            return true;
        }
        let Some(memory) = &mut state.memory else {
            return false;
        };
        let left = self.capacity - self.own - memory.borrowed;
        if missing > left {
            return false;
        }
        let is_alone = is_message && available == self.own + memory.borrowed;
        let mut borrowed = memory.borrow(missing.max(STEP).min(left), missing);
        if borrowed == 0 && is_alone {
            borrowed = memory.overdraw(missing);
        }
        self.has_borrowed(&mut state);
        drop(state);
        // Outside the lock: a waker may run whoever waits at once.
        self.add_permits(borrowed);
        borrowed > 0
    }

    /// A message of this cost waits for room from now on.
    fn awaits(&self, cost: u32) {
        let mut state = self.lock();
        let is_empty = state.waiting.is_empty();
        let Some(memory) = &mut state.memory else {
            return;
        };
        memory.waiters += 1;
        memory.wanted = memory.wanted.max(cost);
        let borrowed = match is_empty {
            true => self.overdraw_for_wanted(memory),
            false => {
                let left = self.capacity - self.own - memory.borrowed;
                memory.borrow(cost.max(STEP).min(left), cost.min(left))
            }
        };
        self.has_borrowed(&mut state);
        drop(state);
        self.add_permits(borrowed);
    }

    /// It waits no more.
    fn awaits_no_more(&self) {
        let mut state = self.lock();
        if let Some(memory) = &mut state.memory {
            memory.waiters = memory.waiters.saturating_sub(1);
            if memory.waiters == 0 {
                memory.wanted = 0;
            }
        }
        self.balance_memory(state, 0);
    }

    /// Frees the room of what was taken over, but for what is given back.
    #[cold]
    pub(crate) fn release_borrowed(&self, freed: u32) {
        self.balance_memory(self.lock(), freed);
    }

    /// Charges what waits, where that is more than there was room for.
    pub(crate) fn charge_what_waits(&self, state: &mut State) {
        let held = held(&state.waiting);
        if let Some(memory) = &mut state.memory {
            memory.charge(held);
            self.has_borrowed(state);
        }
    }

    /// Gives back what is not needed any more, or borrows for those who wait; and frees this room, as
    /// far as it is not given back.
    pub(crate) fn balance_memory(&self, mut state: MutexGuard<'_, State>, mut freed: u32) {
        let held = held(&state.waiting);
        let is_empty = state.waiting.is_empty();
        let mut spare = None;
        if let Some(memory) = &mut state.memory {
            if memory.waiters == 0 {
                self.take_away(memory, held, is_empty, &mut freed);
            } else if is_empty {
                // One message goes, whatever it is.
                freed += self.overdraw_for_wanted(memory);
            } else if freed > 0 {
                let left = self.capacity - self.own - memory.borrowed;
                freed += memory.borrow(STEP.min(left), 0);
            }
            spare = memory.spare(held);
            self.has_borrowed(&mut state);
        }
        drop(state);
        // Outside the lock: both may run whoever waits at once.
        self.add_permits(freed);
        drop(spare);
    }

    /// Takes room away that is more than what waits needs, first of what is `freed`. Room that is
    /// neither there nor freed is taken away the next time: the connection may not have given the room
    /// back yet of what it took over, and what is promised for replies must be there all the time.
    fn take_away(&self, memory: &mut QueueMemory, held: usize, is_empty: bool, freed: &mut u32) {
        let needed = u32::try_from(held).unwrap_or(u32::MAX);
        let needed = needed
            .saturating_add(memory.promised)
            .saturating_sub(self.own);
        let surplus = memory.borrowed.saturating_sub(needed);
        if is_empty || surplus >= 2 * STEP {
            let of_freed = surplus.min(*freed);
            *freed -= of_freed;
            memory.borrowed -= of_freed + self.take_room(surplus - of_freed, memory.promised);
        }
    }

    /// Takes away as much of the room that is there beyond what is promised, and beyond a queue's own,
    /// up to `most`. Of a closed queue that is all of it.
    ///
    /// `Semaphore::forget_permits` opens a closed semaphore again before tokio 1.51.1.
    fn take_room(&self, most: u32, promised: u32) -> u32 {
        while !self.room.is_closed() {
            let available = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
            let kept = promised.max(self.own);
            let room = available.saturating_sub(kept).min(most);
            // Else somebody else was quicker.
            if let Ok(taken) = self.room.try_acquire_many(room) {
                taken.forget();
                return room;
            }
        }
        most
    }

    fn overdraw_for_wanted(&self, memory: &mut QueueMemory) -> u32 {
        let missing = memory.wanted.saturating_sub(self.own + memory.borrowed);
        memory.overdraw(missing)
    }

    /// Keeps what is read without looking at what is borrowed.
    fn has_borrowed(&self, state: &mut State) {
        if let Some(memory) = &state.memory {
            state.pressed_below = pressed_below(self.own + memory.borrowed, self.capacity);
            self.is_borrowing
                .store(memory.is_in_use(), Ordering::Relaxed);
        }
    }

    fn may_borrow(&self) -> bool {
        self.own < self.capacity
    }

    /// The room that may be borrowed now: all there can be, or none.
    pub(crate) fn room_to_borrow(&self) -> usize {
        if !self.may_borrow() {
            return 0;
        }
        let state = self.lock();
        let Some(memory) = &state.memory else {
            return 0;
        };
        let left = (self.capacity - self.own - memory.borrowed) as usize;
        match memory.lease.budget().has_room(left) {
            true => left,
            false => 0,
        }
    }
}

/// The room that a queue has of itself.
pub(crate) fn own(capacity: u32, budget: Option<&Budget>) -> u32 {
    match budget {
        Some(_) => capacity.min(OWN),
        None => capacity,
    }
}

/// Where less room is left of `room`, half of all that there can be is taken.
pub(crate) fn pressed_below(room: u32, capacity: u32) -> u32 {
    room.saturating_sub(capacity.div_ceil(2))
}

/// What all messages together take, in bytes.
fn held(waiting: &Queue) -> usize {
    waiting.bytes() + waiting.len() as usize * OVERHEAD as usize
}

/// A sender that waits for room, and has the queue borrow for it.
pub(crate) struct Asking<'a> {
    outbox: &'a Outbox,
    cost: u32,
    has_asked: bool,
}

impl<'a> Asking<'a> {
    pub(crate) fn new(outbox: &'a Outbox, cost: u32) -> Self {
        Self {
            outbox,
            cost,
            has_asked: false,
        }
    }

    /// Has the queue borrow, the first time; whether there may be room now.
    pub(crate) fn ask(&mut self) -> bool {
        let is_new = !self.has_asked && self.outbox.may_borrow();
        if is_new {
            self.has_asked = true;
            self.outbox.awaits(self.cost);
        }
        is_new
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        if self.has_asked {
            self.outbox.awaits_no_more();
        }
    }
}

/// What each queue has without asking for it: a message of half of what a connection is charged.
const OWN: u32 = Budget::SHARE as u32 / 2 + OVERHEAD;

/// The least that is borrowed at once where there is as much, so that a burst of small messages does
/// not ask for each of them.
const STEP: u32 = 4 << 10;

#[cfg(all(test, not(shuttle)))]
mod tests {
    use socket_flow_protocol::NEVER;
    use socket_flow_protocol::driver::cost;

    use super::*;

    /// Cause: the room of a reply that was taken over was taken away before it was given back, in place
    /// of what the connection had promised for the next reply, which was lost.
    #[test]
    fn promised_room_stays_while_that_of_another_reply_is_on_its_way_back() {
        for len in [1_000, 3_000] {
            let budget = Budget::new(64 << 20);
            let outbox = Outbox::new(64 << 10, NEVER, Some(&budget));
            let (promised, reply) = (AtomicUsize::new(0), cost(len) as usize);
            for replies in [reply, 2 * reply] {
                promised.store(replies, Ordering::Relaxed);
                assert!(outbox.has_room_for_replies(&promised, replies));
            }
            let mut hog = budget.lease(Purpose::Events);
            hog.set(64 << 20);
            outbox.try_send(vec![7; len], false).unwrap();
            let mut freed = 0;
            assert!(outbox.pop(&mut freed).is_some());
            // The next event is read before `freed` is given back.
            promised.store(reply, Ordering::Relaxed);
            outbox.promises_changed(&promised, 2 * reply);
            outbox.try_send(vec![7; len], false).unwrap();
            outbox.release_permits(freed);
        }
    }
}
