use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use socket_flow_protocol::{Budget, NEVER, Purpose};

use crate::report::Report;
use crate::seeds::{Random, pick};
use crate::simulation::clock::Clock;
use crate::simulation::plan::Mood;

/// The budget of this seed's server, if it has one.
pub(super) fn budget(seed: u64, random: &mut Random, mood: Mood) -> Option<Budget> {
    let patience = match mood {
        Mood::Rough => Duration::from_millis(pick(random, [0, 100, 5_000])),
        // Nobody has to go: messages end by themselves, one after the other.
        _ => NEVER,
    };
    let little = pick(random, [0, 3_000, 10_000, 100_000, 400_000]);
    match seed % 6 {
        LITTLE => Some(Budget::with_patience(little, patience)),
        1 | 2 => Some(Budget::with_patience(PLENTY, patience)),
        _ => None,
    }
}

/// Whether the bytes of this seed's budget are so few that each one counts. Both ends
/// draw from such a one.
pub(super) fn is_little(seed: u64) -> bool {
    seed % 6 == LITTLE
}

/// Keeps the runs apart whose bytes count: to every budget of the process the buffers
/// of all its threads are charged.
pub(super) fn enter(seed: u64) -> Entered {
    match is_little(seed) {
        true => Entered::Alone(RUNS.write().unwrap_or_else(PoisonError::into_inner)),
        false => Entered::Together(RUNS.read().unwrap_or_else(PoisonError::into_inner)),
    }
}

/// The right to run, for as long as it lives.
pub(super) enum Entered {
    Alone(#[expect(dead_code)] RwLockWriteGuard<'static, ()>),
    Together(#[expect(dead_code)] RwLockReadGuard<'static, ()>),
}

impl Entered {
    /// The run's thread is gone, and with it its buffers.
    pub(super) fn judge(self) {
        if let Self::Alone(_) = self {
            let buffers = Budget::new(0).usage().buffers;
            assert_eq!(buffers, 0, "bytes of buffers that nobody has");
        }
    }
}

/// Uses all of it up, or half, from time to time, or from the beginning to the end.
pub(super) async fn hoard(clock: Clock, budget: Budget, mut random: Random) {
    let mut lease = budget.lease(Purpose::Events);
    let most = budget.limit() / pick(&mut random, [1, 1, 2]);
    if random.bool() {
        lease.set(most);
        std::mem::forget(lease);
        return;
    }
    let spread = pick(&mut random, [0, 1_000, 100_000]);
    let mut at = clock.now();
    for _ in 0..random.usize(..7) {
        lease.set(if lease.bytes() == 0 { most } else { 0 });
        at += Duration::from_micros(random.u64(..=spread));
        clock.sleep_until(at).await;
    }
}

/// Every connection is gone, and has given back all that it held.
pub(super) fn judge(budget: &Budget, report: &mut Report) {
    let usage = budget.usage();
    let held = usage.connections + usage.contexts + usage.receiving + usage.sending;
    let held = held + usage.waiting;
    assert_eq!(held, 0, "{usage:?}");
    report.add("budgets", 1);
    report.add("short-of-memory", u64::from(usage.events > 0));
    report.add("little-memory", u64::from(budget.limit() < PLENTY));
}

static RUNS: RwLock<()> = RwLock::new(());

/// The seeds with little memory.
const LITTLE: u64 = 0;

/// More than is ever charged, but by [`hoard`].
const PLENTY: usize = usize::MAX / 4;
