//! Rounds of every scenario against every server, interleaved.

use std::time::Duration;

use serde::Deserialize;

use crate::bench::programs::{Processor, Profile, Programs};
use crate::bench::scenario::Scenario;
use crate::bench::server::Server;
use crate::bench::statistics::Samples;
use crate::error::Error;

/// More than any measurement takes.
const LIMIT: Duration = Duration::from_secs(120);

/// How long and how often each pair is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) seconds: f64,
    pub(crate) warm_up: f64,
}

impl Effort {
    /// What `--quick` chooses, and what is chosen without it: the whole command then takes less
    /// than 20 minutes.
    pub(crate) fn new(quick: bool) -> Self {
        match quick {
            true => Self {
                rounds: 2,
                seconds: 0.25,
                warm_up: 0.1,
            },
            false => Self {
                // More of them and shorter: what else runs on a machine comes and goes.
                rounds: 9,
                seconds: 0.45,
                warm_up: 0.15,
            },
        }
    }
}

/// What one server did in one scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cell {
    pub(crate) messages_per_second: Samples,
    /// The server's processor time for each message, in microseconds.
    pub(crate) cpu_us: Samples,
    pub(crate) p50_us: Samples,
    pub(crate) p99_us: Samples,
    /// How busy the load generator was: near 1 it was the limit.
    pub(crate) load_busy: Samples,
}

/// What the load generator says.
#[derive(Debug, Deserialize)]
struct Report {
    messages_per_second: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    server_us_per_message: Option<f64>,
    load_busy: Option<f64>,
}

/// Measures every pair. The outer index is the server's, the inner one the scenario's.
pub(crate) fn measure(
    programs: &Programs<'_>,
    servers: &[Server],
    scenarios: &[Scenario],
    effort: Effort,
) -> Result<Vec<Vec<Cell>>, Error> {
    let mut cells = vec![vec![Cell::default(); scenarios.len()]; servers.len()];
    for round in 0..effort.rounds {
        println!("round {} of {}", round + 1, effort.rounds);
        for (column, scenario) in scenarios.iter().enumerate() {
            for turn in 0..servers.len() {
                // Another one is first each time.
                let row = (turn + round) % servers.len();
                let (Some(server), Some(cell)) = (
                    servers.get(row),
                    cells.get_mut(row).and_then(|row| row.get_mut(column)),
                ) else {
                    continue;
                };
                if !server.takes_part(scenario) {
                    continue;
                }
                let report = match one(programs, server, scenario, effort) {
                    Err(Error::Interrupted) => return Err(Error::Interrupted),
                    // The others are still worth measuring.
                    Err(error) => {
                        println!("{server}, scenario {}: {error}", scenario.number);
                        continue;
                    }
                    Ok(report) => report,
                };
                let samples = [
                    (
                        &mut cell.messages_per_second,
                        Some(report.messages_per_second),
                    ),
                    (&mut cell.cpu_us, report.server_us_per_message),
                    (&mut cell.p50_us, report.p50_us),
                    (&mut cell.p99_us, report.p99_us),
                    (&mut cell.load_busy, report.load_busy),
                ];
                for (samples, value) in samples {
                    if let Some(value) = value.filter(|value| value.is_finite()) {
                        samples.push(value);
                    }
                }
            }
        }
    }
    Ok(cells)
}

fn one(
    programs: &Programs<'_>,
    server: &Server,
    scenario: &Scenario,
    effort: Effort,
) -> Result<Report, Error> {
    let path = programs.path(Profile::Release, server.program);
    let mut command = programs.command(Processor::Server, &path);
    let deflate: Vec<&str> = scenario
        .deflate
        .map_or_else(Vec::new, |how| vec!["--deflate", how]);
    let (child, port) = programs.start(server, &mut command, &deflate)?;
    let arguments = [
        ("--port", port.to_string()),
        ("--pid", child.id().to_string()),
        ("--scenario", scenario.number.to_string()),
        ("--seconds", effort.seconds.to_string()),
        ("--warm-up", effort.warm_up.to_string()),
    ];
    let arguments: Vec<String> = arguments
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value])
        .chain(deflate.into_iter().map(str::to_owned))
        .collect();
    programs.report(Processor::Load, "load", &arguments, LIMIT)
}
