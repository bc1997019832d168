use std::time::Duration;

use crate::budget::line::{Call, LetGo, Number, Said, Wait};
use crate::budget::{Budget, Lease, OWN, Purpose};
use crate::config::NEVER;
use crate::deadlines::after;
use crate::error::OutOfMemory;

/// What a connection's receiving half has of the budget.
#[derive(Debug)]
pub(crate) struct Claim {
    /// What every connection is charged.
    share: Lease,
    /// Contexts that are kept from message to message.
    contexts: Lease,
    /// What is held for the current message beyond half of the share.
    message: Lease,
    /// How old its wait in the line is, or its right to go beyond the budget.
    number: Option<Number>,
    goes_beyond: bool,
    /// What it waits for, in bytes, beyond half of the share.
    wants: usize,
    /// Whether it takes what it needs without asking.
    is_forced: bool,
    /// Whether it was let go while it waited.
    is_let_go: bool,
    /// When the patience ends of whoever waits for memory, or when its message is
    /// looked at; `NEVER` while it is not measured.
    at: Duration,
    /// How far the message had come when it was last looked at, in bytes.
    seen: usize,
    /// What it knew then of those that were let go, if it waited too long.
    let_go: Option<u64>,
}

impl Claim {
    /// The claim of a connection that opens, with so many bytes of contexts that
    /// are kept. They are charged whether there is room or not.
    pub(crate) fn new(budget: &Budget, contexts: usize) -> Self {
        let mut claim = Self {
            share: budget.lease(Purpose::Connections),
            contexts: budget.lease(Purpose::Contexts),
            message: budget.lease(Purpose::Receiving),
            number: None,
            goes_beyond: false,
            wants: 0,
            is_forced: false,
            is_let_go: false,
            at: NEVER,
            seen: 0,
            let_go: None,
        };
        claim.share.set(Budget::SHARE);
        claim.contexts.set(contexts);
        claim
    }

    pub(crate) fn budget(&self) -> &Budget {
        self.share.budget()
    }

    /// Whether more is held than the share.
    #[inline]
    pub(crate) fn is_charged(&self) -> bool {
        self.message.bytes() > 0
    }

    /// Whether more is held than the share, or has been asked for.
    #[inline]
    pub(crate) fn is_in_use(&self) -> bool {
        self.is_charged() || self.number.is_some()
    }

    /// From now on it takes what it needs, and does not wait; or the other way
    /// round.
    pub(crate) fn force(&mut self, is_forced: bool) {
        self.is_forced = is_forced;
    }

    /// Makes sure of so many bytes in all, before they are taken, or joins the
    /// line; whether they are there. Where the message was let go, they never
    /// will be.
    #[inline]
    pub(crate) fn reserve(&mut self, held: usize) -> bool {
        self.try_reserve(held) || self.reserve_in_line(held.saturating_sub(OWN))
    }

    /// Makes sure of more than is needed, if there is as much and an eighth of the
    /// budget is left for others.
    #[inline]
    pub(crate) fn try_reserve_more(&mut self, held: usize) -> bool {
        let bytes = held.saturating_sub(OWN);
        let more = bytes.saturating_sub(self.message.bytes());
        (more == 0 || self.budget().has_plenty(more)) && self.try_reserve(held)
    }

    /// Makes sure of so many bytes in all if they are there.
    pub(crate) fn try_reserve(&mut self, held: usize) -> bool {
        let bytes = held.saturating_sub(OWN);
        if bytes <= self.message.bytes() {
            return true;
        }
        if self.goes_beyond || self.is_forced {
            self.message.set(bytes);
            return true;
        }
        let is_there = self.budget().waiting() == 0 && self.message.try_set(bytes);
        if is_there {
            self.stop_waiting();
        }
        is_there
    }

    /// A message has come whole: the next one is looked at anew.
    pub(crate) fn message_ended(&mut self) {
        if !self.is_waiting() && !self.goes_beyond {
            self.at = NEVER;
        }
    }

    fn reserve_in_line(&mut self, bytes: usize) -> bool {
        let budget = self.share.budget().clone();
        let is_there = budget.in_line(|line| {
            let number = *self.number.get_or_insert_with(|| {
                (self.at, self.let_go) = (NEVER, None);
                line.join()
            });
            self.wants = bytes;
            match line.ask(number, &budget) {
                Said::First if self.message.try_set(bytes) => {
                    line.leave(number, &budget);
                    (self.number, self.at) = (None, NEVER);
                    true
                }
                Said::First if line.go_beyond(number) => {
                    (self.goes_beyond, self.at) = (true, NEVER);
                    self.message.set(bytes);
                    true
                }
                Said::First | Said::Wait => false,
                Said::LetGo => {
                    self.is_let_go = true;
                    false
                }
            }
        });
        if is_there {
            // The next one may go on as well.
            budget.call_first();
        }
        is_there
    }

    /// It goes on without what it waited for.
    #[inline]
    pub(crate) fn stop_waiting(&mut self) {
        if self.is_waiting() {
            self.leave_line();
        }
    }

    /// This is what is held now.
    pub(crate) fn settle(&mut self, held: usize) {
        let bytes = held.saturating_sub(OWN);
        if bytes != self.message.bytes() {
            self.message.set(bytes);
        }
        if bytes == 0 && !self.is_waiting() {
            self.end_message();
        }
    }

    /// Whether memory is waited for.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        self.number.is_some() && !self.goes_beyond
    }

    /// The message has ended, and gave back what it held.
    #[inline]
    pub(crate) fn end_message(&mut self) {
        self.at = NEVER;
        if self.number.is_some() {
            self.leave_line();
        }
    }

    #[cold]
    fn leave_line(&mut self) {
        if let Some(number) = self.number.take() {
            (self.goes_beyond, self.is_let_go, self.at) = (false, false, NEVER);
            let budget = self.share.budget();
            budget.in_line(|line| line.leave(number, budget));
            budget.call_first();
        }
    }

    /// Calls `call` once the message that waits can go on.
    pub(crate) fn call(&self, call: Call) {
        let budget = self.budget();
        let call = match self.wait() {
            Some(wait) => budget.in_line(|line| line.call(wait, call, budget)),
            None => Some(call),
        };
        if let Some(call) = call {
            call();
        }
    }

    fn wait(&self) -> Option<Wait> {
        let held = self.message.bytes();
        self.number.map(|number| Wait {
            number,
            held,
            needs: self.wants.saturating_sub(held),
        })
    }

    /// When [`Claim::judge`] wants to be called next; zero means now.
    pub(crate) fn poll_timeout(&self) -> Option<Duration> {
        if !self.is_watched() {
            return None;
        }
        let at = if self.is_let_go { NEVER } else { self.at };
        Some(if at == NEVER { Duration::ZERO } else { at })
    }

    /// Tells the time, and how far the message has come, in bytes.
    ///
    /// # Errors
    ///
    /// It is let go.
    pub(crate) fn judge(&mut self, now: Duration, come: usize) -> Result<(), OutOfMemory> {
        if self.is_let_go || self.is_late(now, come) {
            let budget = self.budget();
            budget.count_closed();
            return Err(OutOfMemory {
                limit: budget.limit(),
            });
        }
        Ok(())
    }

    fn is_watched(&self) -> bool {
        let is_watched = self.is_waiting() || self.is_charged();
        is_watched && self.budget().patience() != NEVER
    }

    fn is_late(&mut self, now: Duration, come: usize) -> bool {
        if !self.is_watched() {
            self.at = NEVER;
            return false;
        }
        let patience = self.budget().patience();
        let armed = self.at != NEVER;
        if armed && now < self.at {
            return false;
        }
        if armed && self.goes(come) {
            return true;
        }
        let delay = match (self.is_waiting(), armed) {
            (true, false) => patience,
            // Another one was let go: its memory comes soon, or the next one goes.
            (true, true) => look_after(patience / 8),
            (false, _) => look_after(patience),
        };
        self.at = after(now, delay, patience);
        self.seen = come;
        false
    }

    /// The patience is over: whether it is this one that goes.
    fn goes(&mut self, come: usize) -> bool {
        if self.is_waiting() {
            return self.is_largest();
        }
        let others_wait = self.budget().waiting() > 0;
        if self.goes_beyond {
            // Nobody else can, as long as this one has not ended.
            return others_wait;
        }
        come.abs_diff(self.seen) < PROGRESS && self.budget().is_short()
    }

    /// Lets the largest message go that waits; whether that is this one.
    fn is_largest(&mut self) -> bool {
        let Some(wait) = self.wait() else {
            return false;
        };
        let budget = self.share.budget();
        let seen = &mut self.let_go;
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

impl Drop for Claim {
    fn drop(&mut self) {
        self.message.set(0);
        self.end_message();
    }
}

/// How long it takes until a look again, also where there is no patience.
pub(crate) fn look_after(time: Duration) -> Duration {
    time.max(Duration::from_millis(100))
}

/// A message that has its memory, and does not come so much further within the
/// patience, is let go where others are short of memory, in bytes.
pub(crate) const PROGRESS: usize = 16 << 10;
