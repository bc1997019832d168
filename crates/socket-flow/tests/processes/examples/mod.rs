//! The examples as processes: their command lines and what they print are contracts.

#[path = "../../it/loops/burst.rs"]
mod burst;
mod bursts;
mod client;
mod echo_server;
mod others;
pub(crate) mod process;
#[cfg(unix)]
mod signals;
