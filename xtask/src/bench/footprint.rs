//! What idle connections and handshakes cost.

use std::time::Duration;

use serde::Deserialize;

use crate::bench::programs::{Processor, Profile, Programs};
use crate::bench::server::Server;
use crate::error::Error;

/// More than any measurement takes.
const LIMIT: Duration = Duration::from_secs(300);

/// What one server's connections cost.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Footprint {
    pub(crate) connections: usize,
    /// Resident bytes for each connection that did nothing.
    pub(crate) fresh_bytes: f64,
    /// The same once each has echoed 1 KiB.
    pub(crate) echoed_bytes: f64,
    pub(crate) handshakes_per_second: f64,
    pub(crate) cpu_us_per_handshake: f64,
}

/// Measures a server. Memory is a matter of its settings, so only documented ones are measured.
pub(crate) fn measure(
    programs: &Programs<'_>,
    server: &Server,
    connections: usize,
) -> Result<Footprint, Error> {
    let path = programs.path(Profile::Release, server.program);
    let mut command = programs.command(Processor::Server, &path);
    let (child, port) = programs.start(server, &mut command, &[])?;
    let arguments = [
        "--port",
        &port.to_string(),
        "--pid",
        &child.id().to_string(),
        "--connections",
        &connections.to_string(),
    ]
    .map(str::to_owned);
    programs.report(Processor::Load, "footprint", &arguments, LIMIT)
}
