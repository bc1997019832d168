//! What a connection reads into: nothing while it waits, a shared buffer
//! while it reads.
//!
//! A read needs 66 KiB to be fast, an idle connection none. So a buffer is
//! taken from the thread's pool for a read and given back as soon as a read
//! finds nothing; a partial frame left over moves to memory of its own size.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use crate::input::Input;
use crate::thread_pool;
use bytes::BytesMut;

/// Makes room for a read.
#[inline(always)]
pub(super) fn make_room(input: &mut Input) {
    if input.capacity() == 0 {
        take(input.storage());
    } else if input.capacity() < SIZE || input.spare_capacity() < SIZE / 2 {
        make_room_slow(input);
    }
}

#[inline(never)]
fn make_room_slow(input: &mut Input) {
    let (len, spare) = (input.len(), input.spare_capacity());
    if len == 0 {
        let storage = input.storage();
        if storage.capacity() < SIZE && !storage.try_reclaim(SIZE) {
            // Still shared with messages the application keeps.
            *storage = taken();
        }
    } else if len >= Input::MAX_HELD {
        // More than any frame that stays here: all the same, room for more.
        input.reserve(len);
    } else if len + spare >= Input::MAX_HELD || input.try_reclaim(Input::MAX_HELD - len) {
        // The frame will be whole where it lies, or at the front, where what
        // was read before it has been.
    } else if !(KEEP..=Input::MAX_HELD / 2).contains(&len) {
        move_to(taken(), input);
    } else if spare < len {
        // A slow sender inside a frame: growing by doubling keeps the copies
        // linear, however small its pieces are.
        let own = BytesMut::with_capacity((2 * len).next_power_of_two());
        move_to(own, input);
    }
}

fn move_to(storage: BytesMut, input: &mut Input) {
    let mut old = input.move_to(storage);
    give(&mut old);
}

/// Gives memory back before waiting for input.
#[inline(always)]
pub(super) fn settle(input: &mut Input) {
    if input.is_empty() {
        release(input);
    } else {
        settle_rest(input);
    }
}

#[inline(never)]
fn settle_rest(input: &mut Input) {
    let len = input.len();
    if input.capacity() / 4 > len.max(SMALLEST) {
        let own = BytesMut::with_capacity(len.next_power_of_two().max(SMALLEST));
        move_to(own, input);
    }
}

/// Gives all memory back, with whatever is unread: nothing is parsed any more.
#[inline]
pub(super) fn release(input: &mut Input) {
    if input.capacity() > 0 {
        give(input.storage());
    }
}

thread_local! {
    /// A buffer, or, without memory, none.
    static POOL: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

/// Fills `storage`, which has no memory, from the pool.
#[inline(always)]
fn take(storage: &mut BytesMut) {
    thread_pool::exchange(&POOL, storage);
    if storage.capacity() == 0 {
        *storage = new();
    }
}

fn taken() -> BytesMut {
    let mut storage = BytesMut::new();
    take(&mut storage);
    storage
}

#[cold]
fn new() -> BytesMut {
    BytesMut::with_capacity(SIZE)
}

/// Gives memory, empty, to the pool, and leaves none.
#[inline(always)]
fn give(storage: &mut BytesMut) {
    thread_pool::give(&POOL, storage, POOLED);
}

/// One read's worth: 64 KiB of payload, the measured knee of bytes per system
/// call, and the headers of as many frames as there usually are. What people
/// send has a power of two of bytes, and without room for headers the last of
/// four times 16 KiB would be read in two pieces.
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
    use std::mem;

    use super::*;

    #[test]
    fn an_empty_input_holds_no_memory_while_it_waits() {
        let mut input = Input::new();
        make_room(&mut input);
        assert!(input.spare_capacity() >= SIZE);
        settle(&mut input);
        assert_eq!(input.capacity(), 0);
    }

    #[test]
    fn one_read_takes_64_kib_of_payload_with_the_headers_of_its_frames() {
        let mut input = Input::new();
        make_room(&mut input);
        for (frames, frame) in [(1, 65_535 + 8), (4, 16_384 + 8), (64, 1024 + 8)] {
            assert!(input.spare_capacity() >= frames * frame, "{frames}");
        }
    }

    #[test]
    fn the_buffer_is_shared_by_the_connections_of_a_thread() {
        let mut first = Input::new();
        make_room(&mut first);
        first.extend_from_slice(b"x");
        let place = first.unread().as_ptr();
        let _ = mem::take(first.storage());
        make_room(&mut first);
        settle(&mut first);
        let mut second = Input::new();
        make_room(&mut second);
        let _ = place;
        second.extend_from_slice(b"y");
        let again = second.unread().as_ptr();
        settle(&mut second);
        assert_eq!(second.unread(), b"y");
        let mut third = Input::new();
        make_room(&mut third);
        third.extend_from_slice(b"z");
        assert_eq!(third.unread().as_ptr(), again);
    }

    #[test]
    fn a_partial_frame_waits_in_memory_of_its_own_size() {
        let mut input = Input::new();
        make_room(&mut input);
        input.extend_from_slice(&[7; 100]);
        settle(&mut input);
        assert_eq!(input.unread(), [7; 100]);
        assert!(input.capacity() <= 256, "{}", input.capacity());
        make_room(&mut input);
        assert_eq!(input.unread(), [7; 100]);
        assert!(input.spare_capacity() >= SIZE / 2);
    }

    /// Cause: room for half a buffer was wanted behind whatever was left over,
    /// so that 33 KiB of a frame waited in 128 KiB.
    #[test]
    fn a_partial_frame_never_waits_in_more_than_a_buffer() {
        for piece in [1_000, 20_000, 40_000] {
            let mut input = Input::new();
            while input.len() < 65_000 {
                make_room(&mut input);
                let count = piece.min(input.spare_capacity()).min(65_000 - input.len());
                assert!(count > 0);
                input.extend_from_slice(&vec![7; count]);
                settle(&mut input);
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
            make_room(&mut input);
            input.extend_from_slice(&[8]);
            settle(&mut input);
            moves += usize::from(input.unread().as_ptr() != place);
            place = input.unread().as_ptr();
        }
        assert_eq!(input.len(), 45_000);
        assert!(moves < 16, "moved {moves} times");
    }
}
