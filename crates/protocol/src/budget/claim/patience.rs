//! How long a message waits for memory, and which one goes where that is too long.

use std::time::Duration;

use crate::budget::PATIENCE;
use crate::budget::claim::{Claim, Stand};
use crate::budget::line::LetGo;
use crate::config::NEVER;
use crate::deadlines::after;
use crate::error::OutOfMemory;

impl Claim {
    /// When [`Claim::judge`] wants to be called next; zero means now.
    #[inline]
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        self.is_in_use().then(|| self.next_look())?
    }

    #[cold]
    fn next_look(&self) -> Option<Duration> {
        let at = match self.stand {
            Stand::LetGo(_) => NEVER,
            _ if self.is_watched() => self.at,
            _ => return None,
        };
        Some(if at == NEVER { Duration::ZERO } else { at })
    }

    /// Tells the time, and how far the message has come, in bytes.
    ///
    /// # Errors
    ///
    /// It is let go.
    pub(crate) fn judge(&mut self, now: Duration, come: usize) -> Result<(), OutOfMemory> {
        if matches!(self.stand, Stand::LetGo(_)) || self.is_late(now, come) {
            let budget = self.budget();
            budget.count_closed();
            return Err(OutOfMemory {
                limit: budget.limit(),
            });
        }
        Ok(())
    }

    /// Whether its deadline is judged. A message that waits has one also where patience has
    /// no end: the right that it waits for may be that of a message that was handed out.
    fn is_watched(&self) -> bool {
        self.is_waiting() || (self.is_charged() && self.budget().patience() != NEVER)
    }

    fn is_late(&mut self, now: Duration, come: usize) -> bool {
        if !self.is_watched() {
            self.at = NEVER;
            return false;
        }
        let armed = self.at != NEVER;
        if armed && now < self.at {
            return false;
        }
        let takes_over = self.takes_over(now);
        let patience = self.budget().patience();
        let left = self.patience_left(now);
        if left > Duration::ZERO {
            if armed {
                self.makes_room();
            }
        } else if armed && !takes_over && self.goes(come) {
            return true;
        }
        let delay = match (self.is_waiting(), armed) {
            (true, _) if patience == NEVER => PATIENCE,
            (true, _) if left > Duration::ZERO && self.is_smallest() => {
                left.min(look_after(patience / 50))
            }
            (true, _) if left > Duration::ZERO => left.min(look_after(patience / 8)),
            (true, false) => patience,
            // Another one was let go: its memory comes soon, or the next one goes.
            (true, true) => look_after(patience / 8),
            (false, _) => look_after(patience),
        };
        self.at = after(now, delay, delay);
        self.seen = come;
        false
    }

    /// How long a small message still waits until one has to go: meanwhile those go that
    /// hold far more.
    fn patience_left(&mut self, now: Duration) -> Duration {
        let patience = self.budget().patience();
        match &mut self.stand {
            Stand::Waits(waiting) if waiting.wants <= SMALL && patience != NEVER => {
                let since = *waiting.since.get_or_insert(now);
                patience.saturating_sub(now.saturating_sub(since))
            }
            _ => Duration::ZERO,
        }
    }

    /// Whether no smaller one waits.
    fn is_smallest(&self) -> bool {
        match &self.stand {
            Stand::Waits(waiting) => waiting.wants <= self.budget().smallest_waiting(),
            _ => false,
        }
    }

    /// Lets one go that holds far more than this small message, if there is no room for
    /// it.
    fn makes_room(&self) {
        if let Stand::Waits(waiting) = &self.stand {
            let wait = waiting.wait(self.message.bytes());
            let budget = self.budget();
            if let Some(call) = budget.in_line(|line| line.make_room(wait, budget)) {
                call();
            }
        }
    }

    /// The patience is over: whether it is this one that goes.
    fn goes(&mut self, come: usize) -> bool {
        if self.budget().patience() == NEVER {
            return false;
        }
        if self.is_waiting() {
            return self.is_largest();
        }
        if self.goes_beyond() {
            // No other message can before this one has ended.
            return self.budget().waiting() > 0;
        }
        come.abs_diff(self.seen) < PROGRESS && self.budget().is_short()
    }

    /// Ends the right to go beyond the budget of a message that was handed out for as
    /// long as the patience, if this is the oldest that waits; whether it did, and may
    /// take it.
    ///
    /// What is handed out is charged as long as its connection has it. If the right
    /// ended at once, all that slow handlers have would be beyond the budget: so it is
    /// one message in each patience.
    fn takes_over(&mut self, now: Duration) -> bool {
        let Stand::Waits(waiting) = &mut self.stand else {
            return false;
        };
        let budget = self.share.budget();
        let patience = match budget.patience() {
            NEVER => PATIENCE,
            patience => look_after(patience),
        };
        let Some(handed_out) = budget.in_line(|line| line.handed_out()) else {
            return false;
        };
        let (seen, since) = waiting.handed_out.unwrap_or((handed_out, now));
        let since = if seen == handed_out { since } else { now };
        waiting.handed_out = Some((handed_out, since));
        if now.saturating_sub(since) < patience {
            return false;
        }
        let number = waiting.number;
        match budget.in_line(|line| line.take_over(number, handed_out, budget)) {
            Ok(()) => true,
            Err(first) => {
                if let Some(first) = first {
                    first();
                }
                false
            }
        }
    }

    /// Lets the largest message go that waits; whether that is this one.
    fn is_largest(&mut self) -> bool {
        let Stand::Waits(waiting) = &mut self.stand else {
            return false;
        };
        let wait = waiting.wait(self.message.bytes());
        let budget = self.share.budget();
        let seen = &mut waiting.let_go;
        match budget.in_line(|line| line.let_go(wait, seen, budget)) {
            LetGo::Itself => true,
            LetGo::Other(call) => {
                call();
                false
            }
            LetGo::NotYet => false,
        }
    }
}

/// How long it takes until a look again, also where there is no patience.
pub(crate) fn look_after(time: Duration) -> Duration {
    time.max(Duration::from_millis(100))
}

/// A message that has its memory, and does not come so much further within the
/// patience, is let go where others are short of memory, in bytes.
pub(crate) const PROGRESS: usize = 16 << 10;

/// A message that waits for no more in all, in bytes, does not wait for those that hold
/// far more.
const SMALL: usize = 16 << 10;
