//! Scenario 11: clients, each against the hand-written echo.

use std::time::Duration;

use serde::Deserialize;

use crate::bench::programs::{Processor, Profile, Programs};
use crate::bench::server::{Kind, Server};
use crate::bench::statistics::Samples;
use crate::bench::throughput::Effort;
use crate::error::Error;

/// The number of the scenario.
pub(crate) const NUMBER: u32 = 11;

/// What it sends: the same as scenario 3.
pub(crate) const TITLE: &str = "client, 32 B, 8×64";

/// More than any measurement takes.
const LIMIT: Duration = Duration::from_secs(120);

/// The clients, in the order of the table.
const CLIENTS: [Server; 3] = [
    Server::new("socket-flow", Kind::Ours, "client-socket-flow", &[]),
    Server::new("tungstenite", Kind::Peer, "client-tungstenite", &[]),
    Server::new(
        "tokio-websockets",
        Kind::Peer,
        "client-tokio-websockets",
        &[],
    ),
];

/// What the client in front of the echo did.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) client: Server,
    pub(crate) messages_per_second: Samples,
    /// The client's processor time for each message and its reply, in microseconds.
    pub(crate) cpu_us: Samples,
}

#[derive(Debug, Deserialize)]
struct Report {
    messages_per_second: f64,
    client_us_per_message: f64,
}

/// The clients of the selected libraries.
pub(crate) fn of(servers: &[Server]) -> Vec<Server> {
    let selected = |client: &Server| servers.iter().any(|server| server.name == client.name);
    CLIENTS.into_iter().filter(selected).collect()
}

/// Measures them in rounds, interleaved.
pub(crate) fn measure(
    programs: &Programs<'_>,
    clients: &[Server],
    effort: Effort,
) -> Result<Vec<Measured>, Error> {
    let mut measured: Vec<Measured> = clients
        .iter()
        .map(|client| Measured {
            client: *client,
            messages_per_second: Samples::default(),
            cpu_us: Samples::default(),
        })
        .collect();
    for _ in 0..effort.rounds {
        for row in &mut measured {
            match one(programs, &row.client, effort) {
                Err(Error::Interrupted) => return Err(Error::Interrupted),
                Err(error) => println!("{}, scenario {NUMBER}: {error}", row.client),
                Ok(report) => {
                    row.messages_per_second.push(report.messages_per_second);
                    row.cpu_us.push(report.client_us_per_message);
                }
            }
        }
    }
    Ok(measured)
}

/// The client has the processor that servers have elsewhere.
fn one(programs: &Programs<'_>, client: &Server, effort: Effort) -> Result<Report, Error> {
    let echo = Server::new("ideal", Kind::Ideal, "echo-ideal", &[]);
    let path = programs.path(Profile::Release, echo.program);
    let mut command = programs.command(Processor::Load, &path);
    let (_child, port) = programs.start(&echo, &mut command, &[])?;
    let arguments = [
        "--port",
        &port.to_string(),
        "--seconds",
        &effort.seconds.to_string(),
        "--warm-up",
        &effort.warm_up.to_string(),
    ]
    .map(str::to_owned);
    programs.report(Processor::Server, client.program, &arguments, LIMIT)
}
