use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is made on first use and moved only when its deadline is.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer {
    /// Waits until `at`.
    pub(crate) fn poll(&mut self, at: Instant, waker: &Waker) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if sleep.deadline() != at {
            if at <= Instant::now() {
                // A reset into the past would wake this very task again.
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
        sleep.as_mut().poll(&mut Context::from_waker(waker))
    }
}
