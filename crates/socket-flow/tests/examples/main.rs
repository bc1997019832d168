//! The examples as processes: their command lines and what they print are contracts.

#[path = "../loops/burst.rs"]
mod burst;
mod bursts;
mod client;
mod echo_server;
mod others;
mod process;
#[cfg(unix)]
mod signals;
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/workers.rs"]
mod workers;
