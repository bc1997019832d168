//! Instructions for each echoed message, counted by callgrind: the figure that does not depend on
//! how busy the machine is.

use std::time::Duration;

use serde::Deserialize;

use crate::bench::programs::{Processor, Profile, Programs};
use crate::bench::scenario::Scenario;
use crate::bench::server::Server;
use crate::callgrind;
use crate::error::Error;
use crate::workspace::Workspace;

/// More than any run takes, as slow as Valgrind makes it.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// The counts of one server.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) server: Server,
    /// Whether it was built without link-time optimisation.
    pub(crate) plain: bool,
    /// For each scenario that is counted, in their order.
    pub(crate) counts: Vec<Option<f64>>,
}

#[derive(Debug, Deserialize)]
struct Report {
    messages: u64,
}

/// Counts one pair: the difference of a long and a short run holds neither start nor handshakes.
///
/// `None` where the scenario is not counted.
pub(crate) fn count(
    workspace: &Workspace,
    programs: &Programs<'_>,
    profile: Profile,
    server: &Server,
    scenario: &Scenario,
) -> Result<Option<f64>, Error> {
    let Some((short, long)) = scenario.counted else {
        return Ok(None);
    };
    let run = |messages| run(workspace, programs, profile, server, scenario, messages);
    let (few, before) = run(short)?;
    let (many, after) = run(long)?;
    let instructions = after.saturating_sub(before) as f64;
    Ok(Some(instructions / many.saturating_sub(few).max(1) as f64))
}

/// One run: how many messages were echoed, and the instructions of the whole server.
fn run(
    workspace: &Workspace,
    programs: &Programs<'_>,
    profile: Profile,
    server: &Server,
    scenario: &Scenario,
    messages: u64,
) -> Result<(u64, u64), Error> {
    let profile_of = workspace
        .directory
        .join(format!("{}-{}.out", server.name, scenario.number));
    let mut command = callgrind::command(&programs.path(profile, server.program), &[], &profile_of);
    let connections = scenario.connections.to_string();
    let (mut child, port) = programs
        .start(server, &mut command, &["--connections", &connections])
        .map_err(callgrind::missing)?;
    let arguments = [
        "--port",
        &port.to_string(),
        "--scenario",
        &scenario.number.to_string(),
        "--messages",
        &messages.to_string(),
    ]
    .map(str::to_owned);
    let report: Report = programs.report(Processor::Load, "load", &arguments, LIMIT)?;
    child.finish(LIMIT)?;
    Ok((report.messages, callgrind::collected(child.log())?))
}
