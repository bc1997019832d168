mod carrier;
mod client;
mod delegate;
#[cfg(feature = "rustls")]
mod lazy_tls;
mod linger_slot;
mod server;
mod socket;

pub use client::ClientStream;
pub use server::ServerStream;

pub(crate) use carrier::Carrier;
pub(crate) use linger_slot::LingerSlot;
pub(crate) use socket::{Socket, canonical};
