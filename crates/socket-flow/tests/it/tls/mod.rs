//! `wss://` on both sides, with a private authority.

mod alpn;
mod closing;
mod handshake;
mod installed_provider;
mod pages;
mod platform_roots;
mod stutter;
