//! Attacks on the library's own client and server, end to end: a peer that writes literal bytes
//! over loopback, and the close codes and HTTP statuses as they stand on the wire.
//!
//! One file per class of attack; `docs/reliability.md` has the table. Deadlines are looked at in
//! memory with a paused clock, never over sockets. Beside each attack an honest connection goes on,
//! and what it waits for is counted: `bystander`.

mod answer;
#[cfg(feature = "deflate")]
mod bombs;
mod bystander;
#[cfg(feature = "rustls")]
mod certificates;
mod closing;
mod floods;
mod fragments;
mod grammar;
mod head_flood;
#[cfg(feature = "deflate")]
mod inflate;
mod injection;
mod lengths;
#[path = "../support/log.rs"]
mod log;
mod masking;
mod memory;
mod metered;
mod origin;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // a part of it is used here
mod pki;
mod redirects;
mod reserved;
#[cfg(feature = "deflate")]
mod reset;
mod secret_fields;
mod secret_ways;
mod secrets;
mod segments;
mod slow_handshake;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;
mod timers;
#[cfg(feature = "rustls")]
mod truncation;
mod upgrade;
mod victim;
#[cfg(feature = "deflate")]
mod window_bits;
mod wire;
