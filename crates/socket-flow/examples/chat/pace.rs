//! How fast one connection may speak.

use std::time::{Duration, Instant};

/// How many requests may come at once.
const BURST: u32 = 20;

/// How long it takes until one more may come.
const REFILL: Duration = Duration::from_millis(250);

/// A bucket that each request takes a token out of, and time fills again.
#[derive(Debug)]
pub(crate) struct Pace {
    /// When the bucket will be full; what lies further ahead than a bucket's worth is too fast.
    full_at: Instant,
}

impl Pace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token; whether there was one.
    pub(crate) fn allows(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now) + REFILL;
        let is_allowed = full_at - now <= REFILL * BURST;
        if is_allowed {
            self.full_at = full_at;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_then_one_for_each_interval() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..BURST).all(|_| pace.allows(start)));
        assert!(!pace.allows(start));
        assert!(!pace.allows(start + REFILL - Duration::from_millis(1)));
        assert!(pace.allows(start + REFILL));
        assert!(!pace.allows(start + REFILL));
        let later = start + REFILL * 1000;
        assert!((0..BURST).all(|_| pace.allows(later)));
        assert!(!pace.allows(later));
    }
}
