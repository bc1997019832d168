use std::sync::Arc;
use std::task::Wake;

use futures_util::task::AtomicWaker;

/// Both halves as those who wait for the write side: who is blocked there does
/// not know which of them it was that filled it.
#[derive(Debug, Default)]
pub(super) struct Halves {
    pub(super) receiving: AtomicWaker,
    pub(super) sending: AtomicWaker,
}

impl Wake for Halves {
    fn wake(self: Arc<Self>) {
        self.receiving.wake();
        self.sending.wake();
    }
}
