//! What the tests of several layers share.
//!
//! ```text
//!  Ledger ── numbered messages with checksums; what arrives is judged
//!     │
//!     ├── Chaos<S> ── a transport that misbehaves ──▶ conversation: real connections talk on it
//!     ├── PollBudget ── futures that are given up
//!     └── simulation ── drivers, a link and a clock, without a runtime
//!  Seeds ── which seeds run, and how a failed one is run again
//!  Report ── what was counted, for `cargo xtask`
//!  wire ── frames, read without the library
//! ```
//!
//! Everything follows from a seed. Of `socket-flow-connection` the simulation
//! knows only how senders hand messages in. No library depends on this crate,
//! only tests do.

#![forbid(unsafe_code)]
#![allow(clippy::missing_panics_doc, clippy::indexing_slicing)] // tests are to panic

pub mod cancel;
mod chaos;
pub mod conversation;
mod ledger;
mod report;
mod seeds;
pub mod simulation;
pub mod suite;
pub mod wire;

pub use crate::cancel::PollBudget;
pub use crate::chaos::{Chaos, Fault, Faults, Mode};
pub use crate::ledger::{Ledger, Received};
pub use crate::report::Report;
pub use crate::seeds::{Random, Seeds};
