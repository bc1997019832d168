//! What senders' messages take of the budget that connections share.
//!
//! Where there is a budget, a queue has room for [`OWN`] bytes, and borrows more: room is added once it
//! is charged, and taken away when the messages are taken over. So whoever hands something in finds room
//! or not, as ever, and looks at the budget only where there is none.

use std::sync::atomic::{AtomicUsize, Ordering};

use socket_flow_protocol::{Budget, Lease, Purpose};
use tokio::sync::{SemaphorePermit, TryAcquireError};

use crate::crowd::Crowd;
use crate::outbox::{Outbox, State};
use crate::queue::{OVERHEAD, Queue};

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
    fn new(budget: &Budget) -> Self {
        Self {
            lease: budget.lease(Purpose::Senders),
            borrowed: 0,
            waiters: 0,
            wanted: 0,
            promised: 0,
        }
    }

    /// Whether nobody needs it any more.
    pub(crate) fn is_given_back(&self) -> bool {
        self.borrowed == 0 && self.waiters == 0 && self.promised <= OWN
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

    /// What is charged for a queue that holds so much.
    fn settle(&mut self, held: usize) {
        let beyond = held.saturating_sub(OWN as usize);
        let charged = beyond.max(self.borrowed as usize);
        if charged != self.lease.bytes() {
            self.lease.set(charged);
        }
    }
}

impl Outbox {
    /// Takes room for a message that finds none, as soon as it is borrowed.
    #[cold]
    pub(crate) fn acquire_by_borrowing(
        &self,
        cost: u32,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        while self.borrow(cost) {
            let acquired = self.room.try_acquire_many(cost);
            // Else somebody else was quicker.
            if !matches!(acquired, Err(TryAcquireError::NoPermits)) {
                return acquired;
            }
        }
        Err(TryAcquireError::NoPermits)
    }

    /// Borrows room for a message that finds none, where it fits; also where it does not, if nothing
    /// waits. Whether there may be room now.
    #[cold]
    pub(crate) fn borrow(&self, cost: u32) -> bool {
        self.borrow_for(cost, true)
    }

    /// Whether there is room for all replies that are promised, so many bytes; it stays until fewer
    /// are.
    pub(crate) fn has_room_for_replies(&self, promised: &AtomicUsize, bytes: usize) -> bool {
        if self.budget.is_none() {
            return bytes <= self.room();
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
        let Some(budget) = &self.budget else {
            return;
        };
        if bytes <= OWN as usize {
            return;
        }
        let mut state = self.lock();
        // Under the lock, so that whoever comes last has the newest number.
        let promised = promised.load(Ordering::Acquire);
        memory(&mut state, budget).promised = u32::try_from(promised).unwrap_or(u32::MAX);
        self.give_back(&mut state, &mut 0);
    }

    fn borrow_for(&self, cost: u32, is_message: bool) -> bool {
        let Some(budget) = &self.budget else {
            return false;
        };
        let most = self.most_borrowed();
        let mut state = self.lock();
        let available = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        let missing = cost.saturating_sub(available);
        if missing == 0 {
            return true;
        }
        let memory = memory(&mut state, budget);
        let left = most - memory.borrowed;
        if missing > left {
            return false;
        }
        let is_alone = is_message && available == self.own() + memory.borrowed;
        let mut borrowed = memory.borrow(missing.max(STEP).min(left), missing);
        if borrowed == 0 && is_alone {
            borrowed = memory.overdraw(missing);
        }
        drop(state);
        // Outside the lock: a waker may run whoever waits at once.
        self.free(borrowed);
        borrowed > 0
    }

    /// A message of this cost waits for room from now on.
    fn awaits(&self, cost: u32) {
        let Some(budget) = &self.budget else {
            return;
        };
        let most = self.most_borrowed();
        let mut state = self.lock();
        let is_empty = state.waiting.is_empty();
        let memory = memory(&mut state, budget);
        memory.waiters += 1;
        memory.wanted = memory.wanted.max(cost);
        let left = most - memory.borrowed;
        let borrowed = match is_empty {
            true => self.overdraw_for_wanted(memory),
            false => memory.borrow(cost.max(STEP).min(left), cost.min(left)),
        };
        drop(state);
        self.free(borrowed);
    }

    /// It waits no more.
    fn awaits_no_more(&self) {
        let mut state = self.lock();
        let crowd = state.crowd.as_mut();
        if let Some(memory) = crowd.and_then(|crowd| crowd.memory.as_mut()) {
            // A connection that has ended has forgotten the others.
            memory.waiters = memory.waiters.saturating_sub(1);
            if memory.waiters == 0 {
                memory.wanted = 0;
                self.give_back(&mut state, &mut 0);
            }
        }
    }

    /// A message was taken over, whose room is in `freed`: gives back what is not needed any more, and
    /// borrows for those who wait.
    #[cold]
    pub(crate) fn settle_memory(&self, state: &mut State, freed: &mut u32) {
        let most = self.most_borrowed();
        let is_empty = state.waiting.is_empty();
        let crowd = state.crowd.as_mut();
        let Some(memory) = crowd.and_then(|crowd| crowd.memory.as_mut()) else {
            return;
        };
        if memory.waiters == 0 {
            return self.give_back(state, freed);
        }
        *freed += match is_empty {
            // One message goes, whatever it is.
            true => self.overdraw_for_wanted(memory),
            false => memory.borrow(STEP.min(most - memory.borrowed), 0),
        };
        memory.settle(held(&state.waiting));
    }

    /// Charges what waits, where that is more than was borrowed: one message larger than the queue, or
    /// a backlog. Whether half of the room that there can be is taken.
    #[cold]
    pub(crate) fn is_pressed(&self, state: &mut State) -> bool {
        let Some(budget) = &self.budget else {
            return true;
        };
        let held = held(&state.waiting);
        let crowd = state.crowd.as_ref();
        let known = crowd.and_then(|crowd| crowd.memory.as_ref());
        let (charged, borrowed) =
            known.map_or((0, 0), |memory| (memory.lease.bytes(), memory.borrowed));
        if held > OWN as usize + charged {
            memory(state, budget).settle(held);
        }
        let left = (self.most_borrowed() - borrowed) as usize;
        self.room.available_permits() + left < self.capacity() / 2
    }

    /// Takes room away that is more than what waits needs, first of what is being `freed`. Room that is
    /// neither there nor freed is taken away the next time.
    fn give_back(&self, state: &mut State, freed: &mut u32) {
        let held = held(&state.waiting);
        let is_empty = state.waiting.is_empty();
        let Some(Crowd {
            memory: Some(memory),
            ..
        }) = state.crowd.as_deref_mut()
        else {
            return;
        };
        if memory.waiters > 0 {
            return;
        }
        let needed = u32::try_from(held).unwrap_or(u32::MAX);
        let needed = needed
            .saturating_add(memory.promised)
            .saturating_sub(self.own());
        let surplus = memory.borrowed.saturating_sub(needed);
        if is_empty || surplus >= 2 * STEP {
            let of_freed = surplus.min(*freed);
            *freed -= of_freed;
            let of_room = self.room.forget_permits((surplus - of_freed) as usize);
            memory.borrowed -= of_freed + u32::try_from(of_room).unwrap_or(0);
        }
        memory.settle(held);
    }

    fn overdraw_for_wanted(&self, memory: &mut QueueMemory) -> u32 {
        let missing = memory.wanted.saturating_sub(self.own() + memory.borrowed);
        memory.overdraw(missing)
    }

    /// The room that is not borrowed.
    fn own(&self) -> u32 {
        own(self.capacity, self.budget.as_ref())
    }

    fn most_borrowed(&self) -> u32 {
        self.capacity - self.own()
    }

    /// The room that may be borrowed now: all there can be, or none.
    pub(crate) fn room_to_borrow(&self) -> usize {
        let Some(budget) = &self.budget else {
            return 0;
        };
        let state = self.lock();
        let crowd = state.crowd.as_ref();
        let memory = crowd.and_then(|crowd| crowd.memory.as_ref());
        let left = (self.most_borrowed() - memory.map_or(0, |memory| memory.borrowed)) as usize;
        if budget.has_room(left) { left } else { 0 }
    }
}

/// The room that a queue has of itself.
pub(crate) fn own(capacity: u32, budget: Option<&Budget>) -> u32 {
    match budget {
        Some(_) => capacity.min(OWN),
        None => capacity,
    }
}

/// What all messages together take, in bytes.
fn held(waiting: &Queue) -> usize {
    waiting.bytes() + waiting.len() as usize * OVERHEAD as usize
}

fn memory<'a>(state: &'a mut State, budget: &Budget) -> &'a mut QueueMemory {
    let crowd = state.crowd.get_or_insert_default();
    crowd.memory.get_or_insert_with(|| QueueMemory::new(budget))
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
        let is_new = !self.has_asked && self.outbox.budget.is_some();
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

/// What each queue has without asking for it, in bytes: half of what a connection is charged.
const OWN: u32 = Budget::SHARE as u32 / 2;

/// The least that is borrowed at once where there is as much, so that a burst of small messages does
/// not ask for each of them.
const STEP: u32 = 4 << 10;
