//! The client and the server as an application uses them. Further binaries are those that need a
//! process of their own, or are asked for by name: attacks in `hostile` and `resources`, `budget`,
//! `cancel`, `chaos`, `chat` and `processes`.

#[path = "../support/alone.rs"]
mod alone;
mod calls;
mod dialling;
mod handshake;
#[path = "../support/hog.rs"]
mod hog;
mod hub;
mod interop;
mod limits;
#[path = "../support/log.rs"]
mod log;
mod logging;
#[cfg(feature = "deflate")]
mod loops;
mod method_names;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // other binaries need the rest
mod pki;
mod reconnect;
mod server;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "rustls")]
mod tls;
#[cfg(feature = "deflate")]
#[path = "../support/workers.rs"]
mod workers;
