#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

mod authority;
pub mod body;
pub mod client;
pub mod extension;
pub mod head;
pub mod header;
pub mod key;
mod negotiated;
pub mod origin;
pub mod server;
pub mod subprotocol;
pub mod target;
mod userinfo;

pub use negotiated::Negotiated;
