//! Every place in which a future can be given up, one after another.

use std::cell::Cell;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::report::Report;
use crate::suite::runtime;

/// So many polls for all futures together; the one that needs more is given
/// up, as `select!` and timeouts do it, at a point that can be chosen.
#[derive(Debug)]
pub struct PollBudget {
    left: Cell<usize>,
    given_up: Cell<bool>,
}

impl PollBudget {
    /// A budget of `polls` polls.
    pub fn new(polls: usize) -> Self {
        Self {
            left: Cell::new(polls),
            given_up: Cell::new(false),
        }
    }

    /// Polls a future within the budget. `None`: it needs more than what is
    /// left, and has been dropped. That happens once: what is attempted
    /// afterwards has all the polls it wants.
    pub async fn attempt<F: Future>(&self, future: F) -> Option<F::Output> {
        if self.given_up.get() {
            return Some(future.await);
        }
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Some(left) = self.left.get().checked_sub(1) {
                self.left.set(left);
                if let Poll::Ready(output) = future.as_mut().poll(cx) {
                    return Poll::Ready(Some(output));
                }
            }
            if self.left.get() > 0 {
                return Poll::Pending;
            }
            self.given_up.set(true);
            Poll::Ready(None)
        })
        .await
    }

    /// Attempts it, and once more with a fresh future if it was given up.
    pub async fn insist<T>(&self, mut make: impl AsyncFnMut() -> T) -> T {
        match self.attempt(make()).await {
            Some(output) => output,
            None => make().await,
        }
    }

    /// Whether a future was given up.
    pub fn has_given_up(&self) -> bool {
        self.given_up.get()
    }
}

/// Plays a scene with a budget of 0, 1, 2… polls until one is enough for all
/// of it. The scene spends its budget on the calls of `name`, goes on with
/// fresh ones, and tells what became of its messages, none of which may be
/// lost. Prints how many were given up, by a `name` without spaces.
///
/// # Panics
///
/// When a message was lost or changed, and when nothing could be given up:
/// then the scene tests nothing.
pub fn at_every_poll(name: &'static str, scene: impl AsyncFn(&PollBudget) -> Report) {
    play(name, true, scene);
}

/// As [`at_every_poll`], over sockets and with the real clock: how many polls
/// a scene takes may differ from run to run.
///
/// # Panics
///
/// As [`at_every_poll`].
pub fn at_every_poll_of_sockets(name: &'static str, scene: impl AsyncFn(&PollBudget) -> Report) {
    play(name, false, async |budget| {
        let bounded = tokio::time::timeout(PATIENCE, scene(budget));
        bounded.await.expect("a scene that comes to an end")
    });
}

#[allow(clippy::print_stderr)] // whoever sees the panic reads it
fn play(name: &'static str, is_paused: bool, scene: impl AsyncFn(&PollBudget) -> Report) {
    let mut report = Report::default();
    for polls in 0.. {
        let budget = PollBudget::new(polls);
        let played = catch_unwind(AssertUnwindSafe(|| {
            let seen = runtime(is_paused).block_on(scene(&budget));
            seen.assert_clean();
            seen
        }));
        report += played.unwrap_or_else(|panic| {
            eprintln!("{name} given up after {polls} polls");
            resume_unwind(panic)
        });
        if !budget.has_given_up() {
            break;
        }
        report.add("awaits-cancelled", 1);
        report.add(name, 1);
    }
    assert!(report.get(name) > 0, "{name} has nothing to wait for");
    report.print("cancel");
}

/// How long a scene over sockets may take.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    async fn three_polls() -> u8 {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        7
    }

    #[tokio::test]
    async fn a_future_is_given_up_after_its_polls_and_not_before() {
        for (polls, output) in [(0, None), (1, None), (2, None), (3, Some(7)), (4, Some(7))] {
            let budget = PollBudget::new(polls);
            assert_eq!(budget.attempt(three_polls()).await, output);
            assert_eq!(budget.has_given_up(), output.is_none());
        }
    }

    #[tokio::test]
    async fn one_future_is_given_up_and_what_follows_is_not() {
        let budget = PollBudget::new(4);
        assert_eq!(budget.attempt(three_polls()).await, Some(7));
        assert_eq!(budget.attempt(three_polls()).await, None);
        assert_eq!(budget.attempt(three_polls()).await, Some(7));
    }
}
