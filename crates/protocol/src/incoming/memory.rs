//! What the receiving half holds, and what of it a budget is asked for before it
//! grows.

use std::time::Duration;

use socket_flow_frames::{Negotiated, ReceiveBuf, Role};

use crate::budget::{Call, Claim, OWN};
use crate::config::Config;
use crate::deadlines::Activity;
use crate::deflate::{Makes, STEP, kept_memory};
use crate::error::OutOfMemory;
use crate::growth::{grow, grown};
use crate::incoming::payload::{usual, wanted};
use crate::incoming::state::State;
use crate::incoming::{Extras, Incoming};
use crate::input::Input;

impl Extras {
    /// Whether the connection draws from a budget.
    #[inline(always)]
    fn has_claim(&self) -> bool {
        self.claim.is_some()
    }
}

impl Incoming {
    /// Gives memory back that an idle connection does not need: call it
    /// before waiting for input. A message of 16 KiB or more that was lent, or
    /// an assembled one, is gone.
    #[inline]
    pub fn release(&mut self) {
        let is_in_message = self.state.is_in_message();
        if let State::Shared = self.state {
            self.state = State::Between;
        }
        match &self.assembly {
            Some(assembly) if is_in_message && !assembly.buf.is_empty() => self.shrink(),
            // Where only a header of the current message has come, its memory may be that of a
            // large one before it.
            _ => self.assembly = None,
        }
    }

    /// Whether a message is put together, or was.
    #[inline(always)]
    pub(crate) fn holds(&self) -> bool {
        self.assembly.is_some()
    }

    /// Makes room in the current message for `arriving` bytes of its frame; or
    /// says that it waits for memory.
    #[inline]
    pub(crate) fn make_room(&mut self, arriving: usize, input: &Input) -> bool {
        let State::Part(part) = &self.state else {
            return true;
        };
        let limit = self.config.limits().message;
        let message = &mut self.assembly.get_or_insert_default().buf;
        let (most, rest) = (part.most(message.len(), limit), part.rest());
        let Some(additional) = wanted(message, arriving, rest) else {
            return true;
        };
        if self.extras.as_deref().is_some_and(Extras::has_claim) {
            // Also where memory is short a message is not moved for every read.
            let least = OWN.max(message.len() / 8);
            let needed = arriving.max(rest.min(least)).max(1);
            return self.reserve_room(additional, needed, most, input);
        }
        grow(message, additional, most);
        true
    }

    /// Grows the current message by `additional` bytes, or, where memory is
    /// short, by no more than it needs.
    #[cold]
    fn reserve_room(
        &mut self,
        additional: usize,
        needed: usize,
        most: usize,
        input: &Input,
    ) -> bool {
        let Some(message) = self.assembly.as_mut().map(|assembly| &mut assembly.buf) else {
            return true;
        };
        let (all, least) = (grown(message, additional, most), message.len() + needed);
        let rest = own(input) + self.context(false);
        let additional = match self.try_reserve_more(rest + all) {
            true => additional,
            false if self.reserve(rest + least) => needed,
            false => return false,
        };
        if let Some(assembly) = &mut self.assembly {
            match additional == needed {
                true => assembly.buf.reserve_exact(needed),
                false => grow(&mut assembly.buf, additional, most),
            }
        }
        true
    }

    /// Makes sure of memory for what the next step of inflating makes of `there` bytes of
    /// a frame's rest, and says how much that may be. `is_small` says that it is all of a
    /// message that may be inflated at once.
    pub(super) fn reserve_inflated(
        &mut self,
        is_small: bool,
        there: usize,
        all_of_it: usize,
        input: &Input,
    ) -> Makes {
        if there == 0 && all_of_it > 0 {
            return Makes::Later;
        }
        let limit = self.config.limits().message;
        let (rest, context) = (own(input), self.context(true));
        // Where there is a context, it has taken some of the message.
        let is_small = is_small && self.context(false) == 0;
        let message = self.assembly.as_ref().map(|assembly| &assembly.buf);
        let no_message = ReceiveBuf::new();
        let message = message.unwrap_or(&no_message);
        let room = limit.saturating_sub(message.len());
        let grown = |step: usize| grown(message, step.min(room), limit);
        // A small message fits the share: nothing is counted for it.
        if there <= OWN / 4 && rest + context + grown(OWN) <= OWN {
            return Makes::Some(OWN);
        }
        let (all, least) = (grown(STEP), grown(LEAST_STEP));
        if self.try_reserve_more(rest + context + all) {
            return Makes::Some(STEP);
        }
        if context > 0 && is_small {
            // It needs the context for a moment only: no more than a thread has.
            return match there == all_of_it {
                true if self.reserve(rest + least) => Makes::Whole(LEAST_STEP),
                true => Makes::Nothing,
                false => Makes::Later,
            };
        }
        match self.reserve(rest + context + least) {
            true => Makes::Some(LEAST_STEP),
            false => Makes::Nothing,
        }
    }

    /// Makes sure of so much memory for the input, beside what the current message
    /// holds; whether it may be taken.
    pub(crate) fn reserve_input(&mut self, capacity: usize) -> bool {
        if !self.state.is_in_message() {
            // The last message was lent until now.
            self.release();
        }
        let held = self.held();
        let is_reserved = self.reserve(held + capacity);
        self.find_slowly_beyond();
        is_reserved
    }

    /// As [`reserve_input`](Self::reserve_input), without waiting for it.
    pub(crate) fn try_reserve_input(&mut self, capacity: usize) -> bool {
        let held = self.held();
        self.try_reserve(held + capacity)
    }

    /// Whether some of a compressed message is there that the step left, though work
    /// is left: it made as much as it had memory for.
    #[cold]
    pub(super) fn has_more_to_make(&self, input: &Input) -> bool {
        let is_left = matches!(self.state, State::Part(part) if part.ahead > 0);
        is_left && !input.is_empty()
    }

    /// What the peer sends lies unread: its silence is not its own.
    pub(crate) fn reads_nothing(&mut self) {
        self.activity.0 = Activity::MESSAGE;
    }

    /// Goes on without the memory that was waited for, if any was.
    #[inline]
    pub(crate) fn stop_waiting(&mut self) {
        self.lacks_memory = false;
        if let Some(claim) = self.claim_mut() {
            claim.stop_waiting();
        }
    }

    /// Whether it draws from a budget.
    #[inline]
    pub(crate) fn has_claim(&self) -> bool {
        self.extras.as_deref().is_some_and(Extras::has_claim)
    }

    /// Whether a step, or a read, waits for memory.
    #[inline]
    pub(crate) fn lacks_memory(&self) -> bool {
        self.lacks_memory
    }

    /// When [`judge_memory`](Self::judge_memory) wants to be called next.
    pub(crate) fn poll_memory(&self) -> Option<Duration> {
        self.claim()?.poll_timeout()
    }

    /// A message has come whole.
    #[inline]
    pub(super) fn message_ended(&mut self) {
        if let Some(claim) = self.claim_mut() {
            claim.message_ended();
        }
    }

    /// Tells the time, and how much of a frame lies in the input, in bytes.
    ///
    /// # Errors
    ///
    /// The message is let go, for want of memory.
    pub(crate) fn judge_memory(&mut self, now: Duration, unread: usize) -> Result<(), OutOfMemory> {
        let come = self.assembly.as_ref();
        let come = come.map_or(0, |assembly| assembly.buf.len()) + unread;
        let Some(claim) = self.claim_mut() else {
            return Ok(());
        };
        claim.judge(now, come)
    }

    /// Calls `call` once there may be memory.
    pub(crate) fn when_there_is_memory(&self, call: Call) {
        match self.claim() {
            Some(claim) => claim.call(call),
            None => call(),
        }
    }

    /// A message begins: memory that the last one took beyond the budget is not kept for
    /// it. It waits like all others.
    #[inline]
    pub(super) fn give_back(&mut self) {
        if self.claim().is_some_and(Claim::is_handed_out) {
            self.give_back_claimed();
        }
    }

    #[cold]
    fn give_back_claimed(&mut self) {
        if let Some(claim) = self.claim_mut() {
            claim.give_back();
        }
        self.assembly = None;
    }

    /// Everything that is held is known to the budget after this.
    pub(crate) fn settle_memory(&mut self, input: &Input) {
        let held = self.held() + own(input);
        // Nothing beyond the share, as before: most often.
        if held > OWN || self.claim().is_some_and(Claim::is_in_use) {
            self.settle_claim(held);
        }
    }

    /// A message that goes beyond the budget is not found the quick way, which tells
    /// nobody that it is handed out.
    fn find_slowly_beyond(&mut self) {
        if self.claim().is_some_and(Claim::goes_beyond) {
            self.pause();
        }
    }

    #[cold]
    fn settle_claim(&mut self, held: usize) {
        let is_ended = matches!(self.state, State::Ended);
        let has_begun = self.state.is_in_frame() || self.state.is_in_message();
        let Some(claim) = self.claim_mut() else {
            return;
        };
        claim.settle(held, has_begun);
        if is_ended {
            claim.end_message();
        } else if claim.is_charged() {
            // Which is looked at before the connection waits.
            self.assembly.get_or_insert_default();
        }
        self.find_slowly_beyond();
    }

    /// Whether steps take the memory they need without asking for it.
    pub(super) fn force_memory(&mut self, is_forced: bool) {
        if let Some(claim) = self.claim_mut() {
            claim.force(is_forced);
        }
    }

    /// Gives back what the current message does not need: memory that another one
    /// left.
    pub(super) fn shrink(&mut self) {
        let Some(assembly) = &mut self.assembly else {
            return;
        };
        let message = &mut assembly.buf;
        if message.capacity() / 2 > usual(message.len()) {
            let mut exact = ReceiveBuf::with_capacity(message.len());
            exact.extend_from_slice(message);
            // Text is checked once more, as far as it was.
            *message = exact;
        }
    }

    fn reserve(&mut self, held: usize) -> bool {
        let claim = self.claim_mut();
        let is_reserved = claim.is_none_or(|claim| claim.reserve(held));
        self.lacks_memory = !is_reserved;
        is_reserved
    }

    fn try_reserve_more(&mut self, held: usize) -> bool {
        let claim = self.claim_mut();
        claim.is_none_or(|claim| claim.try_reserve_more(held))
    }

    fn try_reserve(&mut self, held: usize) -> bool {
        let claim = self.claim_mut();
        claim.is_none_or(|claim| claim.try_reserve(held))
    }

    /// What the message holds, in bytes.
    fn held(&self) -> usize {
        // What shares the input's memory is counted there.
        let shares = matches!(self.state, State::Shared);
        let message = self.assembly.as_ref();
        message.map_or(0, |assembly| assembly.held(!shares)) + self.context(false)
    }

    /// The context that is not kept from message to message.
    fn context(&self, for_message: bool) -> usize {
        let inflate = self
            .extras
            .as_deref()
            .and_then(|extras| extras.inflate.as_ref());
        inflate.map_or(0, |inflate| inflate.borrows(for_message))
    }

    fn claim(&self) -> Option<&Claim> {
        self.extras.as_deref()?.claim.as_ref()
    }

    fn claim_mut(&mut self) -> Option<&mut Claim> {
        self.extras.as_deref_mut()?.claim.as_mut()
    }
}

/// The claim of a connection that opens.
pub(super) fn claim(role: Role, config: &Config, negotiated: &Negotiated) -> Option<Claim> {
    let budget = config.memory()?;
    let contexts = kept_memory(negotiated, role, config.deflate_settings());
    Some(Claim::new(budget, contexts))
}

/// The memory that an input has for itself.
fn own(input: &Input) -> usize {
    if input.has_buffer() {
        0
    } else {
        input.capacity()
    }
}

/// What is made of a compressed message where memory is short.
const LEAST_STEP: usize = 4 << 10;
