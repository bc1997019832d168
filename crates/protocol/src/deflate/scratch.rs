use std::cell::Cell;

/// Runs `work` with a buffer of the thread's, at least [`SCRATCH`] long; its
/// contents are whatever was left there.
///
/// The codec writes into initialised memory only, so there is one such buffer
/// for all connections of a thread instead of one for each.
pub(super) fn with<T>(work: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut buf = BUF.try_with(Cell::take).unwrap_or_default();
    if buf.len() < SCRATCH {
        buf.resize(SCRATCH, 0);
    }
    let result = work(&mut buf);
    if buf.capacity() <= KEEP {
        // Gone only while the thread ends: then it is freed.
        let _ = BUF.try_with(|slot| slot.set(buf));
    }
    result
}

thread_local! {
    static BUF: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// Half of a usual first-level data cache.
pub(super) const SCRATCH: usize = 16 << 10;

/// A buffer that grew beyond this is freed.
const KEEP: usize = 256 << 10;
