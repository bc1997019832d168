//! How long a sender waits while nothing is taken over.

use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::sender::outbox::{Outbox, State};
use crate::timer::Timer;

/// How long a sender goes on waiting.
pub(crate) struct Stall<'a> {
    outbox: &'a Outbox,
    /// Since when, once it waits.
    since: Option<Instant>,
    /// When the owner of the outlet was last asked to run it.
    asked: Option<Instant>,
    /// How many times in a row it did not.
    unanswered: u32,
    timer: Timer,
}

impl<'a> Stall<'a> {
    pub(crate) fn new(outbox: &'a Outbox) -> Self {
        Self {
            outbox,
            since: None,
            asked: None,
            unanswered: 0,
            timer: Timer::default(),
        }
    }

    /// Ready once nothing was taken over for too long, or an outlet was not run.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(stall) = self.outbox.stall() else {
            return Poll::Pending;
        };
        if Handle::try_current().is_err() {
            return Poll::Pending;
        }
        if self.outbox.is_of_outlet {
            return self.poll_asking(stall, cx);
        }
        let (since, progress) = self.progress();
        let quiet_since = progress.map_or(since, |progress| progress.max(since));
        match quiet_since.checked_add(stall) {
            Some(at) => self.timer.poll(at, cx.waker()),
            None => Poll::Pending,
        }
    }

    /// Ready once the owner of an outlet has not run it for too long, though it was
    /// asked to: one that waits for a connection has no other cause to be polled.
    fn poll_asking(&mut self, stall: Duration, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let (_, progress) = self.progress();
            if let Some(asked) = self.asked {
                let Some(at) = asked.checked_add(stall / LOOKS) else {
                    return Poll::Pending;
                };
                ready!(self.timer.poll(at, cx.waker()));
                self.unanswered += 1;
                if progress.is_some_and(|progress| progress >= asked) {
                    self.unanswered = 0;
                }
                if self.unanswered == LOOKS {
                    return Poll::Ready(());
                }
            }
            self.asked = Some(Instant::now());
            self.outbox.ask();
        }
    }

    /// Since when it waits, and when something was last taken over, or an outlet run.
    fn progress(&mut self) -> (Instant, Option<Instant>) {
        let mut state = self.outbox.lock();
        let crowd = state.crowd.get_or_insert_default();
        let since = *self.since.get_or_insert_with(|| {
            crowd.measuring += 1;
            Instant::now()
        });
        (since, crowd.progress)
    }
}

/// How often in its time an outlet is asked whether it is run.
const LOOKS: u32 = 4;

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        if self.since.is_some() {
            // A connection that has ended has forgotten it.
            if let Some(crowd) = &mut self.outbox.lock().crowd {
                crowd.measuring = crowd.measuring.saturating_sub(1);
            }
        }
    }
}

impl Outbox {
    /// Asks the owner of the outlet to run it, and so to show that it is there.
    fn ask(&self) {
        let waker = self.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl State {
    /// The owner of the outlet runs it: senders that wait go on waiting.
    pub(crate) fn is_run(&mut self) {
        let crowd = self.crowd.as_mut();
        if let Some(crowd) = crowd.filter(|crowd| crowd.measuring > 0) {
            crowd.progress = Some(Instant::now());
        }
    }
}
