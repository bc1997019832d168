use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// The time by which something must be through; `None` is never.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Option<Instant>);

impl Deadline {
    /// `timeout` from now. What the clock cannot express, such as
    /// [`NEVER`](crate::NEVER), is no deadline.
    pub(crate) fn after(timeout: Duration) -> Self {
        Self(Instant::now().checked_add(timeout))
    }

    /// An equal share of the time left, where `parts` are still to be done one after the other.
    pub(crate) fn share(self, parts: u32) -> Self {
        let now = Instant::now();
        Self(
            self.0
                .map(|end| now + end.saturating_duration_since(now) / parts.max(1)),
        )
    }

    /// The earlier of the two.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        })
    }

    /// Runs `work` until the deadline; `None` where that came first, and `work` is dropped.
    pub(crate) async fn run<F: Future>(self, work: F) -> Option<F::Output> {
        match self.0 {
            Some(end) => timeout_at(end, work).await.ok(),
            None => Some(work.await),
        }
    }
}
