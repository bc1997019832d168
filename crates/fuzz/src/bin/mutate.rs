//! A target without libFuzzer: inputs of a directory, mutated again and again, without coverage.
//!
//! ```text
//! mutate TARGET SECONDS DIRECTORY ARTIFACT
//! ```
//!
//! Prints `executions N`. An input that the target's oracle refuses is written to ARTIFACT, and
//! the panic ends the program.

#![forbid(unsafe_code)]
// The output of a command line tool is its purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::time::{Duration, Instant};
use std::{env, fs, panic};

use socket_flow_fuzz::{mutated, target};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, seconds, directory, artifact] = &arguments[..] else {
        return Err("mutate TARGET SECONDS DIRECTORY ARTIFACT".into());
    };
    let target = target(name).ok_or("no target of this name")?;
    let limit = Duration::from_secs(seconds.parse()?);
    let mut paths: Vec<_> = fs::read_dir(directory)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let inputs: Vec<_> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;

    let start = Instant::now();
    let mut executions = 0_u64;
    for seed in 0.. {
        for input in &inputs {
            let input = mutated(input, seed);
            let judged = panic::catch_unwind(|| target(&input));
            executions += 1;
            if let Err(panicked) = judged {
                fs::write(artifact, &input)?;
                panic::resume_unwind(panicked);
            }
            if start.elapsed() >= limit {
                println!("executions {executions}");
                return Ok(());
            }
        }
    }
    Ok(())
}
