//! S14: honest clients beside others that send what is empty, as much of it as the server takes.

use crate::error::Error;
use crate::soak::scenarios::beside::{self, Attack, Waits};
use crate::soak::stage::Stage;

const WAITS: Waits = &[("p99", 30.0)];

/// What is sent: messages, or fragments of one message that never ends.
const FLOODS: [&str; 2] = ["texts", "continuations"];

/// How many clients send it.
const ATTACKERS: [u64; 2] = [2, 16];

/// Both ways to write a server.
const STYLES: [(&str, &str); 2] = [("handler", ""), ("events", "--events")];

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let runs = FLOODS.len() * ATTACKERS.len() * STYLES.len();
    let length = stage.length(28) / runs as u32;
    for (style, server) in STYLES {
        for attack in FLOODS {
            for attackers in ATTACKERS {
                let attack = Attack {
                    what: format!("{style}, {attackers} with {attack}"),
                    server,
                    clients: "",
                    attack,
                    attackers,
                    waits: WAITS,
                    length,
                };
                let attacked = beside::play(stage, &attack)?;
                beside::stop(stage, &attacked);
            }
        }
    }
    Ok(())
}
