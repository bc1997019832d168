//! S9: all connections close at once: begun by the clients, by the server, and by both.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{CROWDED, HONEST, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// Time for all closing handshakes: twice as long as one may take.
const CLOSING: Duration = Duration::from_secs(10);

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let count = stage.connections();
    let hold = format!("hold --connections {count}");

    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let before = stage.fact(server, "ended_clean");
    let honest = Honest::alone(stage, port)?;
    let client = stage.client(port, &hold)?;
    opened(stage, client, count)?;
    stage.settle("open")?;
    honest.beside(stage);
    stage.signal(client, Signal::Next);
    let gone = stage.until("clients close", CLOSING, |stage| {
        stage.fact(server, "connections") == HONEST && stage.fact(client, "done") > 0
    })?;
    judge(stage, "clients close", gone);
    stage.count(
        "clients close: in order, clients",
        stage.fact(client, "ended_clean"),
        count,
    );
    let server_clean = stage.fact(server, "ended_clean") - before;
    stage.count("clients close: in order, server", server_clean, count);
    honest.judge(stage, "clients close", CROWDED)?;
    stage.check_base(server, base)?;

    let client = stage.client(port, &hold)?;
    opened(stage, client, count)?;
    stage.settle("open")?;
    stage.signal(server, Signal::End);
    let gone = stage.until("the server closes", CLOSING, |stage| {
        stage.fact(server, "done") + stage.fact(client, "done") == 2
    })?;
    judge(stage, "server closes", gone);
    stage.count(
        "server closes: with 1001",
        stage.fact(client, "ended_1001"),
        count,
    );
    stage.count(
        "server closes: in order, clients",
        stage.fact(client, "ended_clean"),
        count,
    );
    stage.count("server closes: dropped", stage.fact(server, "dropped"), 0);
    stage.count(
        "server closes: tasks left",
        stage.fact(server, "tasks"),
        base.tasks - 1,
    );

    let (server, port) = stage.serve("--events", &Confinement::None)?;
    let client = stage.client(port, &hold)?;
    opened(stage, client, count)?;
    stage.settle("open")?;
    stage.signal(server, Signal::End);
    stage.signal(client, Signal::Next);
    let gone = stage.until("both close", CLOSING, |stage| {
        stage.fact(server, "done") + stage.fact(client, "done") == 2
    })?;
    judge(stage, "both close", gone);
    stage.count(
        "both close: in order, clients",
        stage.fact(client, "ended_clean"),
        count,
    );
    stage.count(
        "both close: in order, server",
        stage.fact(server, "ended_clean"),
        count,
    );
    stage.count("both close: dropped", stage.fact(server, "dropped"), 0);
    Ok(())
}

fn judge(stage: &mut Stage<'_>, what: &str, gone: Option<Duration>) {
    let took = gone.map_or(f64::NAN, |gone| gone.as_secs_f64());
    let most = Limit::Most(CLOSING.as_secs_f64());
    stage.check(format!("{what}: all closed after"), took, " s", most);
}
