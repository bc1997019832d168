//! How a sender waits until what was handed in is sent.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};

use socket_flow_protocol::SendError;
use tokio::io::AsyncWrite;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::Error;
use crate::outbox::Outbox;
use crate::waiting::Stall;
use crate::writer::Writer;

/// Those who wait until what was handed in is sent.
#[derive(Debug, Default)]
pub(crate) struct Flushes(Vec<Flush>);

#[derive(Debug)]
struct Flush {
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
    fn are_queued(&mut self, taken: u32, end: u64) {
        for flush in &mut self.0 {
            if let Until::TakenOver(count) = flush.until {
                if is_reached(count, taken) {
                    flush.until = Until::Sent(end);
                }
            }
        }
    }

    /// So many bytes were sent.
    fn are_sent(&mut self, sent: u64) {
        let is_sent = |flush: &Flush| matches!(flush.until, Until::Sent(at) if at <= sent);
        for flush in self.take_where(is_sent) {
            // Whoever does not wait any more need not be told.
            let _ = flush.told.send(Ok(()));
        }
    }

    /// Whether anyone's bytes have left the write queue.
    fn are_written(&self, written: u64) -> bool {
        let is_written = |flush: &Flush| matches!(flush.until, Until::Sent(at) if at <= written);
        self.0.iter().any(is_written)
    }

    fn take_where(&mut self, which: impl FnMut(&Flush) -> bool) -> Vec<Flush> {
        let (taken, left) = mem::take(&mut self.0).into_iter().partition(which);
        self.0 = left;
        taken
    }

    /// What is left will not be sent.
    fn are_lost(&mut self, mut cause: impl FnMut() -> Error) {
        for flush in self.0.drain(..) {
            let _ = flush.told.send(Err(cause()));
        }
    }
}

/// Whether a count that wraps around has come so far: the one that is further
/// is less than half the way round.
fn is_reached(count: u32, taken: u32) -> bool {
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
        if !state.is_over {
            let waiting = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
            let until = Until::TakenOver(state.taken.wrapping_add(waiting));
            let crowd = state.crowd.get_or_insert_default();
            crowd.flushes.0.push(Flush { until, told });
            self.flushing.store(true, Ordering::Release);
            // Whoever runs the connection sees to it.
            self.fill(state);
        }
        answer
    }

    /// Tells those who wait that what was handed in is handed on: all there is
    /// to know where no connection takes it over.
    pub(crate) fn tell_handed_on(&self) {
        if self.flushing.load(Ordering::Acquire) {
            self.settle_flushes(|flushes, taken| {
                flushes.are_queued(taken, 0);
                flushes.are_sent(0);
            });
        }
    }

    fn settle_flushes(&self, settle: impl FnOnce(&mut Flushes, u32)) {
        let mut state = self.lock();
        let taken = state.taken;
        let crowd = state.crowd.as_mut();
        let is_empty = crowd.is_none_or(|crowd| {
            // The connection runs.
            crowd.progress = Some(Instant::now());
            settle(&mut crowd.flushes, taken);
            crowd.flushes.is_empty()
        });
        if is_empty {
            self.flushing.store(false, Ordering::Release);
        }
    }
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// Tells those who wait for it what has been sent, or never will be.
    #[inline]
    pub(crate) fn tell_flushes(&mut self, waker: &Waker) {
        let is_flushing = |outbox: &Outbox| outbox.flushing.load(Ordering::Acquire);
        if self.outbox.as_deref().is_some_and(is_flushing) {
            self.settle_flushes(waker);
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_flushes(&mut self, waker: &Waker) {
        let Some(outbox) = self.outbox.clone() else {
            return;
        };
        let (end, written) = (self.sending.queued_to(), self.sending.written());
        outbox.settle_flushes(|flushes, taken| {
            flushes.are_queued(taken, end);
            match self.loss() {
                None if !flushes.are_written(written) => {}
                // The driver flushes once the queue is empty, which may not come.
                None if self.sending.is_flushed() || self.poll_flush_io(waker) => {
                    flushes.are_sent(written);
                }
                None => {}
                Some(_) => flushes.are_lost(|| match self.loss() {
                    Some(cause) => cause,
                    None => SendError::Closed(()).into(),
                }),
            }
        });
    }
}
