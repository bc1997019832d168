use std::sync::atomic::{AtomicU64, Ordering};

use socket_flow_connection::Sender;

/// What became of one published message.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Delivery {
    /// Members it was handed to.
    pub delivered: usize,
    /// Messages that slow members missed for it: this one, or older ones.
    pub dropped: usize,
    /// Slow members that are closed instead of being handed it.
    pub closed: usize,
    /// With [`SlowPolicy::Wait`](crate::SlowPolicy::Wait) the members that it
    /// missed: there was no room for it in time.
    pub missed: Vec<Sender>,
}

/// What a [`Hub`](crate::Hub) has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HubStats {
    /// Messages published.
    pub published: u64,
    /// Messages handed to members, each one counted for each member.
    pub delivered: u64,
    /// Messages that slow members missed by a policy that drops.
    pub dropped: u64,
    /// Slow members that were closed.
    pub closed: u64,
    /// Messages that there was no room for in time, each one counted for each
    /// member.
    pub missed: u64,
    /// Times that publishing waited for a member.
    pub waited: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    published: AtomicU64,
    delivered: AtomicU64,
    dropped: AtomicU64,
    closed: AtomicU64,
    missed: AtomicU64,
    waited: AtomicU64,
}

impl Counters {
    /// Once for each message, not for each member.
    pub(super) fn add(&self, delivery: &Delivery, waited: usize) {
        let add = |counter: &AtomicU64, count: usize| {
            if count > 0 {
                counter.fetch_add(count as u64, Ordering::Relaxed);
            }
        };
        add(&self.published, 1);
        add(&self.delivered, delivery.delivered);
        add(&self.dropped, delivery.dropped);
        add(&self.closed, delivery.closed);
        add(&self.missed, delivery.missed.len());
        add(&self.waited, waited);
    }

    pub(super) fn read(&self) -> HubStats {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        HubStats {
            published: read(&self.published),
            delivered: read(&self.delivered),
            dropped: read(&self.dropped),
            closed: read(&self.closed),
            missed: read(&self.missed),
            waited: read(&self.waited),
        }
    }
}
