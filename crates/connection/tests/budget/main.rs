//! Connections that share a budget. The buffers of all threads of this process count against each,
//! so that no other tests run in it.

mod received;
mod senders;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;
