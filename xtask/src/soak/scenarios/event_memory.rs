//! S19: the memory that a few clients take who send the largest messages, compressed, to a server that
//! tells its application in events, which it reads all the time. There is no budget.

use crate::error::Error;
use crate::soak::scenarios::beside::{self, Attack, FAIR};
use crate::soak::scenarios::greedy;
use crate::soak::stage::Stage;

/// A message has as many bytes as the server takes, less one.
const SIZE: u64 = (16 << 20) - 1;

/// How much memory the server may have, in MiB.
const RESIDENT: f64 = 128.0;

pub(crate) fn play(stage: &mut Stage<'_>) -> Result<(), Error> {
    let attack = Attack {
        what: "events, 2 on 2".into(),
        server: "--events",
        clients: "",
        attack: &format!("bombs --size {SIZE}"),
        attackers: 2,
        waits: FAIR,
        length: stage.length(10),
    };
    let attacked = beside::play(stage, &attack)?;
    greedy::tell_asked(stage, attacked.server);
    greedy::judge_resident(stage, attacked.server, RESIDENT);
    beside::stop(stage, &attacked);
    Ok(())
}
