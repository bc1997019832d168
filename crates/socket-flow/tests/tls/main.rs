//! `wss://` on both sides, with a private authority.

#![cfg(feature = "rustls")]

mod alone;
mod closing;
mod handshake;
mod installed_provider;
mod pki;
mod platform_roots;
