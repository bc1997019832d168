use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pin_project_lite::pin_project;
use socket_flow_protocol::driver::Turn;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is made on first use, and moved only when its deadline is.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    armed: Option<Pin<Box<Armed>>>,
}

pin_project! {
    #[derive(Debug)]
    struct Armed {
        #[pin]
        sleep: Sleep,
        // Whom it wakes; `Waker::noop` until it was polled.
        waker: Waker,
    }
}

impl Timer {
    /// Whether it is armed, has not expired, and wakes this waker: then it has
    /// nothing to be told and nothing to tell.
    #[inline]
    pub(crate) fn is_waiting(&self, waker: &Waker) -> bool {
        let armed = self.armed.as_ref();
        armed.is_some_and(|armed| armed.waker.will_wake(waker) && !armed.sleep.is_elapsed())
    }

    /// Whether this moment on the time line that begins at `epoch` has passed,
    /// which is then told; otherwise it is waited for.
    pub(crate) fn has_passed(
        &mut self,
        epoch: Instant,
        at: Option<Duration>,
        turn: &mut Turn,
        waker: &Waker,
    ) -> bool {
        let Some(at) = at else {
            return false;
        };
        let has_passed = at.is_zero()
            || epoch
                .checked_add(at)
                .is_some_and(|at| self.poll(at, waker).is_ready());
        if has_passed {
            turn.set_now(epoch.elapsed());
        }
        has_passed
    }

    /// Waits until `at`.
    pub(crate) fn poll(&mut self, at: Instant, waker: &Waker) -> Poll<()> {
        let armed = self.armed.get_or_insert_with(|| {
            let (sleep, waker) = (sleep_until(at), Waker::noop().clone());
            Box::pin(Armed { sleep, waker })
        });
        let mut armed = armed.as_mut().project();
        if armed.sleep.deadline() != at {
            if at <= Instant::now() {
                // A reset into the past would wake this very task again.
                return Poll::Ready(());
            }
            armed.sleep.as_mut().reset(at);
        }
        armed.waker.clone_from(waker);
        // A peer that sends faster than it is read from uses up what a task may do in one poll, and
        // the timer would be told to wait for the next: the deadline would never be seen.
        let sleep = pin!(unconstrained(armed.sleep));
        sleep.poll(&mut Context::from_waker(waker))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_waker_of_the_last_poll_is_the_one_that_is_woken() {
        let (first, last) = (Arc::<Count>::default(), Arc::<Count>::default());
        let at = Instant::now() + Duration::from_secs(1);
        let mut timer = Timer::default();
        for count in [&first, &last, &last] {
            let waker = Waker::from(count.clone());
            assert!(timer.poll(at, &waker).is_pending());
        }
        assert!(timer.is_waiting(&Waker::from(last.clone())));
        assert!(!timer.is_waiting(&Waker::from(first.clone())));
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(first.0.load(Ordering::SeqCst), 0);
        assert_eq!(last.0.load(Ordering::SeqCst), 1);
        assert!(!timer.is_waiting(&Waker::from(last.clone())));
        assert!(timer.poll(at, &Waker::from(last)).is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_moves_is_waited_for_where_it_is_now() {
        let start = Instant::now();
        let mut timer = Timer::default();
        for seconds in [5, 3, 9] {
            let at = start + Duration::from_secs(seconds);
            assert!(timer.poll(at, Waker::noop()).is_pending());
        }
        let at = start + Duration::from_secs(9);
        poll_fn(|cx| timer.poll(at, cx.waker())).await;
        assert_eq!(start.elapsed(), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_moved_into_the_past_is_due_at_once() {
        let start = Instant::now();
        let mut timer = Timer::default();
        let later = start + Duration::from_secs(5);
        assert!(timer.poll(later, Waker::noop()).is_pending());
        assert!(timer.poll(start, Waker::noop()).is_ready());
    }
}
