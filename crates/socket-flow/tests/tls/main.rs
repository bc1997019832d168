//! `wss://` on both sides, with a private authority.

#![cfg(feature = "rustls")]

#[path = "../support/alone.rs"]
mod alone;
mod alpn;
mod budget;
mod closing;
mod handshake;
mod installed_provider;
mod pages;
#[path = "../support/pki.rs"]
mod pki;
mod platform_roots;
mod stutter;
