//! A few of the seeds that `cargo xtask simulate` runs by the million.

use socket_flow_testing::{Seeds, simulation};

const SEEDS: u64 = 400;

#[test]
fn connections_lose_nothing_and_come_to_an_end_whatever_the_link_does() {
    let seeds = Seeds::of("simulate", "", SEEDS);
    let report = seeds.each(simulation::run);
    for name in ["lost", "duplicated", "reordered", "torn"] {
        assert_eq!(report.get(name), 0, "{name}");
    }
    // What never happens is not tested either.
    for name in [
        "pongs",
        "handed-in",
        "published",
        "published-in-vain",
        "stalls",
        "half-closes",
        "ended-sides",
        "resets",
        "partitions",
        "clean-ends",
        "abnormal-ends",
        "broken-ends",
        "dropped-ends",
        "close-timeouts",
        "idle-timeouts",
        "pong-timeouts",
        "read-timeouts",
        "write-timeouts",
        "too-big",
        "attacked",
        "budgets",
        "short-of-memory",
        "little-memory",
        "memory-ends",
        "fair",
        "calm",
        "split",
    ] {
        assert!(report.get(name) > 0 || seeds.count() < SEEDS, "no {name}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 2, 3, 5, 6, 8, 12, 18] {
        assert_eq!(simulation::run(seed), simulation::run(seed));
    }
}
