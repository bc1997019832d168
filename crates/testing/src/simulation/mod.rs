//! Two protocols, a link and a clock: whole connections without a runtime,
//! sockets or waiting, each following from one seed.
//!
//! ```text
//!  script ─▶ Endpoint ──▶ Wire ──▶ Link: delay, stall, cut, reset ──▶ Endpoint ◀─ script
//!            client  ◀────────────── Link ◀── Wire ◀──────────────── server
//!                       one clock, moved to whatever is due next
//! ```
//!
//! A run fails by a panic unless
//!
//! - what arrived is what was sent, in order, once, equal in every byte, and
//!   complete where the closing handshake was;
//! - both ends came to an end, each was told which, and closing kept its
//!   deadlines;
//! - no deadline expired that had not passed;
//! - every byte that went out was part of a valid frame, and none came behind
//!   a Close;
//! - without a fault, both ends closed cleanly.

mod application;
mod ending;
mod endpoint;
mod link;
mod plan;
mod script;
mod wire;

use std::time::Duration;

use socket_flow_protocol::Role;

use crate::ledger::Tally;
use crate::report::Report;
use crate::simulation::endpoint::{End, Endpoint};
use crate::simulation::link::Link;
use crate::simulation::plan::Plan;

/// What happened in one run, or in many.
#[derive(Clone, Debug, Default)]
#[allow(clippy::exhaustive_structs)] // for tests, which read it
pub struct Outcome {
    /// What became of the messages of both directions.
    pub tally: Tally,
    /// Figures by name: faults, ends, control frames.
    pub counts: Vec<(&'static str, u64)>,
}

impl Outcome {
    /// Adds another run.
    pub fn add(&mut self, other: &Self) {
        self.tally += other.tally;
        for &(name, count) in &other.counts {
            self.count(name, count);
        }
    }

    /// A figure; 0 where it never came up.
    pub fn get(&self, name: &str) -> u64 {
        let found = self.counts.iter().find(|(other, _)| *other == name);
        found.map_or(0, |(_, count)| *count)
    }

    /// Adds all figures to a report.
    pub fn report(&self, report: &mut Report) {
        report.add_tally(self.tally);
        for (name, count) in &self.counts {
            report.add(name, *count);
        }
    }

    fn count(&mut self, name: &'static str, count: u64) {
        match self.counts.iter_mut().find(|(other, _)| *other == name) {
            Some((_, sum)) => *sum += count,
            None => self.counts.push((name, count)),
        }
    }
}

/// Runs the connection that follows from `seed`.
///
/// # Panics
///
/// When something went wrong that must not; see the [module](self).
pub fn run(seed: u64) -> Outcome {
    let plan = Plan::of(seed);
    let mut world = World::new(&plan);
    world.run();
    world.judge(&plan)
}

#[derive(Debug)]
struct World {
    now: Duration,
    ends: [Endpoint; 2],
    /// From the client to the server, and back.
    links: [Link; 2],
}

impl World {
    fn new(plan: &Plan) -> Self {
        Self {
            now: plan.start,
            ends: [
                Endpoint::new(Role::Client, plan),
                Endpoint::new(Role::Server, plan),
            ],
            links: plan.links.clone(),
        }
    }

    fn run(&mut self) {
        // Far more than any run takes: most need less than a thousand.
        for _ in 0..1_000_000 {
            self.settle();
            if self.ends.iter().all(Endpoint::is_over) {
                return;
            }
            let due = [
                self.ends[0].due(self.now),
                self.ends[1].due(self.now),
                self.links[0].due(self.now),
                self.links[1].due(self.now),
            ];
            let next = due.into_iter().flatten().min();
            self.now = next.expect("two ends that wait for each other for ever");
        }
        panic!("two ends that never come to an end");
    }

    /// Lets both ends do what they can at this moment.
    fn settle(&mut self) {
        loop {
            let [client, server] = &mut self.ends;
            let [up, down] = &mut self.links;
            let mut progress = client.poll(self.now, down, up);
            progress |= server.poll(self.now, up, down);
            if !progress {
                return;
            }
        }
    }

    fn judge(&self, plan: &Plan) -> Outcome {
        let mut outcome = Outcome::default();
        for (end, peer) in [(0, 1), (1, 0)] {
            let (end, peer) = (&self.ends[end], &self.ends[peer]);
            let tally = end.tally(peer.sent());
            assert!(tally.is_clean(), "{:?}: {tally:?}", end.role());
            outcome.tally += tally;
            if plan.is_calm {
                assert_eq!(end.end(), Some(End::Clean), "{:?}, no fault", end.role());
            }
            end.count_into(&mut outcome);
        }
        for link in &self.links {
            link.count_into(&mut outcome);
        }
        outcome.count("seeds", 1);
        outcome.count("calm", u64::from(plan.is_calm));
        outcome.count("compressed", u64::from(plan.is_compressed()));
        outcome
    }
}
