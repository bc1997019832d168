//! A budget of memory that others use up, again and again.

use std::time::Duration;

use socket_flow::protocol::Purpose;
use socket_flow::{Budget, NEVER};
use tokio::task::JoinHandle;

/// Uses all of a budget for 20 ms in 21, until it is dropped.
pub(crate) struct Hog {
    pub(crate) budget: Budget,
    using: JoinHandle<()>,
}

impl Hog {
    pub(crate) fn new() -> Self {
        let budget = Budget::with_patience(SIZE, NEVER);
        let mut lease = budget.lease(Purpose::Events);
        let using = tokio::spawn(async move {
            loop {
                lease.set(SIZE);
                tokio::time::sleep(Duration::from_millis(20)).await;
                lease.set(0);
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        Self { budget, using }
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        self.using.abort();
    }
}

const SIZE: usize = 64 << 20;
