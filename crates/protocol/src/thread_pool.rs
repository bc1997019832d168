//! One buffer that all connections of a thread use in turn: reading and writing
//! need a large one to be fast, and a connection that waits needs none.

use std::cell::RefCell;
use std::mem;
use std::ops::RangeInclusive;
use std::thread::LocalKey;

use bytes::BytesMut;

/// A buffer, or, without memory, none.
pub(crate) type Slot = LocalKey<RefCell<BytesMut>>;

/// Exchanges `storage` with what is in the slot: four words each way, and
/// nothing to be dropped.
#[inline(always)]
pub(crate) fn exchange(slot: &'static Slot, storage: &mut BytesMut) {
    // The slot is gone only while the thread ends, and never borrowed already: a
    // swap calls nothing. `Cell::swap` would ask each time whether the two
    // overlap.
    let _ = slot.try_with(|slot| {
        if let Ok(mut slot) = slot.try_borrow_mut() {
            mem::swap(&mut *slot, storage);
        }
    });
}

/// Gives memory, empty, to the slot if it has a usual size, and leaves none.
#[inline(always)]
pub(crate) fn give(slot: &'static Slot, storage: &mut BytesMut, usual: RangeInclusive<usize>) {
    let (least, most) = usual.into_inner();
    if (least..=most).contains(&storage.capacity()) || is_usual(storage, least, most) {
        exchange(slot, storage);
    }
    if storage.capacity() > 0 {
        free(storage);
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
fn free(storage: &mut BytesMut) {
    *storage = BytesMut::new();
}
