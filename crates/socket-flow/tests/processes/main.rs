//! Programs in processes of their own. `cargo test` builds the examples only where no test is asked
//! for by name, so those that run them are no part of `it`.

#[cfg(all(unix, feature = "rustls"))]
mod deployment;
mod examples;
#[cfg(feature = "rustls")]
mod migrating;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // a part of it is used here
mod pki;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;
#[path = "../support/workers.rs"]
mod workers;
