//! What is played, by name.

use crate::error::Error;
use crate::soak::scenarios::{
    active, bombs, bursts, descriptors, event_memory, floods, greedy, idle, lossy, many_bombs,
    memory, message_floods, resets, restart, rooms, slow, stopped, storm,
};
use crate::soak::stage::Stage;

/// A scenario.
#[derive(Debug)]
pub(crate) struct Scenario {
    /// Its name on the command line.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) play: fn(&mut Stage<'_>) -> Result<(), Error>,
}

/// All of them, in order.
pub(crate) static ALL: [Scenario; 20] = [
    Scenario::new("S1", "idle connections, kept alive", idle::play),
    Scenario::new("S2", "active connections, books kept", active::play),
    Scenario::new("S3", "readers that stop and go on", stopped::play),
    Scenario::new("S4", "resets at any byte", resets::play),
    Scenario::new("S5", "slow clients, good ones beside them", slow::play),
    Scenario::new("S6", "ping floods, declared messages", floods::play),
    Scenario::new("S7", "lossy, dead and long links", lossy::play),
    Scenario::new("S8", "out of file descriptors", descriptors::play),
    Scenario::new("S9", "everybody closes at once", storm::play),
    Scenario::new("S10", "floods under a memory cap", memory::play),
    Scenario::new("S11", "a server killed and started again", restart::play),
    Scenario::new("S12", "compressed bombs from a few clients", bombs::play),
    Scenario::new(
        "S13",
        "compressed bombs from many clients",
        many_bombs::play,
    ),
    Scenario::new("S14", "floods of empty messages", message_floods::play),
    Scenario::new("S15", "rooms with slow members", rooms::play),
    Scenario::new("S16", "bursts to clients that read", bursts::play),
    Scenario::new(
        "S17",
        "a budget of memory, and greedy clients",
        greedy::play_all,
    ),
    Scenario::new("S18", "a budget, and many bombs", greedy::play_bombs),
    Scenario::new("S19", "bombs told in events", event_memory::play),
    Scenario::new("S20", "a budget, and events", greedy::play_events),
];

impl Scenario {
    const fn new(
        name: &'static str,
        title: &'static str,
        play: fn(&mut Stage<'_>) -> Result<(), Error>,
    ) -> Self {
        Self { name, title, play }
    }

    /// The scenario of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        ALL.iter().find(|it| it.name.eq_ignore_ascii_case(name))
    }
}
