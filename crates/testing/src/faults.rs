use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::report::Report;

/// What a transport can do to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // for tests
pub enum Fault {
    /// A read or write of one byte.
    Byte,
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
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::Byte,
        Self::Short,
        Self::ShortVectored,
        Self::Pending,
        Self::WokenElsewhere,
        Self::Interrupted,
        Self::FlushPending,
        Self::ConnectionReset,
        Self::BrokenPipe,
        Self::WriteZero,
        Self::Eof,
        Self::ShutdownError,
    ];

    /// Those no connection survives.
    pub const FATAL: [Self; 5] = [
        Self::ConnectionReset,
        Self::BrokenPipe,
        Self::WriteZero,
        Self::Eof,
        Self::ShutdownError,
    ];

    /// The name it has in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Byte => "one-byte",
            Self::Short => "short",
            Self::ShortVectored => "short-vectored",
            Self::Pending => "pending",
            Self::WokenElsewhere => "woken-elsewhere",
            Self::Interrupted => "interrupted",
            Self::FlushPending => "flush-pending",
            Self::ConnectionReset => "connection-reset",
            Self::BrokenPipe => "broken-pipe",
            Self::WriteZero => "write-zero",
            Self::Eof => "eof",
            Self::ShutdownError => "shutdown-error",
        }
    }
}

/// How often each fault happened; clones count together.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<[AtomicU64; Fault::ALL.len()]>);

impl Faults {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more.
    pub fn add(&self, fault: Fault) {
        self.0[fault as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How often it happened.
    pub fn count(&self, fault: Fault) -> u64 {
        self.0[fault as usize].load(Ordering::Relaxed)
    }

    /// How often each happened.
    pub fn report(&self) -> Report {
        let mut report = Report::default();
        for fault in Fault::ALL {
            report.add(fault.name(), self.count(fault));
        }
        report
    }
}
