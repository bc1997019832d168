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
use std::ops::RangeInclusive;

use bytes::BytesMut;

use crate::budget::{Budget, OWN as LEAST_READ};
use crate::config::Config;
use crate::input::{Input, READ_BUFFER as SIZE};
use crate::thread_pool::{self, Idle};

/// Makes room for a read.
#[inline(always)]
pub(super) fn make_room(input: &mut Input, config: &Config) {
    if input.capacity() == 0 {
        let (storage, is_buffer) = input.memory();
        take(storage, is_buffer, config);
    } else if input.capacity() < SIZE || input.spare_capacity() < SIZE / 2 {
        make_room_slow(input, config);
    }
}

#[inline(never)]
fn make_room_slow(input: &mut Input, config: &Config) {
    if let Some(budget) = config.memory() {
        // Reserved before.
        if let Some(own) = needed_within(input, budget) {
            use_own(own, input);
        }
        return;
    }
    let (len, spare) = (input.len(), input.spare_capacity());
    if len == 0 {
        let (storage, is_buffer) = input.memory();
        if storage.capacity() < SIZE && !storage.try_reclaim(SIZE) {
            // Still shared with messages the application keeps.
            give(storage, is_buffer);
            take(storage, is_buffer, config);
        }
    } else if len >= Input::MAX_HELD {
        // More than any frame that stays here: all the same, room for more.
        input.reserve(len);
        input.grew_to_a_buffer();
    } else if len + spare >= Input::MAX_HELD || input.try_reclaim(Input::MAX_HELD - len) {
        // The frame will be whole where it lies, or at the front, where what
        // was read before it has been.
    } else if may_have_buffer(len) {
        let buffer = buffer(None);
        move_to(buffer.unwrap_or_default(), true, input);
    } else if spare < len {
        // A slow sender inside a frame: growing by doubling keeps the copies
        // linear, however small its pieces are.
        move_to(own(len), false, input);
    }
}

/// Makes room for a read where memory may be short; or says which memory of the
/// connection's own it needs, for [`use_own`].
pub(super) fn needed_within(input: &mut Input, budget: &Budget) -> Option<BytesMut> {
    let len = input.len();
    if input.capacity() == 0 {
        return None;
    }
    let least = if input.has_buffer() {
        SIZE / 2
    } else {
        LEAST_READ / 2
    };
    let missing = Input::MAX_HELD.saturating_sub(len).clamp(1, least);
    let is_small = !input.has_buffer() && may_have_buffer(len);
    if !is_small && (input.spare_capacity() >= missing || input.try_reclaim(missing)) {
        return None;
    }
    if may_have_buffer(len) || input.has_buffer() {
        if let Some(buffer) = buffer(Some(budget)) {
            move_to(buffer, true, input);
            return None;
        }
    }
    if is_small && (input.spare_capacity() >= missing || input.try_reclaim(missing)) {
        return None;
    }
    Some(own(len))
}

pub(super) fn use_own(own: BytesMut, input: &mut Input) {
    move_to(own, false, input);
}

/// Whether so much of a frame moves into a buffer, not into memory of its own.
fn may_have_buffer(len: usize) -> bool {
    !(KEEP..=Input::MAX_HELD / 2).contains(&len)
}

/// Memory of one's own for twice as much as is there.
fn own(len: usize) -> BytesMut {
    BytesMut::with_capacity((2 * len).next_power_of_two().max(LEAST_READ))
}

fn move_to(storage: BytesMut, is_buffer: bool, input: &mut Input) {
    let (mut old, mut was_buffer) = input.move_to_memory(storage, is_buffer);
    give(&mut old, &mut was_buffer);
}

/// Gives a left-over partial frame no more memory than it needs, before the
/// connection waits for the rest. `reserve` is asked for it.
#[cold]
pub(super) fn settle(input: &mut Input, reserve: impl FnOnce(usize) -> bool) {
    let len = input.len();
    if len == 0 {
        release(input);
    } else if input.capacity() / 4 > len.max(SMALLEST) {
        let own = BytesMut::with_capacity(len.next_power_of_two().max(SMALLEST));
        if reserve(own.capacity()) {
            move_to(own, false, input);
        }
    }
}

/// Gives all memory back, with whatever is unread.
#[inline(always)]
pub(super) fn release(input: &mut Input) {
    if input.capacity() > 0 {
        let (storage, is_buffer) = input.memory();
        give(storage, is_buffer);
    }
}

thread_local! {
    static POOL: RefCell<Idle> = RefCell::new(Idle::none(SIZE));
}

/// Fills `storage`, which has no memory, from the pool.
#[inline(always)]
fn take(storage: &mut BytesMut, is_buffer: &mut bool, config: &Config) {
    thread_pool::exchange(&POOL, storage);
    if storage.capacity() == 0 {
        (*storage, *is_buffer) = new(config.memory());
    } else {
        // It may have said so of memory that was split off whole.
        *is_buffer = true;
    }
}

#[cold]
fn new(budget: Option<&Budget>) -> (BytesMut, bool) {
    match thread_pool::make(SIZE, budget) {
        Some(buffer) => (buffer, true),
        None => (BytesMut::with_capacity(LEAST_READ), false),
    }
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

/// Gives memory, empty, to the pool, and leaves none.
#[inline(always)]
fn give(storage: &mut BytesMut, is_buffer: &mut bool) {
    thread_pool::give(&POOL, storage, is_buffer, POOLED);
}

/// What the pool takes: an allocator may have given more than was asked for.
const POOLED: RangeInclusive<usize> = SIZE..=SIZE + KEEP;

/// A left-over of less than this moves into the shared buffer for the next
/// read; a longer one grows in memory of its own.
const KEEP: usize = 4 << 10;

/// The smallest memory of a left-over partial frame.
const SMALLEST: usize = 64;

#[cfg(test)]
mod tests {
    use std::mem;

    use super::*;

    fn driven() -> Input {
        let mut input = Input::new();
        input.use_buffers();
        input
    }

    #[test]
    fn an_empty_input_holds_no_memory_while_it_waits() {
        let mut input = driven();
        make_room(&mut input, &Config::new());
        assert!(input.spare_capacity() >= SIZE);
        settle(&mut input, |_| true);
        assert_eq!(input.capacity(), 0);
    }

    #[test]
    fn one_read_takes_64_kib_of_payload_with_the_headers_of_its_frames() {
        let mut input = driven();
        make_room(&mut input, &Config::new());
        for (frames, frame) in [(1, 65_535 + 8), (4, 16_384 + 8), (64, 1024 + 8)] {
            assert!(input.spare_capacity() >= frames * frame, "{frames}");
        }
    }

    #[test]
    fn the_buffer_is_shared_by_the_connections_of_a_thread() {
        let mut first = driven();
        make_room(&mut first, &Config::new());
        first.extend_from_slice(b"x");
        let place = first.unread().as_ptr();
        let _ = mem::take(first.storage());
        make_room(&mut first, &Config::new());
        settle(&mut first, |_| true);
        let mut second = driven();
        make_room(&mut second, &Config::new());
        let _ = place;
        second.extend_from_slice(b"y");
        let again = second.unread().as_ptr();
        settle(&mut second, |_| true);
        assert_eq!(second.unread(), b"y");
        let mut third = driven();
        make_room(&mut third, &Config::new());
        third.extend_from_slice(b"z");
        assert_eq!(third.unread().as_ptr(), again);
    }

    #[test]
    fn a_partial_frame_waits_in_memory_of_its_own_size() {
        let mut input = driven();
        make_room(&mut input, &Config::new());
        input.extend_from_slice(&[7; 100]);
        settle(&mut input, |_| true);
        assert_eq!(input.unread(), [7; 100]);
        assert!(input.capacity() <= 256, "{}", input.capacity());
        make_room(&mut input, &Config::new());
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
                make_room(&mut input, &Config::new());
                let count = piece.min(input.spare_capacity()).min(65_000 - input.len());
                assert!(count > 0);
                input.extend_from_slice(&vec![7; count]);
                settle(&mut input, |_| true);
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
            make_room(&mut input, &Config::new());
            input.extend_from_slice(&[8]);
            settle(&mut input, |_| true);
            moves += usize::from(input.unread().as_ptr() != place);
            place = input.unread().as_ptr();
        }
        assert_eq!(input.len(), 45_000);
        assert!(moves < 16, "moved {moves} times");
    }
}
