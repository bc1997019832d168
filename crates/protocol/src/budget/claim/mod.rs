mod patience;

use std::mem;
use std::time::Duration;

use crate::budget::line::Said;
use crate::budget::wait::{Call, Number, Wait};
use crate::budget::{Budget, Lease, OWN, Purpose};
use crate::config::NEVER;

pub(crate) use patience::{PROGRESS, look_after};

/// What a connection's receiving half has of the budget.
#[derive(Debug)]
pub(crate) struct Claim {
    /// What every connection is charged.
    share: Lease,
    /// Contexts that are kept from message to message.
    contexts: Lease,
    /// What is held for the current message beyond half of the share.
    message: Lease,
    stand: Stand,
    /// Whether it takes what it needs without asking.
    is_forced: bool,
    /// When the patience ends of whoever waits for memory, or when its message is
    /// looked at; `NEVER` while it is not measured.
    at: Duration,
    /// How far the message had come when it was last looked at, in bytes.
    seen: usize,
}

/// Where the current message stands.
///
/// ```text
///            ┌──────────── there is memory ◀────────────┐
///            ▼                                          │
///          Apart ── it finds none ─▶ Waits ── the oldest, and nobody else is
///            ▲                        │              │
///            │        the largest when a patience    ▼
///            │                is over ▼            Beyond ── whole ─▶ HandedOut
///            │                      LetGo            │                    │
///            └── it ended, or goes on without ◀──────┴────────────────────┘
/// ```
// A look at the tag is one comparison, also where the fields have a niche for it.
#[repr(u8)]
#[derive(Debug)]
enum Stand {
    /// Not in the line: it has what it needs.
    Apart,
    Waits(Box<Waiting>),
    /// It was let go while it waited.
    LetGo(Number),
    /// It takes what it needs, beyond the budget.
    Beyond(Number),
    /// It did, and is whole, so it is handed out. What it holds stays charged until it is
    /// gone, or the next one begins. The application may keep it for as long as it likes; so
    /// a message that waits for too long takes the right over.
    HandedOut(Number),
}

/// A message that waits for memory.
#[derive(Debug)]
struct Waiting {
    /// How old its wait is.
    number: Number,
    /// What it waits for, in bytes, beyond half of the share.
    wants: usize,
    /// When a small one was first looked at.
    since: Option<Duration>,
    /// What it knew of those that were let go when it was last looked at, if it
    /// waited too long.
    let_go: Option<u64>,
    /// Whose message was handed out beyond the budget when this was last looked at,
    /// and when that was first so.
    handed_out: Option<(Number, Duration)>,
}

impl Claim {
    /// The claim of a connection that opens, with so many bytes of contexts that
    /// are kept. They are charged whether there is room or not.
    pub(crate) fn new(budget: &Budget, contexts: usize) -> Self {
        let mut claim = Self {
            share: budget.lease(Purpose::Connections),
            contexts: budget.lease(Purpose::Contexts),
            message: budget.lease(Purpose::Receiving),
            stand: Stand::Apart,
            is_forced: false,
            at: NEVER,
            seen: 0,
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
        self.is_charged() || !matches!(self.stand, Stand::Apart)
    }

    /// Whether its message takes what it needs, beyond the budget.
    pub(crate) fn goes_beyond(&self) -> bool {
        matches!(self.stand, Stand::Beyond(_))
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
        if self.is_forced || self.goes_beyond() {
            self.message.set(bytes);
            return true;
        }
        let is_first = bytes < self.budget().smallest_waiting();
        let is_there = is_first && self.message.try_set(bytes);
        if is_there {
            self.stop_waiting();
        }
        is_there
    }

    /// A message has come whole: the next one is looked at anew.
    pub(crate) fn message_ended(&mut self) {
        if matches!(self.stand, Stand::Apart) {
            self.at = NEVER;
        }
    }

    /// Whether its last message went beyond the budget, and what it held is still
    /// charged.
    #[inline]
    pub(crate) fn is_handed_out(&self) -> bool {
        matches!(self.stand, Stand::HandedOut(_))
    }

    /// What the last message held is gone.
    pub(crate) fn give_back(&mut self) {
        self.message.set(0);
        self.end_message();
    }

    fn reserve_in_line(&mut self, bytes: usize) -> bool {
        if self.is_handed_out() {
            // The input needs memory: it has a wait of its own.
            self.leave_line();
        }
        let stand = mem::replace(&mut self.stand, Stand::Apart);
        let budget = self.share.budget();
        let message = &mut self.message;
        let (stand, is_new) = budget.in_line(|line| {
            let (mut waiting, is_new) = match stand {
                Stand::Waits(waiting) => (waiting, false),
                Stand::LetGo(number) => return (Stand::LetGo(number), false),
                _ => (Box::new(Waiting::new(line.join())), true),
            };
            waiting.wants = bytes;
            let number = waiting.number;
            let stand = match line.ask(&waiting.wait(message.bytes()), budget) {
                Said::MayTake { room: true, .. } if message.try_set(bytes) => {
                    line.leave(number, budget);
                    Stand::Apart
                }
                Said::MayTake { beyond: true, .. } if line.go_beyond(number) => {
                    message.set(bytes);
                    Stand::Beyond(number)
                }
                Said::MayTake { .. } => Stand::Waits(waiting),
                Said::LetGo => Stand::LetGo(number),
            };
            (stand, is_new)
        });
        self.stand = stand;
        let is_there = !self.is_waiting();
        if is_there {
            // The next one may go on as well.
            self.budget().call_first();
        }
        if is_there || is_new {
            self.at = NEVER;
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

    /// This is what is held now, and whether a message has begun and not ended.
    pub(crate) fn settle(&mut self, held: usize, has_begun: bool) {
        let bytes = held.saturating_sub(OWN);
        if bytes != self.message.bytes() {
            self.message.set(bytes);
        }
        match self.stand {
            // It is whole.
            Stand::Beyond(number) if !has_begun => {
                (self.stand, self.at) = (Stand::HandedOut(number), NEVER);
                self.budget().in_line(|line| line.hand_out(number));
            }
            // It is gone, and not only what was beside it.
            Stand::HandedOut(_) if has_begun => self.leave_line(),
            _ => {}
        }
        if bytes == 0 && !self.is_waiting() {
            self.end_message();
        }
    }

    /// Whether memory is waited for.
    #[inline]
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.stand, Stand::Waits(_) | Stand::LetGo(_))
    }

    /// The message has ended, and gave back what it held.
    #[inline]
    pub(crate) fn end_message(&mut self) {
        self.at = NEVER;
        if !matches!(self.stand, Stand::Apart) {
            self.leave_line();
        }
    }

    #[cold]
    fn leave_line(&mut self) {
        self.at = NEVER;
        let number = match mem::replace(&mut self.stand, Stand::Apart) {
            Stand::Apart => return,
            Stand::Waits(waiting) => waiting.number,
            Stand::LetGo(number) | Stand::Beyond(number) | Stand::HandedOut(number) => number,
        };
        let budget = self.budget();
        budget.in_line(|line| line.leave(number, budget));
        budget.call_first();
    }

    /// Calls `call` once the message that waits can go on.
    pub(crate) fn call(&self, call: Call) {
        let budget = self.budget();
        let call = match &self.stand {
            Stand::Waits(waiting) => {
                let wait = waiting.wait(self.message.bytes());
                budget.in_line(|line| line.call(wait, call, budget))
            }
            _ => Some(call),
        };
        if let Some(call) = call {
            call();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl Waiting {
    fn new(number: Number) -> Self {
        Self {
            number,
            wants: 0,
            since: None,
            let_go: None,
            handed_out: None,
        }
    }

    /// What a message that holds so much waits for.
    fn wait(&self, held: usize) -> Wait {
        Wait {
            number: self.number,
            held,
            needs: self.wants.saturating_sub(held),
        }
    }
}
