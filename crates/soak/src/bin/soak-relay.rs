//! What stands between both ends of a soak.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use socket_flow_soak::relay::{self, Distance};
use socket_flow_soak::{program, serving};
use tokio::net::TcpListener;

fn main() -> ExitCode {
    program::main("soak-relay", async |options, mut phase, board| {
        let listener = TcpListener::bind(options.addr).await?;
        serving::announce(&listener)?;
        let distance = Distance {
            delay: options.delay,
            jitter: options.jitter,
        };
        let relayed = board.counter("relayed");
        let work = async {
            tokio::select! {
                ended = relay::run(listener, options.target, distance, options.seed, relayed) => ended,
                () = phase.ended() => Ok(()),
            }
        };
        program::reporting(&board, work).await
    })
}
