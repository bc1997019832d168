//! The server of a soak.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use socket_flow_soak::{program, serving};

fn main() -> ExitCode {
    program::main("soak-server", async |options, phase, board| {
        serving::run(options, phase, &board).await
    })
}
