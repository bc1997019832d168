//! Opens many connections to an echo server and tells what each costs.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::error::Error;
use std::process::ExitCode;

use lexopt::{Arg, Parser, ValueExt};
use socket_flow_bench::footprint;

fn main() -> ExitCode {
    match run() {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!(
                "footprint: {error}\nusage: footprint --port PORT --pid PID [--connections N]"
            );
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<String, Box<dyn Error>> {
    let mut parser = Parser::from_env();
    let (mut port, mut pid, mut connections) = (None, None, 10_000);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Long("port") => port = Some(parser.value()?.parse()?),
            Arg::Long("pid") => pid = Some(parser.value()?.parse()?),
            Arg::Long("connections") => connections = parser.value()?.parse()?,
            _ => return Err(arg.unexpected().into()),
        }
    }
    let port = port.ok_or("no --port is given")?;
    let pid = pid.ok_or("no --pid is given")?;
    let found = footprint::measure(port, pid, connections)?;
    Ok(serde_json::to_string(&found)?)
}
