//! Every place in which a future can be given up, one after another.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::ledger::Tally;
use crate::poll_budget::PollBudget;
use crate::report::Report;
use crate::suite;

/// Plays a scene with a budget of 0, 1, 2… polls until one is enough for all
/// of it. The scene spends its budget on the calls of `name`, goes on with
/// fresh ones, and tells what became of its messages, none of which may be
/// lost. Prints how many were given up, by a `name` without spaces.
///
/// # Panics
///
/// When a message was lost or changed, and when nothing could be given up:
/// then the scene tests nothing.
pub fn at_every_poll(name: &'static str, scene: impl AsyncFn(&PollBudget) -> Tally) {
    play(name, suite::runtime, scene);
}

/// As [`at_every_poll`], over sockets and with the real clock: how many polls
/// a scene takes may differ from run to run.
///
/// # Panics
///
/// As [`at_every_poll`].
pub fn at_every_poll_of_sockets(name: &'static str, scene: impl AsyncFn(&PollBudget) -> Tally) {
    let runtime = || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime")
    };
    play(name, runtime, async |budget| {
        let bounded = tokio::time::timeout(PATIENCE, scene(budget));
        bounded.await.expect("a scene that comes to an end")
    });
}

fn play(
    name: &'static str,
    runtime: impl Fn() -> Runtime,
    scene: impl AsyncFn(&PollBudget) -> Tally,
) {
    let mut tally = Tally::default();
    let mut given_up = 0;
    for polls in 0.. {
        let budget = PollBudget::new(polls);
        let guard = Polls { name, polls };
        let seen = runtime().block_on(scene(&budget));
        seen.assert_clean();
        drop(guard);
        tally += seen;
        if !budget.has_given_up() {
            break;
        }
        given_up += 1;
    }
    assert!(given_up > 0, "{name} has nothing to wait for");
    let mut report = Report::of(tally);
    report.add("awaits-cancelled", given_up);
    report.add(name, given_up);
    report.print("cancel");
}

/// Tells which scene it was when it is dropped by a panic.
struct Polls {
    name: &'static str,
    polls: usize,
}

impl Drop for Polls {
    #[allow(clippy::print_stderr)] // whoever sees the panic reads it
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{} given up after {} polls", self.name, self.polls);
        }
    }
}

/// How long a scene over sockets may take.
const PATIENCE: Duration = Duration::from_secs(60);
