//! A server, clients and attackers that run for long and keep books.
//!
//! ```text
//!  soak-server   the facade's Server: echoes, or pushes   ⇄   soak-client   the facade's ClientBuilder
//!                                                         ⇄   soak-attack   raw sockets that misbehave
//!                     soak-relay   between two ends: every byte arrives late
//! ```
//!
//! They are programs, for `cargo xtask soak` runs both ends in processes of their own and reads
//! memory and descriptors where the system tells them. Each prints its [`Board`](board::Board) as
//! a line of JSON twice a second; what fails stands on standard error, with the seed that makes it
//! happen again. SIGUSR1 begins their next phase, SIGTERM ends them in order.
//!
//! "Nothing lost" is a matter of books: every message carries a [sequence number and a
//! checksum](message), and each receiver holds a [`Ledger`](ledger::Ledger) per connection.

#![forbid(unsafe_code)]
#![allow(clippy::exhaustive_enums, clippy::exhaustive_structs)] // nobody builds on it

mod answering;
pub mod attacks;
pub mod board;
pub mod books;
pub mod causes;
pub mod clients;
mod deflated;
pub mod dial;
mod handling;
mod heap;
pub mod ledger;
pub mod message;
pub mod options;
pub mod paths;
pub mod program;
pub mod raw;
pub mod relay;
mod rooms;
pub mod seed;
pub mod serving;
pub mod signals;
pub mod tls;
pub mod waits;
pub mod worst;
