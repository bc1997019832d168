//! Runs simulated connections by the thousands; `cargo xtask simulate`.

#![forbid(unsafe_code)]
// The output of a command line tool is its purpose.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::error::Error;
use std::num::NonZero;
use std::panic;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use lexopt::prelude::*;
use socket_flow_testing::Report;
use socket_flow_testing::simulation::{self, Outcome};

/// Seeds a thread takes at a time.
const BATCH: u64 = 500;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let (mut first, mut count) = (1_u64, 1_000_u64);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => first = parser.value()?.parse()?,
            Long("seeds") => count = parser.value()?.parse()?,
            other => return Err(other.unexpected().into()),
        }
    }
    let end = first.saturating_add(count);
    let next = AtomicU64::new(first);
    let failed = AtomicBool::new(false);
    let all = Mutex::new(Outcome::default());
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut sum = Outcome::default();
                while !failed.load(Ordering::Relaxed) {
                    let from = next.fetch_add(BATCH, Ordering::Relaxed);
                    for seed in from..end.min(from.saturating_add(BATCH)) {
                        match panic::catch_unwind(|| simulation::run(seed)) {
                            Ok(outcome) => sum.add(&outcome),
                            Err(_) => {
                                eprintln!(
                                    "seed {seed} failed; again: \
                                     cargo xtask simulate --seed {seed} --seeds 1"
                                );
                                failed.store(true, Ordering::Relaxed);
                                break;
                            }
                        }
                    }
                    if from >= end {
                        break;
                    }
                }
                if let Ok(mut all) = all.lock() {
                    all.add(&sum);
                }
            });
        }
    });
    let mut report = Report::new("simulate");
    if let Ok(all) = all.lock() {
        all.report(&mut report);
    }
    report.print();
    Ok(match failed.into_inner() {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}
