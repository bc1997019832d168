//! What halves and senders share a connection through.
//!
//! Under `--cfg shuttle` every lock and every flag is a point where a scheduler may go on with
//! another task, so that `tests/interleavings` can try one order after another.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU32;

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::AtomicBool;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

/// Who runs: a task, or a thread that runs none, as a number that hardly any two
/// share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Caller(NonZeroU32);

impl Caller {
    /// Under `--cfg shuttle` all that run are one thread: nobody is told apart.
    pub(crate) fn current() -> Option<Self> {
        if cfg!(shuttle) {
            return None;
        }
        let mut hasher = DefaultHasher::new();
        match tokio::task::try_id() {
            Some(id) => id.hash(&mut hasher),
            None => std::thread::current().id().hash(&mut hasher),
        }
        NonZeroU32::new(hasher.finish() as u32).map(Self)
    }
}

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::AtomicBool;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
