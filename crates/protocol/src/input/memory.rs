//! What a connection reads into: nothing while it waits, a shared buffer
//! while it reads.
//!
//! A read needs 66 KiB to be fast, an idle connection none. So a buffer is
//! taken from the thread's pool for a read and given back as soon as a read
//! finds nothing; a partial frame left over moves to memory of its own size.
//!
//! Where a budget has no room for another buffer, a read is one of 1 KiB, and a
//! frame that needs more asks the budget for it.

use std::cell::RefCell;
use std::mem;
use std::ops::RangeInclusive;

use bytes::BytesMut;

use crate::budget::{Budget, OWN as LEAST_READ};
use crate::buffer_count;
use crate::config::Config;
use crate::input::Input;
use crate::thread_pool::{self, Idle};

impl Input {
    /// From now on it is a thread's buffer that is read into, and so is what it
    /// has if that is as large as one.
    pub(crate) fn use_buffers(&mut self) {
        match self.buf.capacity() {
            0 => self.is_buffer = true,
            SIZE.. => self.grew_to_a_buffer(),
            _ => {}
        }
    }

    /// Makes room for a read.
    #[inline(always)]
    pub(crate) fn make_room(&mut self, config: &Config) {
        if self.buf.capacity() == 0 {
            self.take(config);
        } else if self.buf.capacity() < SIZE || self.buf.spare_capacity() < SIZE / 2 {
            self.make_room_slow(config);
        }
    }

    #[inline(never)]
    fn make_room_slow(&mut self, config: &Config) {
        if let Some(budget) = config.memory() {
            // Reserved before.
            if let Some(own) = self.needed_within(budget) {
                self.use_own(own);
            }
            return;
        }
        let (len, spare) = (self.len(), self.spare_capacity());
        if len == 0 {
            let storage = self.storage();
            if storage.capacity() < SIZE && !storage.try_reclaim(SIZE) {
                // Still shared with messages the application keeps.
                self.give();
                self.take(config);
            }
        } else if len >= Self::MAX_HELD {
            // More than any frame that stays here: all the same, room for more.
            self.reserve(len);
            self.grew_to_a_buffer();
        } else if len + spare >= Self::MAX_HELD || self.try_reclaim(Self::MAX_HELD - len) {
            // The rest of the frame fits after it, or once consumed bytes are dropped.
        } else if may_have_buffer(len) {
            self.use_memory(buffer(None).unwrap_or_default(), true);
        } else if spare < len {
            // A slow sender inside a frame: growing by doubling keeps the copies
            // linear, however small its pieces are.
            self.use_own(own(len));
        }
    }

    /// Makes room for a read where memory may be short; or says which memory of the
    /// connection's own it needs, for [`use_own`](Self::use_own).
    pub(crate) fn needed_within(&mut self, budget: &Budget) -> Option<BytesMut> {
        let len = self.len();
        if self.capacity() == 0 {
            return None;
        }
        let least = if self.has_buffer() {
            SIZE / 2
        } else {
            LEAST_READ / 2
        };
        let missing = Self::MAX_HELD.saturating_sub(len).clamp(1, least);
        let is_small = !self.has_buffer() && may_have_buffer(len);
        if !is_small && (self.spare_capacity() >= missing || self.try_reclaim(missing)) {
            return None;
        }
        if may_have_buffer(len) || self.has_buffer() {
            if let Some(buffer) = buffer(Some(budget)) {
                self.use_memory(buffer, true);
                return None;
            }
        }
        if is_small && (self.spare_capacity() >= missing || self.try_reclaim(missing)) {
            return None;
        }
        Some(own(len))
    }

    /// Moves what is unread into memory of the connection's own.
    pub(crate) fn use_own(&mut self, own: BytesMut) {
        self.use_memory(own, false);
    }

    /// Moves what is unread, and gives the memory it was in back. `is_buffer` says
    /// whether `storage` is a thread's buffer.
    fn use_memory(&mut self, storage: BytesMut, is_buffer: bool) {
        let mut old = self.move_to(storage);
        let mut was_buffer = mem::replace(&mut self.is_buffer, is_buffer);
        thread_pool::give(&POOL, &mut old, &mut was_buffer, POOLED);
    }

    /// Gives a left-over partial frame no more memory than it needs, before the
    /// connection waits for the rest. `reserve` is asked for it.
    #[cold]
    pub(crate) fn settle(&mut self, reserve: impl FnOnce(usize) -> bool) {
        let len = self.len();
        if len == 0 {
            self.release();
        } else if self.capacity() / 4 > len.max(SMALLEST) {
            let own = BytesMut::with_capacity(len.next_power_of_two().max(SMALLEST));
            if reserve(own.capacity()) {
                self.use_own(own);
            }
        }
    }

    /// Gives all memory back, with whatever is unread.
    #[inline(always)]
    pub(crate) fn release(&mut self) {
        if self.buf.capacity() > 0 {
            self.give();
        }
    }

    /// Takes memory, of which there is none, from the pool.
    #[inline(always)]
    fn take(&mut self, config: &Config) {
        thread_pool::exchange(&POOL, self.storage());
        if self.buf.capacity() == 0 {
            self.make(config.memory());
        } else {
            // It may have said so of memory that was split off whole.
            self.is_buffer = true;
        }
    }

    #[cold]
    fn make(&mut self, budget: Option<&Budget>) {
        let buffer = thread_pool::make(SIZE, budget);
        self.is_buffer = buffer.is_some();
        *self.storage() = buffer.unwrap_or_else(|| BytesMut::with_capacity(LEAST_READ));
    }

    /// Gives the memory, empty, to the pool, and leaves none.
    #[inline(always)]
    fn give(&mut self) {
        self.discard();
        thread_pool::give(&POOL, self.buf.inner_mut(), &mut self.is_buffer, POOLED);
    }

    /// The memory has grown to a buffer's size, or more.
    fn grew_to_a_buffer(&mut self) {
        if !mem::replace(&mut self.is_buffer, true) {
            buffer_count::came(SIZE);
        }
    }

    /// Whether the memory is a thread's buffer.
    pub(crate) fn has_buffer(&self) -> bool {
        self.is_buffer && self.buf.capacity() > 0
    }

    /// The memory is the application's from now on, or nobody's.
    pub(super) fn give_up_buffer(&mut self) {
        if self.has_buffer() {
            buffer_count::gone(SIZE);
        }
    }
}

/// Whether so much of a frame moves into a buffer, not into memory of its own.
fn may_have_buffer(len: usize) -> bool {
    !(KEEP..=Input::MAX_HELD / 2).contains(&len)
}

/// Memory of one's own for twice as much as is there.
fn own(len: usize) -> BytesMut {
    BytesMut::with_capacity((2 * len).next_power_of_two().max(LEAST_READ))
}

/// A buffer, if the budget has room for another one.
fn buffer(budget: Option<&Budget>) -> Option<BytesMut> {
    let mut storage = BytesMut::new();
    thread_pool::exchange(&POOL, &mut storage);
    if storage.capacity() > 0 {
        return Some(storage);
    }
    thread_pool::make(SIZE, budget)
}

thread_local! {
    static POOL: RefCell<Idle> = RefCell::new(Idle::none(SIZE));
}

/// The size of a thread's buffer: 64 KiB of payload, the measured knee of bytes per
/// system call, and the headers of as many frames as there usually are. What people
/// send has a power of two of bytes, and without room for headers the last of four
/// times 16 KiB would be read in two pieces.
pub(super) const SIZE: usize = 66 << 10;

/// What the pool takes: an allocator may have given more than was asked for.
const POOLED: RangeInclusive<usize> = SIZE..=SIZE + KEEP;

/// A left-over of less than this moves into the shared buffer for the next
/// read; a longer one grows in memory of its own.
const KEEP: usize = 4 << 10;

/// The smallest memory of a left-over partial frame.
const SMALLEST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn driven() -> Input {
        let mut input = Input::new();
        input.use_buffers();
        input
    }

    #[test]
    fn an_empty_input_holds_no_memory_while_it_waits() {
        let mut input = driven();
        input.make_room(&Config::new());
        assert!(input.spare_capacity() >= SIZE);
        input.settle(|_| true);
        assert_eq!(input.capacity(), 0);
    }

    #[test]
    fn one_read_takes_64_kib_of_payload_with_the_headers_of_its_frames() {
        let mut input = driven();
        input.make_room(&Config::new());
        for (frames, frame) in [(1, 65_535 + 8), (4, 16_384 + 8), (64, 1024 + 8)] {
            assert!(input.spare_capacity() >= frames * frame, "{frames}");
        }
    }

    #[test]
    fn the_buffer_is_shared_by_the_connections_of_a_thread() {
        let mut first = driven();
        first.make_room(&Config::new());
        first.extend_from_slice(b"x");
        let place = first.unread().as_ptr();
        let _ = mem::take(first.storage());
        first.make_room(&Config::new());
        first.settle(|_| true);
        let mut second = driven();
        second.make_room(&Config::new());
        let _ = place;
        second.extend_from_slice(b"y");
        let again = second.unread().as_ptr();
        second.settle(|_| true);
        assert_eq!(second.unread(), b"y");
        let mut third = driven();
        third.make_room(&Config::new());
        third.extend_from_slice(b"z");
        assert_eq!(third.unread().as_ptr(), again);
    }

    #[test]
    fn a_partial_frame_waits_in_memory_of_its_own_size() {
        let mut input = driven();
        input.make_room(&Config::new());
        input.extend_from_slice(&[7; 100]);
        input.settle(|_| true);
        assert_eq!(input.unread(), [7; 100]);
        assert!(input.capacity() <= 256, "{}", input.capacity());
        input.make_room(&Config::new());
        assert_eq!(input.unread(), [7; 100]);
        assert!(input.spare_capacity() >= SIZE / 2);
    }

    /// Cause: room for half a buffer was wanted behind whatever was left over,
    /// so that 33 KiB of a frame waited in 128 KiB.
    #[test]
    fn a_partial_frame_never_waits_in_more_than_a_buffer() {
        for piece in [1_000, 20_000, 40_000] {
            let mut input = driven();
            while input.len() < 65_000 {
                input.make_room(&Config::new());
                let count = piece.min(input.spare_capacity()).min(65_000 - input.len());
                assert!(count > 0);
                input.extend_from_slice(&vec![7; count]);
                input.settle(|_| true);
                let capacity = input.capacity();
                assert!(capacity <= SIZE, "{capacity} for {}", input.len());
            }
            assert_eq!(input.unread(), [7; 65_000]);
        }
    }

    #[test]
    fn a_growing_partial_frame_is_not_copied_for_every_piece() {
        let mut input = Input::from(&[7; 5000][..]);
        let mut moves = 0;
        let mut place = input.unread().as_ptr();
        for _ in 0..40_000 {
            input.make_room(&Config::new());
            input.extend_from_slice(&[8]);
            input.settle(|_| true);
            moves += usize::from(input.unread().as_ptr() != place);
            place = input.unread().as_ptr();
        }
        assert_eq!(input.len(), 45_000);
        assert!(moves < 16, "moved {moves} times");
    }
}
