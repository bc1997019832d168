//! How a sender waits until what was handed in is sent.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;

use socket_flow_protocol::SendError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::Error;
use crate::sender::outbox::stall::Stall;
use crate::sender::outbox::{Outbox, Run};

/// Those who wait until what was handed in is sent.
#[derive(Debug, Default)]
pub(crate) struct Flushes(Vec<Flush>);

#[derive(Debug)]
pub(crate) struct Flush {
    until: Until,
    told: oneshot::Sender<Result<(), Error>>,
}

/// What a flush waits for.
#[derive(Clone, Copy, Debug)]
enum Until {
    /// So many messages have been taken over, in all; it wraps around.
    TakenOver(u32),
    /// So many bytes have left the write queue, in all.
    Sent(u64),
}

impl Flushes {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of them whose messages are in the write queue, for a count that
    /// begins anew.
    pub(crate) fn taken_over(&mut self, taken: u32) -> Self {
        let is_taken_over = |flush: &Flush| match flush.until {
            Until::TakenOver(count) => is_reached(count, taken),
            Until::Sent(_) => true,
        };
        let mut flushes = self.take_where(is_taken_over);
        for flush in &mut flushes {
            if let Until::TakenOver(_) = flush.until {
                flush.until = Until::TakenOver(0);
            }
        }
        Self(flushes)
    }

    /// So many messages were taken over, and the write queue ends after so many
    /// bytes.
    pub(crate) fn are_queued(&mut self, taken: u32, end: u64) {
        for flush in &mut self.0 {
            if let Until::TakenOver(count) = flush.until {
                if is_reached(count, taken) {
                    flush.until = Until::Sent(end);
                }
            }
        }
    }

    /// Messages are dropped that wait to be taken over: as many as this says of
    /// the first so many of them.
    pub(crate) fn are_fewer(&mut self, taken: u32, dropped: impl Fn(u32) -> u32) {
        for flush in &mut self.0 {
            if let Until::TakenOver(count) = &mut flush.until {
                if !is_reached(*count, taken) {
                    // It is at most that many: those before it.
                    let dropped = dropped(count.wrapping_sub(taken));
                    *count = count.wrapping_sub(dropped);
                }
            }
        }
    }

    /// Those that wait for no more than so many bytes.
    pub(crate) fn sent(&mut self, sent: u64) -> Vec<Flush> {
        self.take_where(|flush| matches!(flush.until, Until::Sent(at) if at <= sent))
    }

    /// Whether anyone's bytes have left the write queue.
    pub(crate) fn are_written(&self, written: u64) -> bool {
        let is_written = |flush: &Flush| matches!(flush.until, Until::Sent(at) if at <= written);
        self.0.iter().any(is_written)
    }

    pub(crate) fn take_where(&mut self, which: impl FnMut(&Flush) -> bool) -> Vec<Flush> {
        let (taken, left) = mem::take(&mut self.0).into_iter().partition(which);
        self.0 = left;
        taken
    }

    /// Adds one; those that were given up make room for it.
    fn push(&mut self, flush: Flush) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|flush| !flush.told.is_closed());
        }
        self.0.push(flush);
    }
}

impl Flush {
    /// Whoever does not wait any more need not be told.
    pub(crate) fn tell(self, result: Result<(), Error>) {
        let _ = self.told.send(result);
    }
}

/// Whether a count that wraps around has come so far: the one that is further
/// is less than half the way round.
pub(crate) fn is_reached(count: u32, taken: u32) -> bool {
    taken.wrapping_sub(count) <= u32::MAX / 2
}

impl Outbox {
    /// Waits until everything that was handed in is sent.
    pub(crate) async fn flush(&self) -> Result<(), Error> {
        let mut answer = pin!(self.begin_flush());
        let mut stall = Stall::new(self);
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                let closed = || Err(Error::Send(SendError::Closed(())));
                return Poll::Ready(answer.unwrap_or_else(|_| closed()));
            }
            let stalled = || Err(Error::Send(SendError::Stalled(())));
            stall.poll(cx).map(|()| stalled())
        })
        .await
    }

    fn begin_flush(&self) -> oneshot::Receiver<Result<(), Error>> {
        let (told, answer) = oneshot::channel();
        let mut state = self.lock();
        match state.run {
            Run::Runs if !state.lost => {
                let until = Until::TakenOver(state.handed_in());
                let crowd = state.crowd.get_or_insert_default();
                crowd.flushes.push(Flush { until, told });
                self.flushing.store(true, Ordering::Release);
                // The driver task answers it.
                self.announce(state);
            }
            Run::Ended { sent: true } if !state.lost => {
                let _ = told.send(Ok(()));
            }
            // Dropping `told` says that it was not sent.
            _ => {}
        }
        answer
    }

    /// Tells those who wait that what was handed in is handed on: all there is
    /// to know where no connection takes it over.
    pub(crate) fn tell_handed_on(&self) {
        if self.is_flushing() {
            let handed_on = self.answer_flushes(|flushes, taken| {
                flushes.are_queued(taken, 0);
                flushes.sent(0)
            });
            for flush in handed_on {
                flush.tell(Ok(()));
            }
        }
    }

    /// Those who wait will not know what was sent: some of it was dropped.
    pub(crate) fn fail_flushes(&self) {
        if self.is_flushing() {
            drop(self.answer_flushes(|flushes, _| flushes.take_where(|_| true)));
        }
    }

    /// Hands out those that are settled, to be told outside of the lock: that may
    /// run whoever waits at once.
    pub(crate) fn answer_flushes(
        &self,
        settle: impl FnOnce(&mut Flushes, u32) -> Vec<Flush>,
    ) -> Vec<Flush> {
        let mut state = self.lock();
        let taken = state.waiting.taken;
        let Some(crowd) = &mut state.crowd else {
            self.flushing.store(false, Ordering::Release);
            return Vec::new();
        };
        // The connection runs.
        crowd.progress = Some(Instant::now());
        let settled = settle(&mut crowd.flushes, taken);
        if crowd.flushes.is_empty() {
            self.flushing.store(false, Ordering::Release);
        }
        settled
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use socket_flow_protocol::NEVER;

    use super::*;

    #[test]
    fn flushes_that_were_given_up_take_no_memory_while_nobody_runs_the_connection() {
        let outbox = Outbox::new(100, NEVER, None);
        let mut waits = pin!(outbox.flush());
        let cx = &mut Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(cx).is_pending());
        for _ in 0..1_000 {
            assert!(pin!(outbox.flush()).poll(cx).is_pending());
        }
        let kept = |outbox: &Outbox| outbox.lock().crowd.as_ref().unwrap().flushes.0.capacity();
        assert!(kept(&outbox) <= 8, "{}", kept(&outbox));
        outbox.tell_handed_on();
        assert!(matches!(waits.poll(cx), Poll::Ready(Ok(()))));
    }
}
