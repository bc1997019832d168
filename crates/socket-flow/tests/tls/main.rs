//! `wss://` on both sides, with a private authority.

#![cfg(feature = "rustls")]

#[path = "../support/alone.rs"]
mod alone;
mod alpn;
mod closing;
mod handshake;
mod installed_provider;
#[path = "../support/pki.rs"]
mod pki;
mod platform_roots;
mod stutter;
