//! What hostile, slow and silent peers can make a connection hold, wait for or tear: each class
//! against the real client and the real server. What they hold is counted in bytes of heap.
//! `docs/reliability.md` has the list.

#![allow(clippy::print_stdout)] // the figures for it, with `--nocapture`
#![cfg_attr(not(target_os = "linux"), allow(dead_code))] // sockets elsewhere hold other amounts

#[cfg(target_os = "linux")]
mod accepting;
mod beside;
#[cfg(feature = "deflate")]
mod bombs;
mod cancelling;
mod close_race;
mod declared_length;
#[cfg(target_os = "linux")]
mod dropping;
mod fragments;
mod heap;
#[cfg(target_os = "linux")]
mod idle;
mod interim;
#[cfg(all(feature = "deflate", target_os = "linux"))]
mod large_echo;
#[cfg(feature = "deflate")]
mod lists;
mod lying;
#[cfg(target_os = "linux")]
mod memory;
mod peer;
#[cfg(target_os = "linux")]
mod pings;
#[cfg(all(feature = "deflate", target_os = "linux"))]
mod presets;
mod silence;
#[cfg(target_os = "linux")]
mod slow;
#[cfg(feature = "deflate")]
mod small_stack;
mod tearing;
mod waking;

#[path = "../support/alone.rs"]
#[allow(dead_code)] // a part of it is used here
mod alone;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;

#[global_allocator]
static HEAP: dhat::Alloc = dhat::Alloc;
