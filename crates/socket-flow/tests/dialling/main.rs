//! The way from a URL to a server: addresses, proxies, redirects, deadlines.

#[path = "../support/alone.rs"]
mod alone;
mod dual_stack;
mod environment;
mod http_proxy;
#[cfg(feature = "rustls")]
mod https_proxy;
#[path = "../support/log.rs"]
mod log;
mod peers;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
mod pki;
mod redirect;
mod socks;
mod stages;
