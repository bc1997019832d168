//! The table "What each call waits for" of docs/reliability.md: a test for each row, of what the call
//! waits for, for how long at most, and what its `Ok` says.

mod connection;
mod hub;
mod receiving;
mod senders;
mod server;
mod tools;
