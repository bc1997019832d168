//! The clients of a soak that behave.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use socket_flow_soak::clients::{
    active, answer, burst, good, hold, members, meter, pushed, reconnect,
};
use socket_flow_soak::program;

fn main() -> ExitCode {
    program::main("soak-client", async |options, phase, board| {
        let work = async {
            match options.mode.as_str() {
                "active" => active::run(options, phase, &board).await,
                "answer" => answer::run(options, &board).await?,
                "burst" => burst::run(options, &board).await?,
                "good" => good::run(options, phase, &board).await,
                "hold" => hold::run(options, phase, &board).await,
                "members" => members::run(options, phase, &board).await?,
                "meter" => meter::run(options, phase, &board).await,
                "pushed" => pushed::run(options, phase, &board).await,
                "reconnect" => reconnect::run(options, phase, &board).await,
                other => return Err(program::unknown(other)),
            }
            Ok(())
        };
        program::reporting(&board, work).await
    })
}
