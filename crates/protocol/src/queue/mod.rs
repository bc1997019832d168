mod linked;

use std::cell::RefCell;
use std::fmt;
use std::io::IoSlice;
use std::mem;
use std::ops::RangeInclusive;
use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::budget::{Lease, OWN, Purpose};
use crate::buffer_count;
use crate::config::Config;
use crate::queue::linked::Linked;
use crate::thread_pool::{self, Idle};

/// Bytes that wait to be written, whole frames only.
///
/// Small frames are copied after each other into one contiguous tail, so
/// that many of them leave in one write; large payloads are linked, not
/// copied. It is a [`Buf`] with vectored chunks: write what it lends, then
/// [`advance`](Buf::advance) by what was taken. A write may stop anywhere,
/// also inside a frame; the rest stays queued.
///
/// An empty queue holds no memory: its storage goes back to a one-slot pool
/// of the thread. Where a budget has no room for another storage, the queue has
/// memory of its own and is full after 1 KiB.
pub struct WriteQueue {
    config: Arc<Config>,
    /// Full segments, in front of the tail; `None` when there are none, which
    /// is nearly always.
    linked: Option<Box<Linked>>,
    /// The segment that small frames are appended to.
    tail: BytesMut,
    /// Bytes written since the connection began. Invariant: never goes back.
    taken: u64,
    /// What the transport owes of them.
    pub(crate) flush: Flush,
    /// How long the tail may be without a look at the rest, in bytes. Invariant: at
    /// most the limit, and 0 where there is something in front of the tail.
    room: u32,
    /// Whether the tail is a thread's storage, or will be when it has memory.
    is_storage: bool,
}

/// Whether the transport has passed on what it took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// All of it.
    Done,
    /// It took bytes since the last flush.
    Due,
    /// A flush would wait: the transport has a buffer of its own, as TLS has.
    Blocked,
}

impl WriteQueue {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        let mut queue = Self {
            config,
            linked: None,
            tail: BytesMut::new(),
            taken: 0,
            flush: Flush::Done,
            room: 0,
            is_storage: true,
        };
        queue.settle_room();
        queue
    }

    pub(crate) fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// Bytes that wait to be written.
    #[inline]
    pub fn len(&self) -> usize {
        let linked = self.linked.as_deref();
        linked.map_or(0, |linked| linked.len) + self.tail.len()
    }

    /// Whether nothing waits.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.tail.is_empty() && (self.linked.is_none() || self.len() == 0)
    }

    /// Whether it takes no more messages.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.tail.len() >= self.room as usize && self.is_at_its_limit()
    }

    #[inline(never)]
    fn is_at_its_limit(&self) -> bool {
        self.len() >= self.limit()
    }

    /// How many bytes it takes.
    fn limit(&self) -> usize {
        let high_water = self.config.limits().high_water;
        if self.is_storage {
            high_water
        } else {
            high_water.min(OWN)
        }
    }

    /// Keeps the invariant of `room`.
    fn settle_room(&mut self) {
        self.room = match self.linked {
            None => u32::try_from(self.limit()).unwrap_or(u32::MAX),
            Some(_) => 0,
        };
    }

    /// The tail, to append a whole frame of about `len` bytes to.
    #[inline]
    pub(crate) fn tail(&mut self, len: usize) -> &mut BytesMut {
        if self.tail.capacity() == 0 {
            debug_assert!(self.is_storage, "what comes next is a storage");
            thread_pool::exchange(&POOL, &mut self.tail);
        }
        if self.tail.capacity() - self.tail.len() < len {
            self.grow_tail(len);
        }
        &mut self.tail
    }

    /// Whether a frame of `len` bytes fits what the tail has, or begins with.
    pub(crate) fn fits_tail(&self, len: usize) -> bool {
        match self.tail.capacity() {
            0 => len <= STORAGE,
            capacity => len <= capacity - self.tail.len(),
        }
    }

    #[cold]
    fn grow_tail(&mut self, len: usize) {
        if self.tail.capacity() == 0 {
            match thread_pool::make(STORAGE, self.config.memory()) {
                Some(storage) => self.tail = storage,
                None => return self.own_tail(len),
            }
        } else if !self.is_storage {
            self.link_tail();
            return self.own_tail(len);
        }
        self.tail.reserve(len);
    }

    /// The tail gets memory of its own, for `len` bytes.
    fn own_tail(&mut self, len: usize) {
        self.tail = BytesMut::with_capacity(len.max(OWN));
        self.is_storage = false;
        self.charge();
        self.settle_room();
    }

    /// Puts `payload` after everything queued so far, without a copy.
    pub(crate) fn link(&mut self, payload: Bytes) {
        self.link_tail().push(payload);
        self.charge();
    }

    /// Puts the tail in front of a new one.
    fn link_tail(&mut self) -> &mut Linked {
        self.room = 0;
        let head = self.tail.split().freeze();
        if self.tail.capacity() == 0 && !head.is_empty() {
            self.storage_is_gone();
        }
        let linked = self.linked.get_or_insert_with(Box::default);
        linked.push(head);
        linked
    }

    /// The tail has left whole, with all of its memory.
    #[cold]
    fn storage_is_gone(&mut self) {
        // What comes next is a storage again.
        if mem::replace(&mut self.is_storage, true) {
            buffer_count::gone(STORAGE);
        }
    }

    /// Bytes written since the connection began; with [`WriteQueue::len`] the
    /// position where the next frame ends up.
    #[inline]
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// What is charged beyond the share, in bytes.
    pub(crate) fn charged(&self) -> usize {
        let lease = self
            .linked
            .as_deref()
            .and_then(|linked| linked.lease.as_ref());
        lease.map_or(0, Lease::bytes)
    }

    /// Gives a storage back that holds little, where there is a budget: the
    /// transport is blocked.
    #[cold]
    pub(crate) fn settle(&mut self) {
        if self.config.memory().is_none() {
            return;
        }
        if let Some(linked) = &mut self.linked {
            linked.shrink();
        }
        let len = self.tail.len();
        if !self.is_storage || len > self.tail.capacity() / 4 {
            return self.charge();
        }
        let mut own = BytesMut::with_capacity(len);
        own.extend_from_slice(&self.tail);
        self.give_storage();
        if len > 0 {
            (self.tail, self.is_storage) = (own, false);
        }
        self.charge();
        self.settle_room();
    }

    /// Charges what there is, whether there is room for it or not: it is there.
    #[inline]
    fn charge(&mut self) {
        if self.config.memory().is_some() {
            self.charge_budget();
        }
    }

    #[cold]
    fn charge_budget(&mut self) {
        let own = if self.is_storage {
            0
        } else {
            self.tail.capacity()
        };
        let linked = self
            .linked
            .as_deref()
            .map_or(0, |linked| linked.written + linked.len);
        let bytes = (linked + own).saturating_sub(OWN);
        match &mut self.linked {
            Some(linked) => match &mut linked.lease {
                Some(lease) => lease.set(bytes),
                None => self.charge_first(bytes),
            },
            None if bytes > 0 => self.charge_first(bytes),
            None => {}
        }
    }

    #[cold]
    fn charge_first(&mut self, bytes: usize) {
        if let Some(budget) = self.config.memory() {
            let linked = self.linked.get_or_insert_default();
            let mut lease = budget.lease(Purpose::Sending);
            lease.set(bytes);
            linked.lease = Some(lease);
        }
    }

    /// Gives the storage back; only called when nothing is queued.
    #[inline]
    fn release(&mut self) {
        self.tail.clear();
        if self.is_storage && USUAL.contains(&self.tail.capacity()) {
            thread_pool::exchange(&POOL, &mut self.tail);
        }
        if self.tail.capacity() > 0 {
            self.release_slow();
        }
    }

    #[cold]
    fn release_slow(&mut self) {
        self.give_storage();
        self.linked = None;
        self.settle_room();
    }

    /// Leaves no memory.
    fn give_storage(&mut self) {
        self.tail.clear();
        thread_pool::give(&POOL, &mut self.tail, &mut self.is_storage, USUAL);
    }

    #[inline(never)]
    fn advance_slow(&mut self, count: usize) {
        let mut count = count.min(self.len());
        self.taken += count as u64;
        if let Some(linked) = &mut self.linked {
            count = linked.advance(count);
            if linked.len > 0 {
                return self.charge();
            }
            if self.is_storage {
                // The lease ends with it.
                self.linked = None;
            }
            self.settle_room();
        }
        if count < self.tail.len() {
            self.tail.advance(count);
            self.charge();
        } else {
            if self.linked.take().is_some() {
                self.settle_room();
            }
            self.release();
        }
    }
}

impl Drop for WriteQueue {
    fn drop(&mut self) {
        if self.tail.capacity() > 0 {
            self.give_storage();
        }
    }
}

impl fmt::Debug for WriteQueue {
    /// Shows no byte of it: payloads do not belong in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteQueue")
            .field("len", &self.len())
            .field("taken", &self.taken)
            .finish_non_exhaustive()
    }
}

impl Buf for WriteQueue {
    #[inline]
    fn remaining(&self) -> usize {
        self.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        let linked = self.linked.as_deref();
        match linked.and_then(|linked| linked.segments.front()) {
            Some(segment) => segment,
            None => &self.tail,
        }
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let tail: &[u8] = &self.tail;
        let linked = self.linked.as_deref();
        let segments = linked
            .into_iter()
            .flat_map(|linked| linked.segments.iter())
            .map(|segment| &segment[..])
            .chain((!tail.is_empty()).then_some(tail));
        let mut count = 0;
        for (slot, segment) in slices.iter_mut().zip(segments) {
            *slot = IoSlice::new(segment);
            count += 1;
        }
        count
    }

    /// Drops the first `count` bytes; all of them if there are fewer.
    #[inline]
    fn advance(&mut self, count: usize) {
        if self.linked.is_none() && count == self.tail.len() {
            self.taken += count as u64;
            self.release();
        } else {
            self.advance_slow(count);
        }
    }
}

/// Room for a queue filled to the default high-water mark and one more
/// message that is just not linked.
const STORAGE: usize = 80 << 10;

/// A tail that grew beyond this is freed, not pooled.
const MAX_STORAGE: usize = 2 * STORAGE;

/// What the pool takes.
const USUAL: RangeInclusive<usize> = STORAGE..=MAX_STORAGE;

thread_local! {
    static POOL: RefCell<Idle> = RefCell::new(Idle::none(STORAGE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> WriteQueue {
        WriteQueue::new(Arc::default())
    }

    fn contents(queue: &WriteQueue) -> Vec<u8> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = queue.chunks_vectored(&mut slices);
        slices[..count]
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect()
    }

    #[test]
    fn segments_leave_in_the_order_they_were_queued() {
        let mut queue = queue();
        queue.tail(2).extend_from_slice(b"ab");
        queue.link(Bytes::from_static(b"cd"));
        queue.link(Bytes::from_static(b"ef"));
        queue.tail(2).extend_from_slice(b"gh");
        assert_eq!(queue.len(), 8);
        assert_eq!(contents(&queue), b"abcdefgh");
        for left in (0..8).rev() {
            queue.advance(1);
            assert_eq!(queue.remaining(), left);
            assert_eq!(contents(&queue), &b"abcdefgh"[8 - left..]);
            assert_eq!(queue.chunk().is_empty(), left == 0);
        }
    }

    #[test]
    fn an_advance_across_segments_drops_exactly_its_bytes() {
        let mut queue = queue();
        queue.link(Bytes::from_static(b"abc"));
        queue.link(Bytes::from_static(b"def"));
        queue.tail(3).extend_from_slice(b"ghi");
        queue.advance(4);
        assert_eq!(contents(&queue), b"efghi");
        queue.advance(3);
        assert_eq!(contents(&queue), b"hi");
        queue.advance(100);
        assert!(queue.is_empty());
    }

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut queue = queue();
        queue.tail(3).extend_from_slice(b"abc");
        queue.link(Bytes::from_static(b"def"));
        queue.advance(6);
        assert_eq!(queue.tail.capacity(), 0);
        assert!(queue.linked.is_none());
    }

    #[test]
    fn storage_is_taken_from_the_pool_again() {
        let mut queue = queue();
        queue.tail(3).extend_from_slice(b"abc");
        let first = queue.tail.as_ptr();
        queue.advance(3);
        queue.tail(3).extend_from_slice(b"def");
        assert_eq!(queue.tail.as_ptr(), first);
    }

    #[test]
    fn storage_that_grew_is_freed_also_when_it_was_written_in_pieces() {
        let mut queue = queue();
        queue
            .tail(10 * STORAGE)
            .extend_from_slice(&[0; 10 * STORAGE]);
        queue.advance(9 * STORAGE);
        queue.advance(STORAGE);
        queue.tail(1).extend_from_slice(b"a");
        assert!(queue.tail.capacity() <= MAX_STORAGE);
    }

    #[test]
    fn only_bytes_that_were_there_count_as_taken() {
        let mut queue = queue();
        queue.tail(3).extend_from_slice(b"abc");
        assert_eq!(queue.taken(), 0);
        queue.advance(1);
        assert_eq!(queue.taken(), 1);
        queue.advance(100);
        assert_eq!(queue.taken(), 3);
    }

    #[test]
    fn a_vectored_view_with_too_few_slots_is_a_prefix() {
        let mut queue = queue();
        queue.link(Bytes::from_static(b"ab"));
        queue.link(Bytes::from_static(b"cd"));
        let mut slices = [IoSlice::new(&[]); 1];
        assert_eq!(queue.chunks_vectored(&mut slices), 1);
        assert_eq!(&*slices[0], b"ab");
    }
}
