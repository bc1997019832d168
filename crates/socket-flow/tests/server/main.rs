//! The server that owns its tasks, over loopback.

#[path = "../support/mod.rs"]
mod support;

mod events;
mod handler;
mod http;
mod opening;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
mod pki;
mod shutdown;
mod streams;
mod tools;
