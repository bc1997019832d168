//! How much memory the buffers of all threads have. They are counted for the
//! process, which costs nothing where a buffer goes round.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Memory of a buffer's size is one from now on.
#[cold]
pub(crate) fn came(size: usize) {
    HELD.fetch_add(size, Ordering::Relaxed);
}

/// A buffer is no more, or is the application's.
#[cold]
pub(crate) fn gone(size: usize) {
    HELD.fetch_sub(size, Ordering::Relaxed);
}

/// How many bytes the buffers of all threads have: those that wait for the next
/// connection, and those that connections have.
pub(crate) fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

static HELD: AtomicUsize = AtomicUsize::new(0);
