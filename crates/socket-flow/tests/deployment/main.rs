//! Real proxies on both sides: those a client has to go through, and those in front of a server.
//! `.ci/run` installs them; without it, a test whose program is missing says so and passes.

#![cfg(all(unix, feature = "deflate", feature = "rustls"))]

mod forward;
#[path = "../dialling/peers.rs"]
#[allow(dead_code)] // the tests of dialling use the rest
mod peers;
#[path = "../support/pki.rs"]
mod pki;
mod process;
mod reverse;
