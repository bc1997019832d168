//! Messages that only count while they are new: a newer one takes their place.

use socket_flow_protocol::Payload;

use crate::outbox::{State, Waiting};

impl State {
    /// The oldest lossy messages that have so much room together. None, where
    /// all of them have less.
    #[inline]
    pub(crate) fn oldest(&self, room: u32) -> Option<Oldest> {
        let mut oldest = Oldest {
            count: 0,
            room: 0,
            are_first: true,
        };
        for waiting in &self.waiting {
            if waiting.lossy {
                oldest.count += 1;
                oldest.room += waiting.cost;
                if oldest.room >= room {
                    return Some(oldest);
                }
            } else {
                oldest.are_first = false;
            }
        }
        None
    }

    /// Puts a message at the end, in the memory of the first so many, which
    /// are dropped. There is one at least.
    #[inline]
    pub(crate) fn take_first_place<P: Payload>(&mut self, count: usize, payload: P, cost: u32) {
        for _ in 1..count {
            if let Some(first) = self.waiting.pop_front() {
                self.buffered -= first.parcel.len();
            }
        }
        self.waiting.rotate_left(1);
        if let Some(last) = self.waiting.back_mut() {
            self.buffered -= last.parcel.len();
            last.parcel.replace(payload);
            last.cost = cost;
            self.buffered += last.parcel.len();
        }
    }

    #[cold]
    pub(crate) fn drop_where(&mut self, mut which: impl FnMut(&Waiting) -> bool) {
        let buffered = &mut self.buffered;
        self.waiting.retain(|waiting| {
            let drop = which(waiting);
            if drop {
                *buffered -= waiting.parcel.len();
            }
            !drop
        });
    }
}

/// Messages that a newer one may take the place of.
pub(crate) struct Oldest {
    pub(crate) count: usize,
    pub(crate) room: u32,
    /// Whether nothing else waits before them.
    pub(crate) are_first: bool,
}
