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

    /// `timeout` from then.
    pub(crate) fn since(start: Instant, timeout: Duration) -> Self {
        Self(start.checked_add(timeout))
    }

    /// The earlier of the two.
    pub(crate) fn or(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(one), Some(two)) => Some(one.min(two)),
            (one, two) => one.or(two),
        })
    }

    /// Whether it is over.
    pub(crate) fn has_passed(self) -> bool {
        self.0.is_some_and(|end| end <= Instant::now())
    }

    /// Runs `work`, which is pinned as for [`race`](crate::race::race), until the deadline; `None`
    /// where that came first.
    pub(crate) async fn run<F: Future + Unpin>(self, work: F) -> Option<F::Output> {
        match self.0 {
            Some(end) => timeout_at(end, work).await.ok(),
            None => Some(work.await),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    #[tokio::test]
    async fn what_the_clock_cannot_express_is_no_deadline() {
        for timeout in [Duration::MAX, crate::NEVER] {
            let never = Deadline::after(timeout);
            assert_eq!(never.run(ready(1)).await, Some(1));
            assert!(never.0.is_none());
            assert!(never.or(Deadline::after(Duration::ZERO)).0.is_some());
        }
    }
}
