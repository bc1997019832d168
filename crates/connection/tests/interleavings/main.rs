//! The tasks that share a connection, in one order after another.
//!
//! Built with `--cfg shuttle`, every lock and every flag between the halves and the senders is a
//! point where the scheduler may go on with another task. `cargo xtask interleavings` runs these;
//! a failure prints the schedule that led to it, and `SHUTTLE_REPLAY` runs that one again.
#![cfg(shuttle)]

mod closing;
mod halves;
mod pipe;
mod publishing;
mod schedule;
mod senders;
mod truth;

#[path = "../support/frames.rs"]
#[allow(dead_code)] // a part of it is used here
mod frames;
