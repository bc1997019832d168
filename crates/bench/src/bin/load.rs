//! Sends masked frames to a server that echoes or broadcasts them, and measures what comes back;
//! `--help` tells how.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use lexopt::Parser;
use socket_flow_bench::load::options::{Options, USAGE};
use socket_flow_bench::load::{broadcast, generator};

fn main() -> ExitCode {
    let options = match Options::parse(Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("load: {error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let measured = match options.broadcast {
        false => generator::run(&options),
        true => broadcast::run(&options),
    };
    match measured {
        Ok(report) => match serde_json::to_string(&report) {
            Ok(json) => {
                println!("{json}");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("load: {error}");
                ExitCode::FAILURE
            }
        },
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
