//! One buffer that all connections of a thread use in turn: reading and writing
//! need a large one to be fast, and a connection that waits needs none.
//!
//! A connection that was handed a message may keep its buffer for as long as its
//! application takes, and then another one is made.

use std::cell::RefCell;
use std::mem;
use std::ops::RangeInclusive;
use std::thread::LocalKey;

use bytes::BytesMut;

use crate::budget::Budget;
use crate::buffer_count::{came, gone};

/// The buffer of a thread.
pub(crate) type Slot = LocalKey<RefCell<Idle>>;

/// A buffer that nobody has, or, without memory, none.
pub(crate) struct Idle {
    storage: BytesMut,
    /// The size it is counted with.
    size: usize,
}

impl Idle {
    pub(crate) fn none(size: usize) -> Self {
        Self {
            storage: BytesMut::new(),
            size,
        }
    }
}

impl Drop for Idle {
    /// The thread ends.
    fn drop(&mut self) {
        if self.storage.capacity() > 0 {
            gone(self.size);
        }
    }
}

/// Exchanges `storage` with what is in the slot: four words each way, and
/// nothing to be dropped.
#[inline(always)]
pub(crate) fn exchange(slot: &'static Slot, storage: &mut BytesMut) {
    // The slot is gone only while the thread ends, and never borrowed already: a
    // swap calls nothing. `Cell::swap` would ask each time whether the two
    // overlap.
    let _ = slot.try_with(|slot| {
        if let Ok(mut slot) = slot.try_borrow_mut() {
            mem::swap(&mut slot.storage, storage);
        }
    });
}

/// Makes a buffer of `usual` size, if the budget has room for one more.
#[cold]
pub(crate) fn make(size: usize, budget: Option<&Budget>) -> Option<BytesMut> {
    if budget.is_some_and(|budget| !budget.allows_buffer(size)) {
        return None;
    }
    came(size);
    Some(BytesMut::with_capacity(size))
}

/// Gives memory, empty, to the slot if it has a usual size, and leaves none.
/// `is_buffer` says whether it was made here. Any other is smaller.
#[inline(always)]
pub(crate) fn give(
    slot: &'static Slot,
    storage: &mut BytesMut,
    is_buffer: &mut bool,
    usual: RangeInclusive<usize>,
) {
    let (least, most) = usual.into_inner();
    // Other memory may have a buffer's size once some of it was split off.
    if *is_buffer
        && ((least..=most).contains(&storage.capacity()) || is_usual(storage, least, most))
    {
        exchange(slot, storage);
    }
    if storage.capacity() > 0 {
        free(storage, is_buffer, least);
    }
}

/// Whether memory is worth keeping once what was split off it, or written, is
/// reclaimed: not while it is shared, and nothing but the usual size.
#[cold]
fn is_usual(storage: &mut BytesMut, least: usize, most: usize) -> bool {
    storage.try_reclaim(least) && storage.capacity() <= most
}

/// Apart, because there is hardly ever anything to free.
#[cold]
fn free(storage: &mut BytesMut, is_buffer: &mut bool, size: usize) {
    *storage = BytesMut::new();
    if *is_buffer {
        gone(size);
    }
    // What comes next is a buffer again.
    *is_buffer = true;
}
