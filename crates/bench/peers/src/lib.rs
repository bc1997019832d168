//! What the echo servers on other libraries have in common.
//!
//! Each library is used as its own documentation shows. Where that writes once for each message,
//! `--batch` takes every message that has arrived, hands all replies over and flushes once, which
//! is what an application can do by hand.

#![forbid(unsafe_code)]

pub mod batch;
pub mod fan_out;
pub mod upgrade;
