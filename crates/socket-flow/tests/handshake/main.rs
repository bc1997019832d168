//! The opening handshake on both sides, against peers played byte by byte.

mod accept;
mod answer;
mod connect;
#[cfg(feature = "deflate")]
mod contexts;
mod interrupted;
mod memory;
mod not_http;
mod pending;
mod refuse;
mod scripted;
mod slow;
#[path = "../support/mod.rs"]
mod support;
mod thread_safety;
