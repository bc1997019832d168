use std::rc::Rc;
use std::time::Duration;

use socket_flow_protocol::{Config, NEVER, Negotiated, Role};

use crate::ledger::Ledger;
use crate::random::Random;
use crate::simulation::clock::Clock;
use crate::simulation::inbox::Stream;
use crate::simulation::link::{Fate, Link, SharedLink};
use crate::simulation::script::{Script, moments, script};

/// Everything that is decided before a run begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) clock: Clock,
    /// Whether there is no fault: both ends must close cleanly.
    pub(super) is_calm: bool,
    pub(super) negotiated: Negotiated,
    /// The client and the server.
    pub(super) ends: [EndPlan; 2],
    /// From the client to the server, and back.
    pub(super) links: [SharedLink; 2],
    /// When a message is published to both ends.
    pub(super) published: Vec<Duration>,
    /// Draws who is next, of those who can do something.
    pub(super) order: Random,
}

/// What is decided for one end.
#[derive(Debug)]
pub(super) struct EndPlan {
    pub(super) role: Role,
    pub(super) config: Config,
    pub(super) script: Script,
    /// Of the script, of the tasks that hand messages in, and what is
    /// published.
    pub(super) streams: [Rc<Stream>; 4],
    /// When each of these tasks hands messages in; `None` where nobody does.
    pub(super) senders: Option<[Vec<Duration>; 2]>,
    /// Whether its halves are in tasks of their own.
    pub(super) is_split: bool,
    pub(super) holds: bool,
    /// Of what it draws while it runs.
    pub(super) random: Random,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let is_calm = random.one_in(3);
        // Nobody closes before everything has arrived, and nothing else wakes.
        let is_patient = is_calm && random.one_in(2);
        let start = Duration::from_secs(random.pick(&[0, 1, 1_000_000]));
        let clock = Clock::new(start);
        let capacity = random.pick(&[50, 700, 5_000, 70_000]);
        let negotiated = negotiated(random);
        let published = Ledger::new(random.bits(), capacity.min(8_000)).stream(3);
        let ends = [Role::Client, Role::Server].map(|role| {
            let ledger = Ledger::new(random.bits(), (capacity * 20).min(80_000));
            let streams = [0, 1, 2].map(|index| Stream::new(ledger.stream(index)));
            let [script_stream, first, second] = streams;
            EndPlan {
                role,
                config: with_deflate(config(random, is_calm, is_patient), &negotiated),
                script: script(random, start, is_calm, is_patient),
                streams: [script_stream, first, second, Stream::new(published)],
                senders: random
                    .one_in(2)
                    .then(|| [(); 2].map(|()| moments(random, start))),
                is_split: random.one_in(2),
                holds: false,
                random: Random::new(random.bits()),
            }
        });
        let mut plan = Self {
            is_calm,
            negotiated,
            ends,
            links: [(); 2].map(|()| link(random, &clock, capacity, is_calm).share()),
            published: moments(random, start),
            order: Random::new(random.bits()),
            clock,
        };
        // Two that both wait for room before they read would wait for each other.
        let holder = &mut plan.ends[random.below(2)];
        holder.holds = !holder.is_split;
        plan
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.negotiated.deflate().is_some()
    }
}

fn config(random: &mut Random, is_calm: bool, is_patient: bool) -> Config {
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
        _ if is_patient => config.ping_interval(NEVER),
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

fn link(random: &mut Random, clock: &Clock, capacity: usize, is_calm: bool) -> Link {
    let longest = if is_calm { 2_000 } else { 300_000 };
    let delay = Duration::from_micros(random.pick(&[0, 500, longest]));
    let mut link = Link::new(clock.clone(), random.bits(), capacity, delay);
    link.ends_with_close = random.one_in(4);
    if is_calm {
        return link;
    }
    let mut from = clock.now();
    for _ in 0..random.below(3) {
        from += Duration::from_micros(random.below(20_000_000) as u64);
        let until = from + Duration::from_micros(random.below(60_000_000) as u64);
        link.stalls.push_back((from, until));
        from = until;
    }
    if random.one_in(2) {
        let after = match random.below(3) {
            0 => random.below(10),
            1 => random.below(300),
            _ => random.below(30_000),
        };
        let fate = random.pick(&[Fate::HalfClose, Fate::Reset, Fate::Partition]);
        link.fate = Some((after as u64, fate));
    }
    link
}
