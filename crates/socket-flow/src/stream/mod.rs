mod carrier;
mod client;
mod delegate;
#[cfg(feature = "rustls")]
mod lazy_tls;
mod server;

pub use client::ClientStream;
pub use server::ServerStream;

pub(crate) use carrier::Carrier;
