//! S17, S18 and S20: connections that each ask for the most memory they can, on a server with a budget. Honest
//! clients and newcomers do not feel them, and the budget holds.

use std::time::Duration;

use crate::error::Error;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::OPENING;
use crate::soak::scenarios::beside::{
    COMPRESSED, CROWDED, Honest, LARGE, MANY, MEDIUM, QUIET, Waits,
};
use crate::soak::stage::{Id, Stage};
use crate::soak::verdict::Limit;

/// What the server's connections share, in bytes.
const BUDGET: u64 = 64 << 20;

/// What a connection costs besides, and a server with its threads.
const EACH: u64 = 1_700;
const SERVER: u64 = 16 << 20;

/// How much of what is asked for allocators may add.
const RESIDENT: f64 = 1.5;

/// The ways to ask for memory, as many connections each: messages of 1 MiB in 1 KiB, echoes that are not
/// read, 63 KiB of a frame of 16 MiB, heads without their end, messages for a handler that sleeps.
const KINDS: &str = "bombs,unread,half,head,elsewhere";

/// The same for a server that tells its application in events: there is no handler that sleeps.
const KINDS_OF_EVENTS: &str = "bombs,unread,half,head";

/// How long honest clients may wait.
const WAITS: Waits = &[("p99", 100.0)];

/// How long they may where events are told: an echo takes three turns of the runtime in place of one, the
/// connection's, the application's and the connection's again.
const WAITS_OF_EVENTS: Waits = &[("p99", 300.0)];

/// How long they may whose messages need a little more memory than their share.
const WAITS_FOR_LITTLE: Waits = &[("p99", 1_000.0)];

/// How long they may whose messages need some more: it is their turn within the time that a message waits
/// for memory. Whoever needs as much as the greedy ones waits as they do, and is let go as they are.
const WAITS_FOR_MEMORY: Waits = &[("p99", 5_000.0)];

/// How much memory the server may have beside many bombs, in MiB.
const BOMBS_RESIDENT: f64 = 160.0;

/// How long a newcomer's handshake may take, in milliseconds.
const HANDSHAKE: f64 = 1_000.0;

/// The share of the connections that are there at once: those that were let go come again, a moment later.
const AT_ONCE: f64 = 0.9;

/// S17: all kinds.
pub(crate) fn play_all(stage: &mut Stage<'_>) -> Result<(), Error> {
    play_many(stage, "", KINDS, WAITS)
}

/// S20: a server that tells its application in events.
pub(crate) fn play_events(stage: &mut Stage<'_>) -> Result<(), Error> {
    play_many(stage, "--events", KINDS_OF_EVENTS, WAITS_OF_EVENTS)
}

fn play_many(stage: &mut Stage<'_>, server: &str, kinds: &str, waits: Waits) -> Result<(), Error> {
    let count = stage.connections();
    let server = play(stage, server, kinds, count, waits)?;
    let most = mib((BUDGET + count * EACH + SERVER) as f64);
    let asked = mib(stage.fact(server, "heap_peak") as f64);
    let limit = Limit::Most(most);
    stage.check("asked of the allocator", asked, " MiB", limit);
    judge_resident(stage, server, RESIDENT * most);
    stage.kill(server);
    Ok(())
}

/// S18: bombs alone, of 2,000 clients where 10,000 are many.
pub(crate) fn play_bombs(stage: &mut Stage<'_>) -> Result<(), Error> {
    let count = stage.connections() / 5;
    let server = play(stage, "", "bombs", count, CROWDED)?;
    tell_asked(stage, server);
    judge_resident(stage, server, BOMBS_RESIDENT);
    stage.kill(server);
    Ok(())
}

/// Plays some kinds, and judges how others fare beside them.
fn play(
    stage: &mut Stage<'_>,
    server: &str,
    kinds: &str,
    count: u64,
    waits: Waits,
) -> Result<Id, Error> {
    let server = format!("--budget {BUDGET} --no-contexts {server}");
    let (server, port) = stage.serve(&server, &Confinement::None)?;
    stage.warm_up(port)?;
    let mut honest = Vec::new();
    for (kind, waits) in [
        (MANY, waits),
        (MEDIUM, WAITS_FOR_LITTLE),
        (COMPRESSED, WAITS_FOR_MEMORY),
    ] {
        let of_kind = Honest::of(stage, port, &kind)?;
        honest.push((of_kind, kind, waits));
    }
    let large = Honest::of(stage, port, &LARGE)?;
    stage.watch("alone", QUIET)?;
    let attack = format!("greedy --kinds {kinds} --connections {count} --parallel 256");
    // What kernels take for those who do not read is no memory of the server.
    let attack = stage.attack_yielding(port, &format!("{attack} --buffer 65536"))?;
    for (honest, ..) in &honest {
        honest.beside(stage);
    }
    large.beside(stage);
    let enough = (count as f64 * AT_ONCE).floor();
    stage.until("greedy ones come", OPENING, |stage| {
        stage.fact(attack, "open") as f64 >= enough
    })?;
    let newcomers = stage.client(port, "good --rate 20")?;
    let length = stage.length(60).max(Duration::from_secs(5));
    let mut at_once = 0;
    for _ in 0..PARTS {
        stage.watch("beside them", length / PARTS)?;
        at_once = at_once.max(stage.fact(attack, "open"));
    }
    stage.end(newcomers)?;
    for (honest, kind, waits) in honest {
        honest.judge(stage, kind.what, waits)?;
    }
    large.tell(stage, LARGE.what)?;
    judge_newcomers(stage, newcomers);
    let least = Limit::Least(enough);
    stage.check("greedy connections at once", at_once as f64, "", least);
    let sent = stage.fact(attack, "sent") as f64;
    stage.check("what they sent", sent, "", Limit::Least(enough));
    for (what, id, fact) in [
        ("how often one had to come again", attack, "ended"),
        ("closed for want of memory", server, "budget_closed"),
        ("handshakes refused for it", server, "budget_refused"),
        ("opened with less compression", server, "budget_reduced"),
    ] {
        stage.tell(what, stage.fact(id, fact) as f64, "");
    }
    stage.kill(attack);
    Ok(server)
}

/// How often the connections are counted.
const PARTS: u32 = 10;

fn judge_newcomers(stage: &mut Stage<'_>, newcomers: Id) {
    let handshake = |which: &str| format!("handshake_all_{which}");
    for which in ["p50", "p99"] {
        let ms = stage.ms(newcomers, &handshake(which));
        stage.tell(format!("a newcomer's handshake, {which}"), ms, " ms");
    }
    let longest = match stage.fact(newcomers, &handshake("count")) {
        0 => f64::NAN,
        _ => stage.ms(newcomers, &handshake("max")),
    };
    let most = Limit::Most(HANDSHAKE);
    stage.check("a newcomer's handshake, longest", longest, " ms", most);
    let failed = stage.fact(newcomers, "failed");
    stage.count("newcomers turned away", failed, 0);
}

/// Tells the most that a server ever asked of its allocator.
pub(super) fn tell_asked(stage: &mut Stage<'_>, server: Id) {
    let asked = mib(stage.fact(server, "heap_peak") as f64);
    stage.tell("asked of the allocator", asked, " MiB");
}

/// Judges the most memory that a server ever had, in MiB.
pub(super) fn judge_resident(stage: &mut Stage<'_>, server: Id, most: f64) {
    let peak = mib(stage.status(server).peak as f64);
    stage.check("resident at most", peak, " MiB", Limit::Most(most));
}

/// Bytes as mebibytes.
fn mib(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}
