//! The load generator: what it sends, how it counts and what it reports.
//!
//! ```text
//! scenario ──► burst (frames, built once) ──► connection ⇄ server
//!                                                 │ replies, checked on a sample
//!                                                 ▼
//!            generator or broadcast (epoll loop) ──► histogram · cpu_time ──► report
//! ```
//!
//! It runs in one thread: the echo server has a processor for itself, and so has this.

pub mod broadcast;
pub mod burst;
pub mod connection;
pub mod cpu_time;
pub mod deflate;
pub mod generator;
pub mod histogram;
pub mod options;
pub mod report;
pub mod scenario;
