//! Contexts for those who keep none between messages.
//!
//! A context costs far more to make than to reset, and far more memory than
//! an idle connection; so each thread keeps a few for whoever is in the
//! middle of a message.

use std::cell::RefCell;

/// The contexts of one kind that a thread keeps.
pub(super) struct Pool<K, T> {
    idle: RefCell<Vec<(K, T)>>,
}

impl<K: PartialEq, T> Pool<K, T> {
    pub(super) const fn new() -> Self {
        Self {
            idle: RefCell::new(Vec::new()),
        }
    }

    /// A context with these settings, if one is idle.
    pub(super) fn take(&self, key: &K) -> Option<T> {
        let mut idle = self.idle.borrow_mut();
        let index = idle.iter().rposition(|(other, _)| other == key)?;
        Some(idle.swap_remove(index).1)
    }

    /// Keeps a context; the oldest makes room for it.
    pub(super) fn give(&self, key: K, context: T) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() >= KEEP {
            idle.remove(0);
        }
        idle.push((key, context));
    }
}

/// More than one only where a message's fragments arrive interleaved with
/// those of other connections, or settings differ.
const KEEP: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_context_comes_back_for_its_own_settings_only() {
        let pool = Pool::new();
        pool.give(15, "fifteen");
        pool.give(9, "nine");
        assert_eq!(pool.take(&9), Some("nine"));
        assert_eq!(pool.take(&9), None);
        assert_eq!(pool.take(&15), Some("fifteen"));
    }

    #[test]
    fn the_pool_is_bounded() {
        let pool = Pool::new();
        for key in 0..100 {
            pool.give(key, key);
        }
        assert_eq!((0..100).filter_map(|key| pool.take(&key)).count(), KEEP);
    }
}
