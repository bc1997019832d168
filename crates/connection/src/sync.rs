//! What halves and senders share a connection through.
//!
//! Under `--cfg shuttle` every lock and every flag is a point where a scheduler may go on with
//! another task, so that `tests/interleavings` can try one order after another.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::AtomicBool;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Who runs: a task, or a thread that runs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    Task(tokio::task::Id),
    Thread(std::thread::ThreadId),
}

impl Caller {
    /// Under `--cfg shuttle` all that run are one thread: nobody is told apart.
    pub(crate) fn current() -> Option<Self> {
        if cfg!(shuttle) {
            return None;
        }
        Some(match tokio::task::try_id() {
            Some(id) => Self::Task(id),
            None => Self::Thread(std::thread::current().id()),
        })
    }
}

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::AtomicBool;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
