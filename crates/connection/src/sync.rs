//! What halves and senders share a connection through.
//!
//! Under `--cfg shuttle` every lock and every flag is a point where a scheduler may go on with
//! another task, so that `tests/interleavings` can try one order after another.

#[cfg(not(shuttle))]
pub(crate) use std::sync::atomic::AtomicBool;
#[cfg(not(shuttle))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(shuttle)]
pub(crate) use shuttle::sync::atomic::AtomicBool;
#[cfg(shuttle)]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
