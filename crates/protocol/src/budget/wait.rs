use std::num::NonZeroU64;

/// What is waited for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) number: Number,
    /// What its message holds, in bytes.
    pub(super) held: usize,
    /// What it needs beyond that.
    pub(super) needs: usize,
}

impl Wait {
    /// What its message will have.
    pub(super) fn total(&self) -> usize {
        self.held.saturating_add(self.needs)
    }
}

/// How old a wait for memory is, and later the right to go beyond the budget.
pub(super) type Number = NonZeroU64;

/// What is done when whoever waits can go on.
pub(crate) type Call = Box<dyn FnOnce() + Send>;
