//! Programs by others: proxies a client has to go through, servers in front of ours, OpenSSL.
//! `.ci/run` installs them; without it, a test whose program is missing says so and passes.

mod forward;
mod openssl;
mod pages;
#[path = "../../it/dialling/peers.rs"]
#[allow(dead_code)] // the tests of dialling use the rest
mod peers;
mod process;
mod reverse;
