//! How a message is put into a queue.

use socket_flow_protocol::{Parcel, Payload};

use crate::sender::outbox::queue::{Entry, Queue};
use crate::sender::published::Published;

/// A message on its way into a queue.
pub(crate) trait Enqueue {
    /// Bytes of payload.
    fn payload_len(&self) -> usize;

    /// Puts it at the end, for this cost.
    fn put(self, queue: &mut Queue, cost: u32);

    /// Puts it at the end in the place of the first message, where that is lossy
    /// and costs as much, in a moment. Whether it did.
    fn put_over(&self, queue: &mut Queue, cost: u32) -> bool;
}

/// A message that was handed in to one connection.
pub(crate) struct One<P> {
    pub(crate) payload: P,
    /// Whether a newer message may take its place.
    pub(crate) lossy: bool,
}

impl<P: Payload> Enqueue for One<P> {
    #[inline]
    fn payload_len(&self) -> usize {
        self.payload.bytes().len()
    }

    #[inline]
    fn put(self, queue: &mut Queue, cost: u32) {
        let lossy = self.lossy;
        let parcel = Parcel::new(self.payload);
        let payload = parcel.len();
        queue.len += 1;
        queue.bytes += payload;
        queue.push(Entry::One {
            parcel,
            cost,
            lossy,
        });
    }

    #[inline]
    fn put_over(&self, _: &mut Queue, _: u32) -> bool {
        false
    }
}

impl Enqueue for &Published {
    #[inline]
    fn payload_len(&self) -> usize {
        self.message().len()
    }

    #[inline]
    fn put(self, queue: &mut Queue, cost: u32) {
        let payload = self.payload_len();
        // One that takes all the room there is costs less than others of its length.
        if cost != self.cost {
            let payload = self.message();
            return One {
                payload,
                lossy: true,
            }
            .put(queue, cost);
        }
        queue.len += 1;
        queue.bytes += payload;
        queue.refer_to(self);
    }

    #[inline]
    fn put_over(&self, queue: &mut Queue, cost: u32) -> bool {
        if cost != self.cost {
            return false;
        }
        let Some(Entry::Published { batch, from, to }) = queue.entries.front_mut() else {
            return false;
        };
        // Equal in cost, equal in length: the queue has as many bytes as before.
        if batch.cost_of(*from) != cost {
            return false;
        }
        *from += 1;
        if from == to {
            queue.entries.pop_front();
        }
        queue.refer_to(self);
        true
    }
}
