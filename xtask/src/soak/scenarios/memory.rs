//! S10: the floods of S6 on a server that has little memory.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::memory::MemoryGroup;
use crate::soak::scenarios::beside::{FAIR, Honest};
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// What the server's process may have.
const CAP: u64 = 32 << 20;

/// What the server itself may have of it.
const RESIDENT: f64 = (16 << 20) as f64;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let group = match MemoryGroup::make(CAP) {
        Ok(group) => group,
        Err(why) => {
            stage.skip(format!("no memory group can be made here: {why}"));
            return Ok(());
        }
    };
    let (server, port) = stage.serve("", &group.confinement())?;
    stage.warm_up(port)?;
    let honest = Honest::alone(stage, port)?;
    honest.beside(stage);
    let declared = stage.connections() / 10;
    let declare = stage.attack(port, &format!("declare --connections {declared} --mib 15"))?;
    let flood = stage.attack_yielding(port, "flood --connections 100 --mib 8")?;
    stage.until("floods", Duration::from_secs(120), |stage| {
        stage.fact(flood, "flooded") + stage.fact(flood, "failed") >= 100
            && stage.fact(declare, "open") + stage.fact(declare, "failed") >= declared
    })?;
    stage.signal(declare, crate::soak::actor::Signal::Next);
    let good = stage.client(port, "good --rate 50")?;
    stage.watch("good ones beside them", Duration::from_secs(10))?;
    stage.end(good)?;
    honest.judge(stage, "beside all of it", FAIR)?;
    let status = stage.status(server);
    stage.check(
        "server's memory at most",
        status.peak as f64,
        " B",
        Limit::Most(RESIDENT),
    );
    if let Some(peak) = group.peak() {
        stage.tell("the group's, with the kernel's", peak as f64, " B");
    }
    stage.count("killed for want of memory", group.killed().unwrap_or(0), 0);
    stage.count("connections flooded", stage.fact(flood, "flooded"), 100);
    stage.count(
        "connections that declared",
        stage.fact(declare, "declared"),
        declared,
    );
    stage.check(
        "good clients served",
        stage.fact(good, "served") as f64,
        "",
        Limit::Least(20.0),
    );
    stage.count("good clients turned away", stage.fact(good, "failed"), 0);
    stage.end(declare)?;
    stage.kill(flood);
    stage.end(server)
}
