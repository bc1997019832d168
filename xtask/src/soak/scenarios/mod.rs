//! The scenarios, one module each.

pub(crate) mod active;
mod beside;
pub(crate) mod bombs;
pub(crate) mod bursts;
pub(crate) mod descriptors;
pub(crate) mod event_memory;
pub(crate) mod floods;
pub(crate) mod greedy;
pub(crate) mod idle;
pub(crate) mod lossy;
pub(crate) mod many_bombs;
pub(crate) mod memory;
pub(crate) mod message_floods;
pub(crate) mod resets;
pub(crate) mod restart;
pub(crate) mod rooms;
pub(crate) mod slow;
pub(crate) mod stopped;
pub(crate) mod storm;

use std::time::Duration;

use crate::error::Error;
use crate::soak::stage::{Id, Stage};

/// Time to open all connections, however many.
const OPENING: Duration = Duration::from_secs(180);

/// Waits until all of a client's connections are open, and judges that they are.
fn opened(stage: &mut Stage<'_>, client: Id, count: u64) -> Result<(), Error> {
    stage.until("opening", OPENING, |stage| {
        stage.fact(client, "opened") + stage.fact(client, "failed") >= count
    })?;
    stage.count("connections opened", stage.fact(client, "opened"), count);
    Ok(())
}
