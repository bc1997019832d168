//! A few of the seeds that `cargo xtask simulate` runs by the million.

use socket_flow_testing::Seeds;
use socket_flow_testing::simulation::{self, Outcome};

const SEEDS: u64 = 400;

#[test]
fn connections_lose_nothing_and_come_to_an_end_whatever_the_link_does() {
    let seeds = Seeds::of("simulate", "", SEEDS);
    let mut all = Outcome::default();
    seeds.each(|seed| all.add(&simulation::run(seed)));
    assert!(all.tally.is_clean());
    // What never happens is not tested either.
    for name in [
        "pongs",
        "stalls",
        "half-closes",
        "resets",
        "partitions",
        "clean-ends",
        "abnormal-ends",
        "broken-ends",
        "close-timeouts",
        "idle-timeouts",
        "pong-timeouts",
        "read-timeouts",
        "write-timeouts",
        "too-big",
        "calm",
    ] {
        assert!(all.get(name) > 0 || seeds.count() < SEEDS, "no {name}");
    }
}

#[test]
fn the_same_seed_is_the_same_run() {
    for seed in [1, 2, 3, 5, 8] {
        let [one, two] = [(); 2].map(|()| simulation::run(seed));
        assert_eq!(one.tally, two.tally);
        assert_eq!(one.counts, two.counts);
    }
}
