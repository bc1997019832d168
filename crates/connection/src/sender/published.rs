//! Messages that are published to many connections, for the hub of this workspace.

use std::sync::{Arc, OnceLock, PoisonError, Weak};

use socket_flow_protocol::Prepared;
use socket_flow_protocol::driver::cost;

use crate::sync::Mutex;

/// Messages that are published one after another, to about the same members.
///
/// They are gathered in batches. A member's queue counts its references by the
/// batch, so that for most messages nothing is touched but that queue: neither the
/// message, whose count of references all members share, nor the old one it takes
/// the place of, which has left the processor's cache.
///
/// Only queues keep a batch. It is freed when no queue refers to it.
#[doc(hidden)]
#[derive(Debug, Default)]
pub struct Publications(Mutex<Open>);

/// The batch that is added to.
#[derive(Debug, Default)]
struct Open {
    batch: Weak<Batch>,
    len: u8,
    /// What its messages cost.
    cost: u32,
}

/// A published message.
#[doc(hidden)]
#[derive(Clone, Debug)]
pub struct Published {
    message: Prepared,
    pub(crate) cost: u32,
    pub(crate) batch: Arc<Batch>,
    pub(crate) at: u8,
}

/// Invariant: a message is in its place before a queue refers to it.
#[derive(Debug, Default)]
pub(crate) struct Batch([OnceLock<Place>; MESSAGES]);

/// A message, and beside it what it costs, so that counting does not read the
/// message.
#[derive(Debug)]
struct Place {
    cost: u32,
    message: Prepared,
}

impl Publications {
    /// Adds a message.
    pub fn add(&self, message: &Prepared) -> Published {
        let cost = cost(message.len());
        // Nothing panics under the lock.
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let sum = open.cost.saturating_add(cost);
        let fits = usize::from(open.len) < MESSAGES && sum <= COST;
        let batch = open.batch.upgrade().filter(|_| fits);
        let batch = match batch {
            Some(batch) => {
                open.cost = sum;
                batch
            }
            None => {
                let batch = Arc::default();
                *open = Open {
                    batch: Arc::downgrade(&batch),
                    len: 0,
                    cost,
                };
                batch
            }
        };
        let at = open.len;
        open.len += 1;
        batch.put(at, cost, message);
        Published {
            message: message.clone(),
            cost,
            batch,
            at,
        }
    }
}

impl Published {
    pub(crate) fn message(&self) -> &Prepared {
        &self.message
    }
}

impl Batch {
    #[inline]
    pub(crate) fn message(&self, at: u8) -> Option<&Prepared> {
        self.place(at).map(|place| &place.message)
    }

    #[inline]
    pub(crate) fn cost_of(&self, at: u8) -> u32 {
        self.place(at).map_or(0, |place| place.cost)
    }

    /// Bytes of payload of a message.
    #[inline]
    pub(crate) fn len_of(&self, at: u8) -> usize {
        self.message(at).map_or(0, Prepared::len)
    }

    #[inline]
    fn place(&self, at: u8) -> Option<&Place> {
        self.0.get(usize::from(at)).and_then(OnceLock::get)
    }

    fn put(&self, at: u8, cost: u32, message: &Prepared) {
        if let Some(place) = self.0.get(usize::from(at)) {
            let message = message.clone();
            place.get_or_init(|| Place { cost, message });
        }
    }
}

/// How many messages are in a batch at most.
const MESSAGES: usize = 16;

/// What the messages of a batch cost at most, unless it is one alone: a queue that
/// waits with one of them keeps all of them. A sixteenth of a queue's default.
const COST: u32 = 4 << 10;

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;

    #[test]
    fn a_message_keeps_no_more_than_a_batch_of_others() {
        let publications = Publications::default();
        let mut kept = publications.add(&Prepared::new("first"));
        for payload in [1, 100, 3_000, 5_000, 1 << 20, 16 << 20, 1, 1] {
            let next = publications.add(&Prepared::new(vec![0; payload]));
            if !Arc::ptr_eq(&next.batch, &kept.batch) {
                let places = kept.batch.0.iter().filter_map(OnceLock::get);
                let costs: Vec<_> = places.map(|place| place.cost).collect();
                assert!(
                    costs.len() == 1 || costs.iter().sum::<u32>() <= COST,
                    "{costs:?}"
                );
            }
            kept = next;
        }
    }

    #[test]
    fn what_no_queue_refers_to_is_gone() {
        let publications = Publications::default();
        let message = Prepared::new("x");
        let published = publications.add(&message);
        let batch = Arc::downgrade(&published.batch);
        drop(publications.add(&message));
        assert!(batch.upgrade().is_some());
        drop(published);
        assert!(batch.upgrade().is_none());
    }

    #[test]
    fn a_batch_that_is_full_is_followed_by_another() {
        let publications = Publications::default();
        let message = Prepared::new("x");
        let all: Vec<_> = (0..3 * MESSAGES)
            .map(|_| publications.add(&message))
            .collect();
        for (number, published) in all.iter().enumerate() {
            assert_eq!(usize::from(published.at), number % MESSAGES);
            let first = &all[number - number % MESSAGES];
            assert!(Arc::ptr_eq(&first.batch, &published.batch));
        }
    }
}
