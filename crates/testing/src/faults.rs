use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use strum::{EnumIter, IntoStaticStr};

use crate::report::Report;

/// What a transport can do to a connection; reports have its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[allow(clippy::exhaustive_enums)] // for tests
pub enum Fault {
    /// A read or write of one byte.
    OneByte,
    /// A read or write of a few bytes.
    Short,
    /// A vectored write that ends somewhere inside its slices.
    ShortVectored,
    /// `Pending`, and woken at once.
    Pending,
    /// `Pending`, and woken later by another task.
    WokenElsewhere,
    /// `Interrupted`, which means: again.
    Interrupted,
    /// A flush that has to wait.
    FlushPending,
    /// A read or write fails with `ConnectionReset`.
    ConnectionReset,
    /// A write fails with `BrokenPipe`.
    BrokenPipe,
    /// A write takes nothing, for ever.
    WriteZero,
    /// Reads find the end.
    Eof,
    /// The end of our direction fails.
    ShutdownError,
}

impl Fault {
    /// Whether no connection survives it; those come last.
    pub fn is_fatal(self) -> bool {
        self >= Self::ConnectionReset
    }
}

/// How often each fault happened; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Report>>);

impl Faults {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&self, fault: Fault) {
        self.figures().add(fault.into(), 1);
    }

    /// How often it happened.
    pub fn count(&self, fault: Fault) -> u64 {
        self.figures().get(fault.into())
    }

    /// How often each happened.
    pub fn report(&self) -> Report {
        self.figures().clone()
    }

    fn figures(&self) -> MutexGuard<'_, Report> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
