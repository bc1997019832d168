//! How long a transport may take no bytes.

use std::mem;
use std::time::Duration;

use crate::budget::{Budget, PROGRESS, look_after};
use crate::config::NEVER;
use crate::deadlines::{Watch, after};
use crate::error::Expired;
use crate::outgoing::Outgoing;

impl Outgoing {
    /// When [`Outgoing::handle_timeout`] wants to be called next, for a
    /// blocked write; `Duration::ZERO` means now. Ask after a write could
    /// not be finished.
    #[inline]
    pub fn poll_timeout(&self) -> Option<Duration> {
        if !self.is_unwritten() {
            return None;
        }
        let (config, queue) = (self.config(), &self.frames.queue);
        let stalls = config.timeouts().stall != NEVER;
        let is_pressed = config
            .memory()
            .is_some_and(|budget| budget.patience() != NEVER && queue.charged() > 0);
        let extras = self.extras.as_deref();
        let stall = extras.and_then(|extras| extras.stall.as_ref());
        let (watch, pressed) =
            stall.map_or((NEVER, NEVER), |stall| (stall.watch.at, stall.pressed.at));
        if (stalls && watch == NEVER) || (is_pressed && pressed == NEVER) {
            return Some(Duration::ZERO);
        }
        Some(watch.min(pressed)).filter(|at| *at != NEVER)
    }

    /// Tells the time, on the caller's time line.
    ///
    /// # Errors
    ///
    /// [`Expired::Write`] when the queue made no progress for
    /// [`Timeouts::stall`](crate::Timeouts::stall), [`Expired::Memory`] when it made
    /// hardly any within the patience of its budget, where that was short.
    pub fn handle_timeout(&mut self, now: Duration) -> Result<(), Expired> {
        if !self.is_unwritten() {
            self.forget(|extras| extras.stall = None);
            return Ok(());
        }
        let period = self.config().timeouts().stall;
        let taken = self.frames.queue.taken();
        let charged = self.frames.queue.charged();
        let budget = self.frames.queue.config().memory().filter(|_| charged > 0);
        let extras = self.extras.get_or_insert_default();
        let stall = extras.stall.get_or_insert_default();
        if stall.pressed.is_late(now, budget, taken) {
            return Err(Expired::Memory);
        }
        if !stall.watch.is_armed() {
            stall.taken = taken;
            stall.watch.arm(now, period);
        } else if stall.watch.at <= now {
            let progress = mem::replace(&mut stall.taken, taken) != taken;
            if stall.watch.look(now, period, progress) {
                return Err(Expired::Write);
            }
        }
        Ok(())
    }
}

/// Watches a blocked write.
#[derive(Debug, Default)]
pub(super) struct Stall {
    watch: Watch,
    /// [`WriteQueue::taken`](crate::queue::WriteQueue) at the last look.
    taken: u64,
    pressed: Pressed,
}

/// Watches a queue that is charged to a budget: it leaves as quickly as memory is
/// short.
#[derive(Debug)]
struct Pressed {
    /// The next look; `NEVER` while there is none.
    at: Duration,
    /// [`WriteQueue::taken`](crate::queue::WriteQueue) at the last look.
    taken: u64,
}

impl Pressed {
    /// Tells the time: whether hardly anything has left within the patience of the
    /// budget, while it was short.
    fn is_late(&mut self, now: Duration, budget: Option<&Budget>, taken: u64) -> bool {
        let Some(budget) = budget else {
            *self = Self::default();
            return false;
        };
        if now < self.at && self.at != NEVER {
            return false;
        }
        let is_first = self.at == NEVER;
        let hardly = taken - self.taken < PROGRESS as u64;
        let patience = budget.patience();
        *self = Self {
            at: after(now, look_after(patience), patience),
            taken,
        };
        let is_late = !is_first && hardly && budget.is_short();
        if is_late {
            budget.count_closed();
        }
        is_late
    }
}

impl Default for Pressed {
    fn default() -> Self {
        Self {
            at: NEVER,
            taken: 0,
        }
    }
}
