//! The clients of a soak that misbehave.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use socket_flow_soak::attacks::{declare, flood, greedy, hog, repeat, reset, sip, slow};
use socket_flow_soak::program;

fn main() -> ExitCode {
    program::main("soak-attack", async |options, phase, board| {
        let work = async {
            match options.mode.as_str() {
                "bombs" => repeat::bombs(options, phase, &board).await?,
                "continuations" => repeat::continuations(options, phase, &board).await,
                "declare" => declare::run(options, phase, &board).await,
                "flood" => flood::run(options, phase, &board).await,
                "greedy" => greedy::run(options, phase, &board).await?,
                "hog" => hog::run(options, phase, &board).await,
                "reset" => reset::run(options, phase, &board).await,
                "sip" => sip::run(options, phase, &board).await,
                "slow" => slow::run(options, &board).await,
                "texts" => repeat::texts(options, phase, &board).await,
                other => return Err(program::unknown(other)),
            }
            Ok(())
        };
        program::reporting(&board, work).await
    })
}
