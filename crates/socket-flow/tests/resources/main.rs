//! What hostile, slow and silent peers can make a connection hold, wait for or tear: each class
//! against the real client and the real server. What they hold is counted in bytes of heap.
//! `docs/reliability.md` has the list.

#![allow(clippy::print_stdout)] // the figures for it, with `--nocapture`

#[cfg(feature = "deflate")]
mod bombs;
mod declared_length;
mod dropping;
mod fragments;
mod heap;
mod peer;
mod pings;
mod silence;
mod slow;
#[cfg(feature = "deflate")]
mod small_stack;

#[path = "../support/mod.rs"]
mod support;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;
