//! S1: connections that do nothing cost next to nothing, and stay.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// What a connection of a `Server` may cost, in bytes: its keepalive, its task, and what the server
/// keeps to reach it.
const EACH: f64 = 2_304.0;

/// What opening many at once costs the server once, however many they are.
const ONCE: f64 = (1 << 20) as f64;

/// What a connection may grow by while it is idle.
const GROWTH: f64 = 1_024.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let count = stage.connections();
    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let honest = Honest::alone(stage, port)?;
    let before = stage.status(server).resident;

    let client = stage.client(port, &format!("hold --connections {count}"))?;
    opened(stage, client, count)?;
    stage.settle("open")?;
    let open = stage.status(server).resident;
    honest.beside(stage);
    // Behind it every connection has sent pings and answered some.
    let length = stage.length(180).max(Duration::from_secs(45));
    stage.watch("idle, kept alive", length)?;
    let last = stage.status(server).resident;
    honest.judge(stage, "beside idle ones", FAIR)?;

    let each = |more: u64, less: u64| (more as f64 - less as f64) / count as f64;
    stage.check(
        "memory for each connection, new",
        each(open, before),
        " B",
        Limit::Most((EACH + ONCE / count as f64).round()),
    );
    stage.tell(
        "memory for each connection, at last",
        each(last, before),
        " B",
    );
    stage.check(
        "growth of each while idle",
        each(last, open),
        " B",
        Limit::Most(GROWTH),
    );
    stage.count("connections lost", stage.fact(client, "ended_early"), 0);

    stage.signal(client, Signal::Next);
    stage.finish(client, Duration::from_secs(90))?;
    stage.count(
        "closed in order, clients",
        stage.fact(client, "ended_clean"),
        count,
    );
    stage.check_base(server, base)
}
