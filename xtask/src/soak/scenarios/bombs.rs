//! S12: honest clients beside a few that send, again and again, the message that takes the server
//! longest: 16 KiB that become 16 MiB.

use crate::error::Error;
use crate::soak::scenarios::beside::{self, Attack, Waits};
use crate::soak::stage::Stage;

const WAITS: Waits = &[("p50", 5.0), ("p99", 30.0), ("max", 150.0)];

/// A message has as many bytes as the server takes, less one.
const SIZE: u64 = (16 << 20) - 1;

/// The server's threads, and how many clients attack it.
const ATTACKS: [(u32, u64); 4] = [(2, 2), (2, 3), (2, 4), (1, 1)];

/// Both ways to write a server.
const STYLES: [(&str, &str); 2] = [("handler", ""), ("events", "--events")];

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let runs = ATTACKS.len() * STYLES.len() + 1;
    let length = stage.length(27) / runs as u32;
    let attack = format!("bombs --size {SIZE}");
    let attack = |what: String, attackers| Attack {
        what,
        server: "",
        clients: "",
        attack: &attack,
        attackers,
        waits: WAITS,
        length,
    };
    for (style, argument) in STYLES {
        for (workers, attackers) in ATTACKS {
            let server = format!("{argument} --workers {workers}");
            let attack = Attack {
                server: &server,
                ..attack(format!("{style}, {attackers} on {workers}"), attackers)
            };
            let attacked = beside::play(stage, &attack)?;
            beside::stop(stage, &attacked);
        }
    }
    let tls = stage.tls()?;
    let attack = Attack {
        server: &tls,
        clients: &tls,
        ..attack("handler, TLS, 2 on 2".into(), 2)
    };
    let attacked = beside::play(stage, &attack)?;
    beside::stop(stage, &attacked);
    Ok(())
}
