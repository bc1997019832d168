//! Attacks on the library's own client and server, end to end: a peer that writes literal bytes
//! over loopback, and the close codes and HTTP statuses as they stand on the wire.
//!
//! One file per class of attack; `docs/reliability.md` has the table. Deadlines are looked at in
//! memory with a paused clock, never over sockets.

mod answer;
mod closing;
mod fragments;
mod head_flood;
#[cfg(feature = "deflate")]
mod inflate;
mod lengths;
mod masking;
mod reserved;
mod slow_handshake;
#[path = "../support/mod.rs"]
mod support;
mod upgrade;
mod victim;
mod wire;
