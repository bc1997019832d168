//! S6: pings without end from clients that do not read, and messages that are only declared.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// What a connection may cost the server while it is flooded, in bytes.
const FLOODED: f64 = (256 << 10) as f64;

/// What a connection may cost the server that has declared a large message.
const DECLARED: f64 = (8 << 10) as f64;

/// Time for the pings to be sent, and for their answers.
const FLOOD: Duration = Duration::from_secs(240);

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let honest = Honest::alone(stage, port)?;
    honest.beside(stage);
    flood(stage, server, port, 1, 64)?;
    flood(stage, server, port, 100, 16)?;
    declare(stage, server, port, 50)?;
    declare(stage, server, port, stage.connections() / 10)?;
    honest.judge(stage, "beside all of it", FAIR)?;
    stage.check_base(server, base)
}

fn flood(
    stage: &mut Stage<'_>,
    server: Id,
    port: u16,
    connections: u64,
    mib: u64,
) -> Result<(), Error> {
    stage.settle("before the flood")?;
    let before = stage.status(server).resident;
    stage.take_highest(server);
    let arguments = format!("flood --connections {connections} --mib {mib}");
    let attack = stage.attack_yielding(port, &arguments)?;
    let phase = format!("{connections} x {mib} MiB of pings");
    stage.until(&phase, FLOOD, |stage| {
        stage.fact(attack, "flooded") + stage.fact(attack, "failed") >= connections
    })?;
    stage.watch("nobody reads", Duration::from_secs(3))?;
    let highest = stage.take_highest(server);
    stage.signal(attack, Signal::Next);
    stage.finish(attack, FLOOD)?;

    let each = highest.saturating_sub(before) as f64 / connections as f64;
    let what = format!("{connections} x {mib} MiB of pings");
    stage.check(
        format!("{what}: memory for each"),
        each,
        " B",
        Limit::Most(FLOODED),
    );
    let taken = stage.fact(attack, "bytes") as f64 / f64::from(1 << 20);
    stage.tell(format!("{what}: taken in all"), taken, " MiB");
    stage.count(
        format!("{what}: newest ping answered"),
        stage.fact(attack, "newest_answered"),
        connections,
    );
    stage.count(
        format!("{what}: a message echoed after it"),
        stage.fact(attack, "echoed"),
        connections,
    );
    stage.tell(
        format!("{what}: pongs"),
        stage.fact(attack, "pongs") as f64,
        "",
    );
    Ok(())
}

fn declare(stage: &mut Stage<'_>, server: Id, port: u16, connections: u64) -> Result<(), Error> {
    let attack = stage.attack(
        port,
        &format!("declare --connections {connections} --mib 15"),
    )?;
    stage.until("open", Duration::from_secs(60), |stage| {
        stage.fact(attack, "open") >= connections
    })?;
    stage.settle("open")?;
    let before = stage.status(server);
    stage.signal(attack, Signal::Next);
    stage.watch(
        &format!("{connections} x 15 MiB declared"),
        Duration::from_secs(5),
    )?;
    let after = stage.status(server);
    let each = |more: u64, less: u64| (more as f64 - less as f64) / connections as f64;
    let what = format!("{connections} x 15 MiB declared");
    let resident = each(after.resident, before.resident);
    stage.check(
        format!("{what}: memory for each"),
        resident,
        " B",
        Limit::Most(DECLARED),
    );
    let data = each(after.data, before.data);
    stage.check(
        format!("{what}: address space for each"),
        data,
        " B",
        Limit::Most(DECLARED),
    );
    stage.count(
        format!("{what}: sent"),
        stage.fact(attack, "declared"),
        connections,
    );
    stage.end(attack)?;
    stage.settle("gone")
}
