use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use socket_flow_protocol::{Budget, Config, Deflate, NEVER, Negotiated, Role};

use crate::ledger::Ledger;
use crate::seeds::{Random, pick};
use crate::simulation::actors::Shared;
use crate::simulation::clock::Clock;
use crate::simulation::inbox::Stream;
use crate::simulation::link::{Link, SharedLink};
use crate::simulation::memory;
use crate::simulation::shell::Shell;

/// Everything that is decided before a run begins.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) mood: Mood,
    pub(super) clock: Clock,
    pub(super) is_compressed: bool,
    /// What the server's connections draw from, the hostile ones too; the client's
    /// where it is little.
    pub(super) budget: Option<Budget>,
    /// The client and the server.
    pub(super) shells: [Shared; 2],
    /// From the client to the server, and back.
    pub(super) links: [SharedLink; 2],
    /// Draws who is next, of those who can do something.
    pub(super) random: Random,
}

/// How rough a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Nobody closes before everything has arrived, and nothing else wakes
    /// anybody; there is no fault.
    Patient,
    /// There is no fault: both ends must close cleanly.
    Calm,
    Rough,
}

impl Plan {
    pub(super) fn of(seed: u64) -> Self {
        let random = &mut Random::with_seed(seed);
        let calm = pick(random, [Mood::Patient, Mood::Calm]);
        let mood = pick(random, [calm, Mood::Rough, Mood::Rough]);
        let clock = Clock::new(Duration::from_secs(pick(random, [0, 1, 1_000_000])));
        let capacity = pick(random, [50, 700, 5_000, 70_000]);
        let links = [(); 2].map(|()| Link::new(random, &clock, capacity, mood));
        let negotiated = negotiated(random);
        let budget = memory::budget(seed, random, mood);
        let published = Ledger::new(random.u64(..), capacity.min(8_000)).stream(3);
        let streams = [(); 2].map(|()| {
            let ledger = Ledger::new(random.u64(..), (capacity * 20).min(80_000));
            let [first, second, third] = [0, 1, 2].map(|index| ledger.stream(index));
            [first, second, third, published].map(Stream::new)
        });
        // Two that both wait for room before they read would wait for each other; so
        // would one whose peer waits for the memory of what it holds.
        let holder = random.usize(..2);
        let may_hold = mood == Mood::Rough || !memory::is_little(seed);
        let shells = [(Role::Client, 0, 1), (Role::Server, 1, 0)].map(|(role, own, other)| {
            let mut config = config(random, mood, &negotiated);
            let draws = |_: &&Budget| role == Role::Server || memory::is_little(seed);
            if let Some(budget) = budget.as_ref().filter(draws) {
                config = config.budget(budget.clone());
            }
            let mut shell = Shell::new(
                role,
                config,
                &negotiated,
                random.fork(),
                [&links[other], &links[own]].map(Rc::clone),
                [&streams[own], &streams[other]].map(Clone::clone),
                &clock,
            );
            shell.holds = may_hold && own == holder && !shell.is_split;
            Rc::new(RefCell::new(shell))
        });
        Self {
            mood,
            clock,
            is_compressed: negotiated.deflate().is_some(),
            budget,
            shells,
            links,
            random: random.fork(),
        }
    }
}

fn config(random: &mut Random, mood: Mood, negotiated: &Negotiated) -> Config {
    // Without a fault nothing may expire, however slow the link.
    let (least, most) = match mood {
        Mood::Rough => (20, 30_000),
        _ => (10_000, 60_000),
    };
    let mut time = |least| Duration::from_millis(random.u64(least..=most));
    let [close, pong, stall] = [(); 3].map(|()| time(least));
    let (ping_interval, idle) = (time(20), time(20));
    // Small messages are compressed too, so that many are.
    let deflate = match negotiated.deflate() {
        Some(params) if params.server_max_window_bits < 15 => Deflate::smallest_memory(),
        _ => Deflate::balanced(),
    };
    let config = Config::new()
        .fragment(pick(random, [usize::MAX, usize::MAX, 1, 125, 1_000]))
        .high_water(pick(random, [0, 300, 65_536, 65_536]))
        .max_pongs(pick(random, [1, 3, 16]))
        .close_timeout(close)
        .pong_timeout(pong)
        .stall_timeout(stall)
        .deflate(deflate.threshold(THRESHOLD));
    let config = match random.usize(..3) {
        0 => config.ping_interval(NEVER),
        1 => config.ping_interval(ping_interval),
        _ => config,
    };
    let (idle, longest) = (pick(random, [idle, NEVER, NEVER]), random.usize(..8));
    match (mood, longest) {
        (Mood::Patient, _) => config.ping_interval(NEVER),
        (Mood::Calm, _) => config,
        (Mood::Rough, 0) => {
            let longest = pick(random, [0, 100, 5_000]);
            config.idle_timeout(idle).max_message(longest)
        }
        (Mood::Rough, _) => config.idle_timeout(idle),
    }
}

fn negotiated(random: &mut Random) -> Negotiated {
    let memory = Deflate::smallest_memory();
    let kept = memory.clone().client_no_context_takeover(false);
    let all = [Deflate::balanced(), memory, kept];
    let deflate = all.get(random.usize(..8));
    deflate.map_or(Negotiated::default(), compressing)
}

/// That messages may be compressed.
#[cfg_attr(not(feature = "deflate"), expect(unused_variables))]
pub(super) fn compressing(deflate: &Deflate) -> Negotiated {
    let negotiated = Negotiated::default();
    #[cfg(feature = "deflate")]
    let negotiated = negotiated.with_deflate(deflate.params());
    negotiated
}

/// From so many bytes on a message is compressed.
pub(super) const THRESHOLD: usize = 20;
