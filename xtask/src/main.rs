//! The project's own commands: `cargo xtask --help` lists them.
//!
//! ```text
//! cargo xtask autobahn   engine (docker | wstest)  ⇄  the examples, built in release
//!                                 │
//!                        report ──► check (expectations, case facts, baseline) ──► summary
//! cargo xtask bench      load generator  ⇄  echo servers, ours and others ──► docs/performance.md
//! cargo xtask browser    Chromium, two tabs  ⇄  the example `chat`
//! cargo xtask cancel     every future given up after so many polls ──► counts ──► verdict
//! cargo xtask chaos      conversations  ⇄  transports that misbehave ──► faults by kind ──► verdict
//! cargo xtask coverage   the tests of crates, instrumented ──► what none of them runs
//! cargo xtask interop    implementations by others  ⇄  the examples ──► compare ──► table
//! cargo xtask fuzz       libFuzzer, or a loop of mutations ──► the targets of crates/fuzz ──► totals
//! cargo xtask instructions   small jobs under callgrind ──► compare with the committed figures
//! cargo xtask interleavings   crates/connection under a scheduler ──► schedules tried
//! cargo xtask replay     inputs of fuzzing ──► this library and implementations by others ──► differences
//! cargo xtask rfc        docs/conformance.md  ⇄  the tests it names and what they cite
//! cargo xtask simulate   two protocols, a link, a clock; seed after seed ──► counts ──► verdict
//! cargo xtask soak       load, faults and attacks  ⇄  the facade ──► rows over time ──► verdict
//! cargo xtask tidy       every source file ──► the house rules a compiler does not know
//! cargo xtask walks      one operation each under callgrind ──► compare with the committed figures
//! cargo xtask worst      connections in their worst states  ⇄  the facade ──► docs/reliability.md
//! ```

#![forbid(unsafe_code)]
// The output of a command line tool is its purpose.
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod authority;
mod autobahn;
mod bench;
mod browser;
mod callgrind;
mod circles;
mod cli;
mod code_lines;
mod committed;
mod coverage;
mod document;
mod environment;
mod error;
mod fuzz;
mod instructions;
mod interleavings;
mod interop;
mod library;
mod node;
mod process;
mod replay;
mod rfc;
mod seeded;
mod soak;
mod tidy;
mod walks;
mod workspace;
mod worst;

use std::process::ExitCode;

use crate::cli::Command;
use crate::error::Error;

fn main() -> ExitCode {
    let outcome = match cli::parse(lexopt::Parser::from_env()) {
        Ok(command) => run(command),
        Err(error) => Err(error),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", error.with_causes());
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(command: Command) -> Result<(), Error> {
    match command {
        Command::Help => {
            print!("{}", cli::HELP);
            Ok(())
        }
        Command::Autobahn(options) => {
            process::catch_signals()?;
            autobahn::run(&options)
        }
        Command::Bench(options) => {
            process::catch_signals()?;
            bench::run(&options)
        }
        Command::Browser => {
            process::catch_signals()?;
            browser::run()
        }
        Command::Coverage(options) => {
            process::catch_signals()?;
            coverage::run(&options)
        }
        Command::Interop(options) => {
            process::catch_signals()?;
            interop::run(&options)
        }
        Command::Fuzz(options) => {
            process::catch_signals()?;
            fuzz::run(&options)
        }
        Command::Instructions(options) => {
            process::catch_signals()?;
            instructions::run(&options)
        }
        Command::Interleavings(options) => {
            process::catch_signals()?;
            interleavings::run(&options)
        }
        Command::Replay(options) => {
            process::catch_signals()?;
            replay::run(&options)
        }
        Command::Rfc => rfc::run(),
        Command::Seeded(suite, options) => {
            process::catch_signals()?;
            seeded::run(suite, &options)
        }
        Command::Soak(options) => {
            process::catch_signals()?;
            soak::run(&options)
        }
        Command::Tidy => tidy::run(),
        Command::Walks(options) => {
            process::catch_signals()?;
            walks::run(&options)
        }
        Command::Worst(options) => {
            process::catch_signals()?;
            worst::run(&options)
        }
    }
}
