//! What `docs/from-tokio-tungstenite.md` promises, done: examples of tokio-tungstenite changed by
//! its list of names, and the programs that it shows side by side.

mod examples;
mod guide;
#[path = "../support/pki.rs"]
mod pki;
#[path = "../examples/process.rs"]
#[allow(dead_code)] // what examples of this crate need beside that
mod process;
mod programs;
