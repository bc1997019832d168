//! The server of a soak.

#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;

use cap::Cap;
use socket_flow_soak::{program, serving};

/// The system's allocator, counted.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

fn main() -> ExitCode {
    program::main("soak-server", async |options, phase, board| {
        serving::run(options, phase, &board, || HEAP.allocated()).await
    })
}
