use std::time::Duration;

use socket_flow_protocol::{Budget, NEVER, Purpose};

use crate::report::Report;
use crate::seeds::{Random, pick};
use crate::simulation::clock::Clock;
use crate::simulation::plan::Mood;

/// The budget of a server, if it has one. Its bytes are too many to be counted here:
/// the threads' buffers, which count against it, differ from run to run.
pub(super) fn budget(random: &mut Random, mood: Mood) -> Option<Budget> {
    let patience = match mood {
        Mood::Rough => Duration::from_millis(pick(random, [0, 100, 5_000])),
        // Nobody has to go: messages end by themselves, one after the other.
        _ => NEVER,
    };
    let has_one = random.usize(..3) == 0;
    has_one.then(|| Budget::with_patience(usize::MAX / 4, patience))
}

/// Uses all of it up from time to time, or from the beginning to the end.
pub(super) async fn hoard(clock: Clock, budget: Budget, mut random: Random) {
    let mut lease = budget.lease(Purpose::Events);
    let all = budget.limit();
    if random.bool() {
        lease.set(all);
        std::mem::forget(lease);
        return;
    }
    let spread = pick(&mut random, [0, 1_000, 100_000]);
    let mut at = clock.now();
    for _ in 0..random.usize(..7) {
        lease.set(if lease.bytes() == 0 { all } else { 0 });
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
}
