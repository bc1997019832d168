//! Sends masked frames to an echo server and measures the replies; `--help` tells how.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::process::ExitCode;

use lexopt::Parser;
use socket_flow_bench::load::generator;
use socket_flow_bench::load::options::{Options, USAGE};

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
    match generator::run(&options) {
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
