//! What a program asks of its allocator.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::board::{Board, Counter};

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// Bytes that were asked for and not given back, as numbers of a board: `heap` now, `heap_most`, the
/// most since the line before, and `heap_peak`, the most ever.
#[derive(Debug)]
pub(crate) struct Heap {
    allocated: fn() -> usize,
    most: Arc<AtomicUsize>,
    now: Counter,
    lately: Counter,
    ever: Counter,
}

impl Heap {
    /// Watches for as long as this lives, on a thread of its own: it looks as often however busy the
    /// program is.
    pub(crate) fn watch(board: &Board, allocated: fn() -> usize) -> Self {
        let most = Arc::<AtomicUsize>::default();
        let seen = Arc::downgrade(&most);
        std::thread::spawn(move || {
            while let Some(most) = seen.upgrade() {
                most.fetch_max(allocated(), Ordering::Relaxed);
                drop(most);
                std::thread::sleep(LOOK);
            }
        });
        Self {
            allocated,
            most,
            now: board.counter("heap"),
            lately: board.counter("heap_most"),
            ever: board.counter("heap_peak"),
        }
    }

    /// Before each line.
    pub(crate) fn report(&self) {
        let now = (self.allocated)();
        let most = self.most.swap(now, Ordering::Relaxed).max(now) as u64;
        self.now.set(now as u64);
        self.lately.set(most);
        self.ever.raise(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_is_told_once() {
        let board = Board::default();
        let heap = Heap::watch(&board, || 1000);
        heap.most.fetch_max(5000, Ordering::Relaxed);
        heap.report();
        let line = board.line();
        assert_eq!(
            (&line["heap"], &line["heap_most"]),
            (&1000.into(), &5000.into())
        );
        heap.report();
        let line = board.line();
        assert_eq!(
            (&line["heap_most"], &line["heap_peak"]),
            (&1000.into(), &5000.into())
        );
    }
}
