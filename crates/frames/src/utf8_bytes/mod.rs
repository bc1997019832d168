//! Owned text, and the buffer it is received into.
#![allow(unsafe_code)]

mod receive_buf;
#[cfg(test)]
mod sequences;
mod spare;
#[cfg(test)]
mod tests;
mod text;
mod validate;

pub use receive_buf::ReceiveBuf;
pub use spare::Spare;
pub use text::Utf8Bytes;
