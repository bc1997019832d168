//! S15: members of a room that read, beside one that hardly does and one whose handler sleeps.

use std::time::Duration;

use crate::error::Error;
use crate::soak::actor::Signal;
use crate::soak::confinement::Confinement;
use crate::soak::scenarios::beside::{self, Waits};
use crate::soak::stage::Stage;
use crate::soak::verdict::Limit;

const WAITS: Waits = &[("p99", 30.0)];

/// Members that read, messages a second and their size.
const MEMBERS: u64 = 20;
const RATE: u64 = 100;
const SIZE: u64 = 1 << 10;

/// What the system may keep of a connection in each direction: what a slow member is sent must get
/// to the server's own queues within a second.
const BUFFER: u64 = 8 << 10;

/// How many bytes a slow member must be behind, that it was slow: more than the queues of its
/// connection, twice 64 KiB, and the system's take.
const BEHIND: f64 = (256 << 10) as f64;

/// How long members are measured alone.
const QUIET: Duration = Duration::from_millis(1_500);

/// What is done with slow members; with `wait` all are held up, as it says.
const POLICIES: [&str; 3] = ["close", "drop-newest", "drop-oldest"];

/// Who is slow, and how.
const SLOW: [(&str, &str); 2] = [
    ("one that reads a byte a second", "sip --path /room/a"),
    ("one whose handler sleeps", "hog --path /asleep/a"),
];

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let length = stage.length(30) / (POLICIES.len() * SLOW.len()) as u32;
    for policy in POLICIES {
        for (slow, attack) in SLOW {
            let what = format!("{policy}, {slow}");
            beside_slow(stage, &what, policy, attack, length)?;
        }
    }
    Ok(())
}

fn beside_slow(
    stage: &mut Stage<'_>,
    what: &str,
    policy: &str,
    attack: &str,
    length: Duration,
) -> Result<(), Error> {
    let arguments = format!("--policy {policy} --buffer {BUFFER}");
    let (server, port) = stage.serve(&arguments, &Confinement::None)?;
    let arguments = format!(
        "members --connections {MEMBERS} --path /room/a --trigger /publisher/a --rate {RATE} \
         --size {SIZE}"
    );
    let members = stage.client(port, &arguments)?;
    beside::open(stage, members, MEMBERS)?;
    stage.watch("alone", QUIET)?;
    let slow = stage.attack(port, &format!("{attack} --buffer {BUFFER}"))?;
    beside::open(stage, slow, 1)?;
    let before = stage.fact(members, "sent");
    stage.signal(members, Signal::Next);
    stage.watch("beside a slow one", length)?;
    let behind = (stage.fact(members, "sent") - before) * SIZE - stage.fact(slow, "read");
    stage.end(members)?;

    beside::judge_waits(stage, what, members, WAITS);
    stage.count(
        format!("{what}: members that read"),
        stage.fact(members, "open"),
        MEMBERS,
    );
    stage.count(
        format!("{what}: members ended"),
        stage.fact(members, "ended") + stage.fact(members, "failed"),
        0,
    );
    stage.count(
        format!("{what}: messages that did not come"),
        stage.fact(members, "missing"),
        0,
    );
    stage.check_books(what, members);
    let sent = stage.fact(members, "sent");
    stage.count(
        format!("{what}: messages received"),
        stage.fact(members, "received"),
        sent * MEMBERS,
    );
    stage.check(
        format!("{what}: bytes the slow one is behind"),
        behind as f64,
        " B",
        Limit::Least(BEHIND),
    );
    for (fact, tell) in [
        ("rooms_dropped", "messages slow members missed"),
        ("rooms_closed", "slow members closed"),
    ] {
        stage.tell(
            format!("{what}: {tell}"),
            stage.fact(server, fact) as f64,
            "",
        );
    }
    stage.kill(slow);
    stage.kill(server);
    Ok(())
}
