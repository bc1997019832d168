use std::fmt;
use std::sync::Arc;

use socket_flow_protocol::{Budget, Lease, Purpose};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many bytes of messages may wait to be read as events, those of all
/// connections together.
///
/// How much one connection may have of it is bounded by the
/// [room for its replies](super::reply_room::ReplyRoom).
#[derive(Clone, Debug)]
pub(crate) struct EventMemory {
    room: Arc<Semaphore>,
    capacity: u32,
    budget: Option<Budget>,
}

/// The memory of one event.
pub(crate) struct EventRoom {
    /// None for a request: it counts for the budget alone.
    _room: Option<OwnedSemaphorePermit>,
    _lease: Option<Lease>,
}

impl EventMemory {
    pub(crate) fn new(bytes: usize, budget: Option<Budget>) -> Self {
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let capacity = bytes.clamp(1, most);
        Self {
            room: Arc::new(Semaphore::new(capacity)),
            capacity: u32::try_from(capacity).unwrap_or(u32::MAX),
            budget,
        }
    }

    /// The room for a message of this many bytes, if it is there. One that is
    /// larger than everything is told alone.
    pub(crate) fn try_room(&self, bytes: usize) -> Option<EventRoom> {
        let room = Arc::clone(&self.room);
        let room = room.try_acquire_many_owned(self.cost(bytes)).ok()?;
        Some(EventRoom {
            _room: Some(room),
            _lease: self.charge(bytes, Purpose::Events),
        })
    }

    /// Waits for it, in order, for a message that was [received](Self::received).
    ///
    /// # Cancel safety
    /// The place in the order is lost when the future is dropped.
    pub(crate) async fn room(&self, bytes: usize, received: Option<Lease>) -> Option<EventRoom> {
        let room = Arc::clone(&self.room);
        let room = room.acquire_many_owned(self.cost(bytes)).await.ok()?;
        let lease = self.charge(bytes, Purpose::Events);
        drop(received);
        Some(EventRoom {
            _room: Some(room),
            _lease: lease,
        })
    }

    /// That of a request, which its handshake was charged for until now.
    pub(crate) fn request(&self, handshake: Lease) -> EventRoom {
        let lease = self.charge(handshake.bytes(), Purpose::Events);
        drop(handshake);
        EventRoom {
            _room: None,
            _lease: lease,
        }
    }

    /// What a message is charged that was received and has to wait: its connection has
    /// given it back.
    pub(crate) fn received(&self, bytes: usize) -> Option<Lease> {
        self.charge(bytes, Purpose::Receiving)
    }

    fn charge(&self, bytes: usize, purpose: Purpose) -> Option<Lease> {
        let budget = self.budget.as_ref().filter(|_| bytes > 0)?;
        let mut lease = budget.lease(purpose);
        // It is there already.
        lease.set(bytes);
        Some(lease)
    }

    fn cost(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.capacity)
    }
}

impl fmt::Debug for EventRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventRoom").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_room_up_to_the_sum_and_a_larger_one_alone() {
        let memory = EventMemory::new(100, None);
        let (small, rest) = (memory.try_room(60).unwrap(), memory.try_room(40).unwrap());
        assert!(memory.try_room(1).is_none());
        assert!(memory.try_room(0).is_some());
        drop(small);
        assert!(memory.try_room(1000).is_none());
        drop(rest);
        let large = memory.try_room(1000).unwrap();
        assert!(memory.try_room(1).is_none());
        drop(large);
        assert!(memory.try_room(100).is_some());
    }

    #[test]
    fn what_waits_is_charged_to_the_budget_until_it_is_read() {
        let budget = Budget::new(1 << 30);
        let memory = EventMemory::new(100, Some(budget.clone()));
        let room = memory.try_room(1000).unwrap();
        assert_eq!(budget.usage().events, 1000);
        drop(room);
        assert_eq!(budget.usage().events, 0);
    }
}
