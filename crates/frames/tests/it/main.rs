//! The wire format, by the parts of it.

mod close;
#[cfg(feature = "codec")]
mod codec;
mod decoder;
mod errors;
mod header;
mod utf8;
