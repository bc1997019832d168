//! What `docs/from-tokio-tungstenite.md` promises, done: examples of tokio-tungstenite changed by
//! its list of names, and the programs that it shows side by side.

mod examples;
mod guide;
mod programs;
