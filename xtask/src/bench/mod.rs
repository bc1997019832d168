//! `cargo xtask bench`: how fast, how small and how cheap we are, beside others in the same run.
//!
//! ```text
//!              crates/bench: echo servers  ⇄  load · footprint   (pinned, interleaved, in rounds)
//!                                                   │ JSON
//!  callgrind ──► instructions ──┐                   ▼
//!                               └──► results ──► tables, verdict ──► docs/performance.md
//! ```

mod broadcast;
mod client;
mod footprint;
mod instructions;
mod machine;
pub(crate) mod options;
pub(crate) mod programs;
mod report;
mod scenario;
pub(crate) mod server;
mod statistics;
pub(crate) mod table;
mod throughput;
mod verdict;

use std::fs;
use std::time::Instant;

use crate::bench::footprint::Footprint;
use crate::bench::instructions::Counts;
use crate::bench::options::Options;
use crate::bench::programs::{Profile, Programs};
use crate::bench::report::Results;
use crate::bench::scenario::Scenario;
use crate::bench::server::{Kind, Server};
use crate::bench::throughput::Effort;
use crate::document;
use crate::error::Error;
use crate::workspace::Workspace;

/// The page with the tables, from the root of the source tree.
const PAGE: &str = "docs/performance.md";

/// How many connections are held open.
const CONNECTIONS: usize = 10_000;

/// The same with `--quick`.
const FEW_CONNECTIONS: usize = 2_000;

/// Runs the command.
pub(crate) fn run(options: &Options) -> Result<(), Error> {
    let workspace = Workspace::open("bench")?;
    let servers = options.servers();
    let scenarios = options.scenarios();
    let effort = Effort::new(options.quick);
    // What takes no part needs no build.
    let echoes: Vec<Server> = servers
        .iter()
        .filter(|server| scenarios.iter().any(|it| server.takes_part(it)))
        .copied()
        .collect();
    let is_counted = scenarios.iter().any(|it| it.counted.is_some());
    let plain: Vec<&Server> = echoes
        .iter()
        .filter(|server| server.kind == Kind::Ours && is_counted)
        .collect();
    let clients = match options.clients() {
        true => client::of(&servers),
        false => Vec::new(),
    };
    let broadcasts = match options.broadcasts() {
        true => broadcast::of(&servers),
        false => Vec::new(),
    };
    let others = clients.iter().chain(&broadcasts);
    let wanted: Vec<Server> = echoes.iter().chain(others).copied().collect();
    let programs = Programs::build(&workspace, &wanted, &plain)?;
    if options.build {
        return Ok(());
    }

    let start = Instant::now();
    let cells = throughput::measure(&programs, &servers, &scenarios, effort)?;
    let broadcasts = broadcast::measure(&programs, &broadcasts, effort)?;
    let clients = client::measure(&programs, &clients, effort)?;
    let instructions = instructions_of(&workspace, &programs, &servers, &scenarios)?;
    let footprints = match options.scenarios.is_empty() {
        true => footprints_of(&programs, &servers, options.quick)?,
        false => Vec::new(),
    };
    let results = Results {
        servers,
        scenarios,
        cells,
        broadcasts,
        clients,
        instructions,
        footprints,
    };

    let mut sections = vec![(
        "environment",
        machine::describe(
            &workspace,
            &programs,
            effort,
            options.quick,
            start.elapsed(),
        )?,
    )];
    sections.extend(results.sections());
    for (_, text) in &sections {
        println!("\n{text}");
    }
    if !options.is_complete() {
        return Ok(());
    }
    let path = workspace.root.join(PAGE);
    let mut page = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.map_err(Error::file(&path))?,
    };
    for (name, text) in &sections {
        page = document::replace(&page, "bench", name, text);
    }
    fs::write(&path, page).map_err(Error::file(&path))?;
    println!("written to {PAGE}");
    Ok(())
}

/// Every server's counts, and ours without link-time optimisation too.
fn instructions_of(
    workspace: &Workspace,
    programs: &Programs<'_>,
    servers: &[Server],
    scenarios: &[Scenario],
) -> Result<Vec<Counts>, Error> {
    let counted: Vec<&Scenario> = scenarios.iter().filter(|it| it.counted.is_some()).collect();
    if counted.is_empty() {
        return Ok(Vec::new());
    }
    println!("counting instructions");
    let mut rows = Vec::new();
    for server in servers {
        let mut profiles = vec![Profile::Release];
        if server.kind == Kind::Ours {
            profiles.push(Profile::Plain);
        }
        for profile in profiles {
            let mut counts = Vec::new();
            for scenario in &counted {
                if !server.is_counted(scenario) {
                    counts.push(None);
                    continue;
                }
                let count = instructions::count(workspace, programs, profile, server, scenario);
                counts.push(match count {
                    Err(error @ (Error::Interrupted | Error::Missing(_))) => return Err(error),
                    Err(error) => {
                        println!("{server}, scenario {}: {error}", scenario.number);
                        None
                    }
                    Ok(count) => count,
                });
            }
            rows.push(Counts {
                server: *server,
                plain: profile == Profile::Plain,
                counts,
            });
        }
    }
    Ok(rows)
}

/// The footprints of all servers that frame and run as documented: what one sets by hand for
/// speed says nothing about memory.
fn footprints_of(
    programs: &Programs<'_>,
    servers: &[Server],
    quick: bool,
) -> Result<Vec<(Server, Footprint)>, Error> {
    println!("opening idle connections");
    let connections = if quick { FEW_CONNECTIONS } else { CONNECTIONS };
    let mut footprints = Vec::new();
    for server in servers {
        if server.kind == Kind::Raw || !server.is_documented() {
            continue;
        }
        match footprint::measure(programs, server, connections) {
            Err(Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => println!("{server}, footprint: {error}"),
            Ok(footprint) => footprints.push((*server, footprint)),
        }
    }
    Ok(footprints)
}
