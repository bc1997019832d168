//! S4: connections that break off with a reset at any byte, beside others that do not.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::scenarios::opened;
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// Resets in a second.
const RATE: u64 = 500;

/// Clients that behave.
const GOOD: u64 = 100;

/// What all resets together may leave behind, in bytes.
const GROWTH: f64 = (1 << 20) as f64;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let (server, port) = stage.serve("", &Confinement::None)?;
    stage.warm_up(port)?;
    let base = stage.base(server);
    let good = stage.client(port, &format!("active --connections {GOOD} --rate 2000"))?;
    opened(stage, good, GOOD)?;
    let honest = Honest::alone(stage, port)?;
    honest.beside(stage);
    let attack = stage.attack(port, &format!("reset --rate {RATE}"))?;
    let length = stage.length(60);
    // The first of them make what later ones use again.
    stage.watch("resets", length / 3)?;
    let resident = stage.status(server).resident;
    stage.watch("resets", length * 2 / 3)?;
    stage.end(attack)?;
    honest.judge(stage, "beside the resets", FAIR)?;
    stage.until("behind the resets", Duration::from_secs(15), |stage| {
        stage.fact(server, "connections") <= GOOD
    })?;
    let growth = stage.status(server).resident as f64 - resident as f64;
    stage.check("memory behind it", growth, " B", Limit::Most(GROWTH));
    stage.end(good)?;
    stage.check_books("server", server);
    stage.check_books("clients", good);
    stage.count(
        "good clients closed in order",
        stage.fact(good, "ended_clean"),
        GOOD,
    );
    let resets = ["in_handshake", "in_frames"].map(|part| stage.fact(attack, part));
    stage.tell("resets in a handshake", resets[0] as f64, "");
    stage.check("resets behind it", resets[1] as f64, "", Limit::Least(1.0));
    stage.tell(
        "of these with answers unread",
        stage.fact(attack, "unread") as f64,
        "",
    );
    stage.count(
        "sessions the server refused",
        stage.fact(attack, "failed"),
        0,
    );
    stage.check_base(server, base)
}
