//! Servers with a budget. The buffers of all threads of this process count against each, so that no
//! other tests run in it.

#[cfg(feature = "deflate")]
mod contexts;
mod heads;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // a part of it is used here
mod pki;
#[path = "../it/handshake/scripted.rs"]
#[allow(dead_code)] // a part of it is used here
mod scripted;
mod server;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;
#[cfg(feature = "rustls")]
mod tls;
