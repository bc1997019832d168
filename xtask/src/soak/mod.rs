//! `cargo xtask soak`: load, faults and attacks for as long as asked, with books kept on both ends.
//!
//! ```text
//!                    crates/soak: server  ⇄  clients · attackers   (processes of their own)
//!                       │ JSON, twice a second      │
//!   /proc ──► stage ◀───┴───────────────────────────┘
//!               │
//!               ├──► rows over time: memory, descriptors, tasks, messages, lost, latency
//!               └──► verdict: each figure beside its limit
//! ```

mod actor;
mod confinement;
pub(crate) mod options;
mod peers;
mod process_status;
pub(crate) mod programs;
mod rows;
mod scenario;
mod scenarios;
mod stage;
mod verdict;

use crate::error::Error;
use crate::soak::options::Options;
use crate::soak::programs::Programs;
use crate::soak::scenario::Scenario;
use crate::soak::stage::Stage;
use crate::soak::verdict::Outcome;
use crate::workspace::Workspace;

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let enough = options.connections + SPARE;
    if let Some(most) = descriptors().filter(|most| *most < enough) {
        return Err(Error::Usage(format!(
            "{} connections need {enough} file descriptors in a process, and it may have {most}",
            options.connections
        )));
    }
    let workspace = Workspace::open("soak")?;
    let programs = Programs::build(&workspace)?;
    let mut outcomes = Vec::new();
    for scenario in options.scenarios() {
        let outcome = play(scenario, options, &workspace, &programs)?;
        println!("\n{} {}: {outcome}", scenario.name, scenario.title);
        outcomes.push((scenario, outcome));
    }
    if options.peers {
        peers::flood(&workspace, &programs, options)?;
    }
    println!();
    for (scenario, outcome) in &outcomes {
        println!("{:<4} {:<44} {outcome}", scenario.name, scenario.title);
    }
    let failed = outcomes.iter().filter(|(_, it)| it.is_failure()).count();
    match failed {
        0 => Ok(()),
        count => Err(Error::Soak(count)),
    }
}

/// Plays one scenario; what goes wrong in it is its outcome.
fn play(
    scenario: &Scenario,
    options: &Options,
    workspace: &Workspace,
    programs: &Programs,
) -> Result<Outcome, Error> {
    println!(
        "\n== {} {}\n   again: cargo xtask soak --scenario {} --seed {} --connections {}",
        scenario.name, scenario.title, scenario.name, options.seed, options.connections
    );
    let mut stage = Stage::new(scenario, options, workspace, programs);
    let played = (scenario.play)(&mut stage);
    match played {
        Ok(()) => Ok(stage.outcome()),
        Err(Error::Interrupted) => Err(Error::Interrupted),
        Err(error) => Ok(Outcome::broken(&error)),
    }
}

/// What a process needs beside its connections.
const SPARE: u64 = 100;

/// How many file descriptors a process may have; `None` where there is no limit.
#[cfg(unix)]
fn descriptors() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum
}

#[cfg(not(unix))]
fn descriptors() -> Option<u64> {
    None
}
