//! The state machine and its driver, by what each is asked for. What measures its whole process is
//! in binaries of its own: `budget`, `deflate_bomb` and `deflate_memory`.

mod close;
mod control;
mod deadlines;
#[cfg(feature = "deflate")]
mod deflate;
mod driver;
mod errors;
mod fragmentation;
mod framing;
mod joined;
mod keepalive;
mod lending;
mod limits;
mod masking;
mod parts;
mod properties;
mod regressions;
mod sending;
#[path = "../support/mod.rs"]
#[cfg_attr(not(feature = "deflate"), allow(dead_code))] // compression needs the rest
mod support;
mod text;
mod values;
