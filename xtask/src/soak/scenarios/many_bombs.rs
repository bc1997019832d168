//! S13: honest clients beside many that send, again and again, a message of 1 KiB that becomes 1 MiB.

use std::time::{Duration, Instant};

use crate::error::Error;
use crate::soak::scenarios::beside::{self, Attack, Attacked, CROWDED};
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

/// What a message becomes.
const SIZE: u64 = 1 << 20;

/// How long the server may still be busy with messages of clients that are gone, and how long that
/// is watched.
const WORKED_OFF: Duration = Duration::from_secs(2);
const WATCHED: Duration = Duration::from_secs(10);

/// How often it is looked at, and the share of a processor below which the server is not busy.
const LOOK: Duration = Duration::from_millis(250);
const IDLE: f64 = 0.2;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let attackers = stage.connections() / 5;
    let attack = Attack {
        what: format!("{attackers} attackers"),
        server: "",
        clients: "--parallel 256",
        attack: &format!("bombs --size {SIZE} --reset"),
        attackers,
        waits: CROWDED,
        length: stage.length(15),
    };
    let attacked = beside::play(stage, &attack)?;
    judge_end(stage, &attacked)?;
    beside::stop(stage, &attacked);
    Ok(())
}

/// Ends the attackers, and judges how long the server works for them.
fn judge_end(stage: &mut Stage<'_>, attacked: &Attacked) -> Result<(), Error> {
    let server = attacked.server;
    // By resets: of a client that only ends its side, the server must first read all it has sent.
    stage.kill(attacked.attack);
    let received = stage.fact(server, "received");
    let ended = Instant::now();
    let (mut idle, mut let_go) = (None, None);
    while ended.elapsed() < WATCHED && (idle.is_none() || let_go.is_none()) {
        let (before, began) = (stage.status(server).cpu, Instant::now());
        stage.watch("the attackers are gone", LOOK)?;
        let busy = (stage.status(server).cpu - before).as_secs_f64();
        if busy / began.elapsed().as_secs_f64() < IDLE {
            idle = idle.or(Some(ended.elapsed()));
        }
        if stage.fact(server, "connections") == 0 {
            let_go = let_go.or(Some(ended.elapsed()));
        }
    }
    let left = stage.fact(server, "connections") as f64;
    stage.tell("connections of attackers that are gone", left, "");
    let after = stage.fact(server, "received") - received;
    stage.tell("their messages received after their end", after as f64, "");
    // A look and a line of the server may come so much later.
    let most = WORKED_OFF + LOOK + Duration::from_millis(500);
    for (what, when) in [
        ("is busy with them", idle),
        ("has their connections", let_go),
    ] {
        let when = when.map_or(f64::NAN, |when| when.as_secs_f64());
        let most = Limit::Most(most.as_secs_f64());
        stage.check(format!("how long the server {what}"), when, " s", most);
    }
    Ok(())
}
