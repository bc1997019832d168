//! The server that owns its tasks, over loopback.

#[path = "../support/alone.rs"]
mod alone;
#[path = "../support/mod.rs"]
mod support;

mod ends;
mod events;
mod handler;
mod http;
mod leaks;
#[path = "../support/log.rs"]
mod log;
mod opening;
mod pages;
mod panics;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
mod pki;
mod replies;
mod shutdown;
mod streams;
mod tools;
