//! Messages that wait to be taken over, in the order in which they were handed in.

mod enqueue;

use std::collections::VecDeque;
use std::sync::Arc;

use socket_flow_protocol::Parcel;

use crate::sender::published::{Batch, Published};

pub(crate) use enqueue::{Enqueue, One};

#[derive(Debug, Default)]
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    /// Bytes of payload.
    bytes: usize,
    /// How many messages: an entry may stand for several.
    len: u32,
    /// How many were taken out; it wraps around.
    pub(crate) taken: u32,
}

#[derive(Debug)]
enum Entry {
    One {
        parcel: Parcel,
        cost: u32,
        /// Whether a newer message may take its place.
        lossy: bool,
    },
    /// Messages that were published one after another, and at least one. Newer
    /// messages may take their places: that changes two numbers here, and no
    /// message is touched.
    Published { batch: Arc<Batch>, from: u8, to: u8 },
}

impl Queue {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Bytes of payload.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The next message, and what it costs.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(Parcel, u32)> {
        let (parcel, cost) = match self.entries.pop_front()? {
            Entry::One { parcel, cost, .. } => (parcel, cost),
            Entry::Published { batch, from, to } => self.take_first(batch, from, to)?,
        };
        self.len -= 1;
        self.bytes -= parcel.len();
        self.taken = self.taken.wrapping_add(1);
        Some((parcel, cost))
    }

    #[inline(never)]
    fn take_first(&mut self, batch: Arc<Batch>, from: u8, to: u8) -> Option<(Parcel, u32)> {
        let first = (Parcel::new(batch.message(from)?), batch.cost_of(from));
        let from = from + 1;
        if from < to {
            self.entries
                .push_front(Entry::Published { batch, from, to });
        }
        Some(first)
    }

    /// Drops all messages.
    pub(crate) fn clear(&mut self) {
        *self = Self {
            taken: self.taken,
            ..Self::default()
        };
    }

    /// Gives the memory back that an empty queue needs no more.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.entries.is_empty() {
            self.entries = VecDeque::new();
        }
    }

    /// The oldest lossy messages that cost so much together. None, where all of
    /// them cost less.
    #[inline]
    pub(crate) fn oldest(&self, room: u32) -> Option<Oldest> {
        let mut oldest = Oldest {
            count: 0,
            room: 0,
            are_first: true,
        };
        for entry in &self.entries {
            match entry {
                Entry::One { lossy: false, .. } => oldest.are_first = false,
                Entry::One { cost, .. } => {
                    oldest.count += 1;
                    oldest.room += cost;
                }
                Entry::Published { batch, from, to } => {
                    for at in *from..*to {
                        oldest.count += 1;
                        oldest.room += batch.cost_of(at);
                        if oldest.room >= room {
                            break;
                        }
                    }
                }
            }
            if oldest.room >= room {
                return Some(oldest);
            }
        }
        None
    }

    /// Drops the oldest lossy messages.
    #[inline]
    pub(crate) fn drop_oldest(&mut self, oldest: &Oldest) {
        self.len -= oldest.count;
        let mut left = oldest.count;
        if oldest.are_first {
            while let Some(first) = self.entries.front_mut().filter(|_| left > 0) {
                if first.drop_oldest(&mut left, &mut self.bytes) {
                    self.entries.pop_front();
                }
            }
        } else {
            self.entries
                .retain_mut(|entry| left == 0 || !entry.drop_oldest(&mut left, &mut self.bytes));
        }
    }

    /// How many of the first so many are lossy.
    pub(crate) fn count_lossy(&self, first: u32) -> u32 {
        let (mut seen, mut lossy) = (0, 0);
        for entry in &self.entries {
            let count = entry.len().min(first - seen);
            if entry.is_lossy() {
                lossy += count;
            }
            seen += count;
            if seen == first {
                break;
            }
        }
        lossy
    }

    #[inline]
    fn refer_to(&mut self, message: &Published) {
        let Published { batch, at, .. } = message;
        if let Some(Entry::Published {
            batch: last, to, ..
        }) = self.entries.back_mut()
        {
            if to == at && Arc::ptr_eq(last, batch) {
                *to += 1;
                return;
            }
        }
        self.push(Entry::Published {
            batch: Arc::clone(batch),
            from: *at,
            to: at + 1,
        });
    }

    #[inline]
    fn push(&mut self, entry: Entry) {
        if self.entries.capacity() == 0 {
            self.entries = VecDeque::with_capacity(FEW);
        }
        self.entries.push_back(entry);
    }
}

impl Entry {
    fn len(&self) -> u32 {
        match self {
            Self::One { .. } => 1,
            Self::Published { from, to, .. } => (to - from).into(),
        }
    }

    fn is_lossy(&self) -> bool {
        !matches!(self, Self::One { lossy: false, .. })
    }

    /// Drops at most so many of its messages, if they are lossy. Whether none is
    /// left.
    #[inline]
    fn drop_oldest(&mut self, count: &mut u32, bytes: &mut usize) -> bool {
        match self {
            Self::One { lossy: false, .. } => false,
            Self::One { parcel, .. } => {
                *count -= 1;
                *bytes -= parcel.len();
                true
            }
            Self::Published { batch, from, to } => {
                while *count > 0 && from < to {
                    *bytes -= batch.len_of(*from);
                    *count -= 1;
                    *from += 1;
                }
                from == to
            }
        }
    }
}

/// Messages that a newer one may take the place of.
pub(crate) struct Oldest {
    pub(crate) count: u32,
    pub(crate) room: u32,
    /// Whether nothing else waits before them.
    are_first: bool,
}

/// Room for as many entries is made at once: most messages wait alone.
const FEW: usize = 4;

#[cfg(all(test, not(shuttle)))]
mod tests {
    use socket_flow_protocol::driver::cost;
    use socket_flow_protocol::{Payload, Prepared};

    use super::*;
    use crate::sender::published::Publications;

    /// SplitMix64.
    struct Random(u64);

    impl Random {
        fn below(&mut self, end: usize) -> usize {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) % end as u64) as usize
        }
    }

    /// The queue beside a plain one of messages, each with whether it is lossy.
    #[derive(Default)]
    struct Both {
        queue: Queue,
        plain: VecDeque<(Vec<u8>, bool)>,
    }

    impl Both {
        fn put(&mut self, message: &[u8], lossy: bool) {
            let payload = message;
            One { payload, lossy }.put(&mut self.queue, cost(message.len()));
            self.plain.push_back((message.to_vec(), lossy));
        }

        /// Takes the quick way where there is one, as an outbox that is full does.
        fn publish(&mut self, message: &Published, is_full: bool) {
            let payload = message.message().message().as_bytes();
            let cost = cost(payload.len());
            let first = self.plain.front();
            let is_like_it = first.is_some_and(|first| first.0.len() == payload.len() && first.1);
            match is_full && message.put_over(&mut self.queue, cost) {
                true => {
                    assert!(is_like_it);
                    self.plain.pop_front();
                }
                false => message.put(&mut self.queue, cost),
            }
            self.plain.push_back((payload.to_vec(), true));
        }

        fn pop(&mut self) {
            let expected = self.plain.pop_front();
            let popped = self.queue.pop();
            assert_eq!(popped.is_some(), expected.is_some());
            if let (Some((parcel, paid)), Some((payload, _))) = (popped, expected) {
                assert_eq!((parcel.bytes(), paid), (&payload[..], cost(payload.len())));
            }
        }

        fn drop_oldest(&mut self, room: u32) {
            let (mut count, mut sum) = (0, 0);
            let lossy = self.plain.iter().filter(|(_, lossy)| *lossy);
            for (payload, _) in lossy {
                if sum >= room {
                    break;
                }
                count += 1;
                sum += cost(payload.len());
            }
            let oldest = self.queue.oldest(room);
            assert_eq!(oldest.is_some(), sum >= room);
            let Some(oldest) = oldest else { return };
            assert_eq!((oldest.count, oldest.room), (count, sum));
            let before = self.plain.len();
            self.queue.drop_oldest(&oldest);
            self.plain.retain(|(_, lossy)| {
                let drop = *lossy && count > 0;
                count -= u32::from(drop);
                !drop
            });
            assert_eq!(before - self.plain.len(), oldest.count as usize);
        }

        fn check(&self, first: usize) {
            assert_eq!(self.queue.len() as usize, self.plain.len());
            let bytes: usize = self.plain.iter().map(|(payload, _)| payload.len()).sum();
            assert_eq!(self.queue.bytes(), bytes);
            let first = first.min(self.plain.len());
            let lossy = self.plain.iter().take(first).filter(|(_, lossy)| *lossy);
            assert_eq!(self.queue.count_lossy(first as u32) as usize, lossy.count());
        }
    }

    #[test]
    fn a_queue_of_batches_is_a_queue_of_messages() {
        for seed in 0..300 {
            let mut random = Random(seed);
            let publications = [Publications::default(), Publications::default()];
            let mut both = Both::default();
            for number in 0..200_u32 {
                let len = [4, 4, 4, 5, 1_000, 5_000][random.below(6)];
                let mut payload = number.to_le_bytes().to_vec();
                payload.resize(len, b'x');
                match random.below(12) {
                    0 => both.put(&payload, false),
                    1 => both.put(&payload, true),
                    2 | 3 => both.pop(),
                    4 => both.drop_oldest(1 + random.below(3_000) as u32),
                    // One that this queue has no part in.
                    5 => drop(publications[0].add(&Prepared::new(payload))),
                    kind => {
                        let from = &publications[usize::from(kind == 6)];
                        let message = from.add(&Prepared::new(payload));
                        both.publish(&message, random.below(2) == 0);
                    }
                }
                both.check(random.below(50));
            }
            while !both.plain.is_empty() {
                both.pop();
            }
            both.check(0);
        }
    }

    #[test]
    fn messages_published_one_after_another_take_the_place_of_one() {
        let publications = Publications::default();
        let mut queue = Queue::default();
        for _ in 0..16 {
            let message = publications.add(&Prepared::new("x"));
            message.put(&mut queue, cost(1));
        }
        assert_eq!((queue.len(), queue.entries.len()), (16, 1));
        for _ in 0..1_000 {
            let message = publications.add(&Prepared::new("x"));
            assert!((&message).put_over(&mut queue, cost(1)));
            assert!(queue.entries.len() <= 2);
        }
        assert_eq!((queue.len(), queue.bytes()), (16, 16));
    }

    #[test]
    fn a_message_that_costs_all_the_room_there_is_costs_that_when_it_leaves() {
        let publications = Publications::default();
        let mut queue = Queue::default();
        let message = publications.add(&Prepared::new(vec![0; 1_000]));
        (&message).put(&mut queue, 500);
        assert!(!(&message).put_over(&mut queue, 500));
        assert_eq!(queue.oldest(500).unwrap().room, 500);
        assert_eq!(queue.pop().unwrap().1, 500);
    }
}
