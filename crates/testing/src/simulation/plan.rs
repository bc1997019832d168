use std::time::Duration;

use socket_flow_protocol::{Config, NEVER, Negotiated};

use crate::ledger::Ledger;
use crate::random::Random;
use crate::simulation::link::{Fate, Link};
use crate::simulation::script::{Script, script};

/// Everything that is decided before a run begins.
#[derive(Debug)]
pub(super) struct Plan {
    /// The clock when it begins.
    pub(super) start: Duration,
    /// Whether there is no fault: both ends must close cleanly.
    pub(super) is_calm: bool,
    pub(super) negotiated: Negotiated,
    /// Of the client and of the server.
    pub(super) config: [Config; 2],
    pub(super) scripts: [Script; 2],
    pub(super) ledgers: [Ledger; 2],
    /// Of what each draws while it runs.
    pub(super) seeds: [u64; 2],
    /// From the client to the server, and back.
    pub(super) links: [Link; 2],
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let is_calm = random.one_in(3);
        let start = Duration::from_secs(random.pick(&[0, 1, 1_000_000]));
        let capacity = random.pick(&[50, 700, 5_000, 70_000]);
        let longest = (capacity * 20).min(80_000);
        let negotiated = negotiated(random);
        let config = [config(random, is_calm), config(random, is_calm)];
        Self {
            start,
            is_calm,
            config: config.map(|config| with_deflate(config, &negotiated)),
            negotiated,
            scripts: [
                script(random, start, is_calm),
                script(random, start, is_calm),
            ],
            ledgers: [
                Ledger::new(random.bits(), longest),
                Ledger::new(random.bits(), longest),
            ],
            seeds: [random.bits(), random.bits()],
            links: [
                link(random, start, capacity, is_calm),
                link(random, start, capacity, is_calm),
            ],
        }
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.negotiated.deflate().is_some()
    }
}

fn config(random: &mut Random, is_calm: bool) -> Config {
    let seconds = |random: &mut Random, least| {
        let most = if is_calm { 60 } else { 30 };
        Duration::from_millis(random.between(least, most * 1000) as u64)
    };
    // Without a fault nothing may expire, however slow the link.
    let least = if is_calm { 10_000 } else { 20 };
    let config = Config::new()
        .fragment(random.pick(&[usize::MAX, usize::MAX, 1, 125, 1_000]))
        .high_water(random.pick(&[0, 300, 65_536, 65_536]))
        .max_pongs(random.pick(&[1, 3, 16]))
        .close_timeout(seconds(random, least))
        .pong_timeout(seconds(random, least))
        .stall_timeout(seconds(random, least));
    let config = match random.below(3) {
        0 => config.ping_interval(NEVER),
        1 => config.ping_interval(seconds(random, 20)),
        _ => config,
    };
    if is_calm {
        return config;
    }
    let config = match random.below(3) {
        0 => config.idle_timeout(seconds(random, 20)),
        _ => config,
    };
    match random.below(8) {
        0 => config.max_message(random.pick(&[0, 100, 5_000])),
        _ => config,
    }
}

#[cfg(feature = "deflate")]
fn negotiated(random: &mut Random) -> Negotiated {
    use socket_flow_protocol::Deflate;

    let deflate = match random.below(8) {
        0 => Deflate::balanced(),
        1 => Deflate::smallest_memory(),
        2 => Deflate::smallest_memory().client_no_context_takeover(false),
        _ => return Negotiated::default(),
    };
    Negotiated::default().with_deflate(deflate.params())
}

#[cfg(not(feature = "deflate"))]
fn negotiated(_: &mut Random) -> Negotiated {
    Negotiated::default()
}

/// Small messages are compressed too, so that many are.
fn with_deflate(config: Config, negotiated: &Negotiated) -> Config {
    use socket_flow_protocol::Deflate;

    match negotiated.deflate() {
        Some(params) if params.server_max_window_bits < 15 => {
            config.deflate(Deflate::smallest_memory().threshold(20))
        }
        _ => config.deflate(Deflate::balanced().threshold(20)),
    }
}

fn link(random: &mut Random, start: Duration, capacity: usize, is_calm: bool) -> Link {
    let longest = if is_calm { 2_000 } else { 300_000 };
    let delay = Duration::from_micros(random.pick(&[0, 500, longest]));
    let mut link = Link::new(random.bits(), capacity, delay);
    if is_calm {
        return link;
    }
    let mut from = start;
    for _ in 0..random.below(3) {
        from += Duration::from_micros(random.below(20_000_000) as u64);
        let until = from + Duration::from_micros(random.below(60_000_000) as u64);
        link = link.stalling(from, until);
        from = until;
    }
    if random.one_in(2) {
        let after = match random.below(3) {
            0 => random.below(10),
            1 => random.below(300),
            _ => random.below(30_000),
        };
        let fate = random.pick(&[Fate::HalfClose, Fate::Reset, Fate::Partition]);
        link = link.fated(after as u64, fate);
    }
    link
}
