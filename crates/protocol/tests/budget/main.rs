//! Memory that connections share. The buffers of all threads of this process count against each
//! budget, so that no other tests run in it.

mod calls;
mod memory;
mod right;
mod small;
#[path = "../support/mod.rs"]
#[allow(dead_code, unused_imports)] // a part of it is used here
mod support;
mod tools;
