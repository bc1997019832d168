//! What the programs of this package share: echo servers on one side, a load generator that knows
//! no WebSocket library on the other.
//!
//! ```text
//!  load ── hand-built masked frames ──►  echo-raw · echo-ideal · echo-socket-flow · …
//!    ▲                                       │
//!    └──────────── replies, checked ─────────┘     server: command line and accept loop, the same
//!                                                          for all of them
//! ```

#![forbid(unsafe_code)]
// The output of a command line tool is its purpose.
#![allow(clippy::print_stderr, clippy::print_stdout)]

pub mod client;
pub mod footprint;
pub mod frame;
pub mod handshake;
pub mod load;
pub mod ours;
pub mod server;

/// The largest message every echo server takes: scenario 8 sends 16 MiB.
pub const MAX_MESSAGE: usize = 64 << 20;
