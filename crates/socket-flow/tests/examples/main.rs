//! The examples as processes: their command lines and what they print are contracts.

mod client;
mod echo_server;
mod others;
mod process;
#[cfg(unix)]
mod signals;
#[path = "../support/mod.rs"]
mod support;
