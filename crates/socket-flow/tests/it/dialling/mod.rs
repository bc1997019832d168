//! The way from a URL to a server: addresses, proxies, redirects, deadlines.

mod dual_stack;
mod environment;
mod http_proxy;
#[cfg(feature = "rustls")]
mod https_proxy;
mod peers;
mod redirect;
mod socks;
mod stages;
