//! S2: many connections, all active, and every message accounted for.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// Messages in a second, over all connections.
const RATE: u64 = 10_000;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let length = stage.length(240);
    // Most of the time with a handler, the rest with events.
    exchange(stage, "", length * 2 / 3)?;
    exchange(stage, "--events", length / 3)
}

fn exchange(stage: &mut Stage<'_>, style: &str, length: Duration) -> Result<(), Error> {
    let count = stage.connections();
    let (server, port) = stage.serve(style, &Confinement::None)?;
    if style.is_empty() {
        // Those who only come and go have no numbered messages.
        stage.warm_up(port)?;
    } else {
        stage.settle("events")?;
    }
    let base = stage.base(server);
    let before = stage.fact(server, "received");
    let honest = Honest::alone(stage, port)?;

    let client = stage.client(
        port,
        &format!("active --connections {count} --rate {RATE} --deflate-every 16"),
    )?;
    opened(stage, client, count)?;
    honest.beside(stage);
    stage.watch("messages", length / 2)?;
    let half = stage.status(server).resident;
    stage.watch("messages", length / 2)?;
    let growth = stage.status(server).resident as f64 - half as f64;
    honest.judge(stage, "beside active ones", FAIR)?;
    stage.end(client)?;
    stage.settle("closed")?;

    let sent = stage.fact(client, "sent");
    stage.check("messages exchanged", sent as f64, "", Limit::Least(1.0));
    stage.count(
        "messages received by the server",
        stage.fact(server, "received") - before,
        sent + honest.sent(stage),
    );
    stage.count("echoes received", stage.fact(client, "received"), sent);
    stage.check_books("server", server);
    stage.check_books("clients", client);
    stage.count("closed in order", stage.fact(client, "ended_clean"), count);
    let each = growth / count as f64;
    stage.tell("growth of each connection, second half", each, " B");
    stage.count("echoes refused", stage.fact(server, "refused"), 0);
    stage.tell(
        "burst to its last echo, p50",
        stage.ms(client, "echo_all_p50"),
        " ms",
    );
    stage.tell(
        "burst to its last echo, p99",
        stage.ms(client, "echo_all_p99"),
        " ms",
    );
    stage.check_base(server, base)?;
    stage.end(server)
}
