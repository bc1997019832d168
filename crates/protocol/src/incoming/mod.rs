mod assembly;
mod lend;
mod memory;
mod payload;
mod state;

use std::sync::Arc;

use socket_flow_frames::{Negotiated, Role};

use crate::budget::Claim;
use crate::config::Config;
use crate::deadlines::{Activity, Deadlines};
use crate::deflate::{Decompress, decompress};
use crate::error::{AbnormalClosure, ProtocolError};
use crate::event::{CloseFrame, Found};
use crate::incoming::assembly::{Assembly, SHARE_MIN};
use crate::incoming::state::State;
use crate::input::Input;
use crate::outgoing::Outgoing;
use crate::work::Work;

/// The receiving half of a connection: bytes in, events out.
///
/// ```text
///  Input ──step──▶ a whole small frame ─────────▶ Found, in the input itself
///          │
///          ├─────▶ a larger one, all of it there ─▶ split off ──▶ Found
///          │
///          ├─────▶ a large or fragmented one ───▶ assembled ──▶ Found
///          │              ▲
///          │     direct reads of its rest
///          └─────▶ ping, Close ──▶ Outgoing: pong, Close
/// ```
#[derive(Debug)]
pub struct Incoming {
    pub(crate) config: Arc<Config>,
    pub(crate) deadlines: Option<Box<Deadlines>>,
    role: Role,
    /// What arrived since a deadline last looked; see [`Activity`].
    pub(crate) activity: Activity,
    /// What is left of the turn; only [`Incoming::step_in_turn`] stops where it
    /// is used up.
    pub(crate) work: Work,
    /// Whether a turn ended in the middle of the input, where deadlines are
    /// not judged: they are to be once it has been parsed.
    pub(crate) owes_time: bool,
    /// Whether the last step, or read, waits for memory.
    lacks_memory: bool,
    state: State,
    /// The longest message that is found the quick way: a larger one is split
    /// off the input, so that it is sent on without a copy.
    quick_max: u16,
    /// The current message, or, until the next one, the last one that was
    /// assembled.
    assembly: Option<Box<Assembly>>,
    /// How many bytes were unread when the input last ran dry: tells new
    /// bytes from a step that was merely tried again. Invariant: 0 where
    /// nothing has begun.
    waiting: u32,
    /// What most connections have nothing of.
    extras: Option<Box<Extras>>,
}

impl Incoming {
    pub(crate) fn new(role: Role, config: Arc<Config>, negotiated: Negotiated) -> Self {
        let has_extras = negotiated != NOTHING_NEGOTIATED || config.memory().is_some();
        let extras = has_extras.then(|| {
            Box::new(Extras {
                inflate: decompress(&negotiated, role),
                close_frame: None,
                claim: memory::claim(role, &config, &negotiated),
                used_up: 0,
                negotiated,
            })
        });
        let quick_max = config.limits().message.min(SHARE_MIN - 1);
        Self {
            config,
            deadlines: None,
            role,
            quick_max: u16::try_from(quick_max).unwrap_or(u16::MAX),
            activity: Activity::default(),
            work: Work::default(),
            owes_time: false,
            lacks_memory: false,
            state: State::Between,
            assembly: None,
            waiting: 0,
            extras,
        }
    }

    /// Parses input up to the next event. `None`: the input is used up, read
    /// more.
    ///
    /// Pongs and the Close reply are queued in `outgoing`. Bytes behind the
    /// peer's Close, or behind an error, are dropped unread.
    ///
    /// # Errors
    ///
    /// What the peer did wrong. The right Close is queued by then; write it
    /// and end the connection.
    #[inline]
    pub fn step(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if let State::Between = self.state {
            if input.is_empty() {
                return Ok(None);
            }
            if let Some(found) = self.find_small(input) {
                return Ok(Some(found));
            }
        }
        if self.has_claim() {
            // It takes the memory it needs without asking for it.
            self.force_memory(true);
            let result = self.step_turns(input, outgoing);
            self.force_memory(false);
            return result;
        }
        self.step_turns(input, outgoing)
    }

    /// Takes as many turns as a step needs.
    #[inline]
    fn step_turns(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        loop {
            self.work.renew();
            let result = self.step_slow(input, outgoing);
            if !(matches!(result, Ok(None)) && self.work.is_used_up()) {
                return result;
            }
        }
    }

    /// As [`step`](Self::step), and finds nothing once the turn's work is used
    /// up.
    #[inline]
    pub(crate) fn step_in_turn(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if let State::Between = self.state {
            if input.is_empty() {
                return Ok(None);
            }
            if let Some(found) = self.quick(input) {
                return Ok(Some(found));
            }
        }
        self.step_slow(input, outgoing)
    }

    /// The transport ended.
    ///
    /// # Errors
    ///
    /// [`AbnormalClosure`] when the peer's Close had not arrived.
    pub fn receive_eof(&mut self, outgoing: &Outgoing) -> Result<(), AbnormalClosure> {
        self.state = State::Ended;
        if outgoing.closing().is_received() {
            Ok(())
        } else {
            Err(AbnormalClosure)
        }
    }

    /// The peer's Close, once it has arrived; `None` before, and when it
    /// carried no code.
    #[inline]
    pub fn close_frame(&self) -> Option<&CloseFrame> {
        self.extras.as_ref()?.close_frame.as_ref()
    }

    /// Whether a frame or a fragmented message has begun and not ended.
    pub fn is_unfinished(&self) -> bool {
        !matches!(
            self.state,
            State::Between | State::Paused | State::Shared | State::Ended
        )
    }

    /// Which end of the connection this is.
    #[inline]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The settings of the connection.
    #[inline]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What the opening handshake agreed on.
    #[inline]
    pub fn negotiated(&self) -> &Negotiated {
        match &self.extras {
            Some(extras) => &extras.negotiated,
            None => &NOTHING_NEGOTIATED,
        }
    }

    /// Whether nothing has begun: all input is parsed, and neither a frame nor
    /// a message has begun, nor is one lent that shares the input's memory. A
    /// step would find nothing then.
    #[inline]
    pub fn is_idle(&self, input: &Input) -> bool {
        self.is_untouched() && input.is_empty()
    }

    /// The fast path of [`Incoming::step`]: a whole, small, unfragmented
    /// message at the start of the input. `None` leaves everything, errors
    /// included, to `step`.
    #[inline(always)]
    pub fn quick(&mut self, input: &mut Input) -> Option<Found> {
        if !self.is_untouched() {
            return None;
        }
        // Also where it is found the slow way, which begins here.
        match self.work.message() {
            true => self.find_small(input),
            false => None,
        }
    }

    #[inline(always)]
    fn find_small(&mut self, input: &mut Input) -> Option<Found> {
        let found = input.whole_frame(self.role, self.quick_max.into())?;
        self.activity.0 = Activity::MESSAGE;
        Some(found)
    }

    /// What lies at the start of the input was not found the quick way: the next
    /// step need not look for that once more.
    pub(crate) fn begin_slowly(&mut self, input: &Input) {
        if self.is_untouched() && !input.is_empty() {
            self.state = State::Begun;
        }
    }

    #[inline(never)]
    fn step_slow(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if let State::Shared = self.state {
            self.unshare();
        }
        if input.len() != self.waiting as usize {
            self.activity.0 |= Activity::BYTES;
        }
        self.lacks_memory = false;
        let result = self.advance(input, outgoing);
        if let Err(error) = result {
            self.fail(error, outgoing);
        }
        self.waiting = match result {
            // A frame that stays in the input is below 4 GiB.
            Ok(None) if !self.work.is_used_up() && !self.lacks_memory => input.len() as u32,
            _ => 0,
        };
        if self.has_claim() {
            if self.waiting > 0 && self.has_more_to_make(input) {
                // Memory is short: only so much was made at once.
                return self.step_slow(input, outgoing);
            }
            self.settle_memory(input);
        }
        result
    }

    fn advance(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        loop {
            if let State::Ended = self.state {
                input.discard();
                return Ok(None);
            }
            if self.work.is_used_up() {
                return Ok(None);
            }
            if !self.state.is_in_frame() && !self.begin(input)? {
                return Ok(None);
            }
            // The result that ends a message is returned as it is: taken apart and made anew, it
            // costs 15 instructions for each message.
            let result = match &self.state {
                State::Part(part) if part.message.compressed => self.inflate(input),
                State::Part(_) => self.assemble(input),
                _ => self.hold(input, outgoing),
            };
            if !matches!(result, Ok(None)) || self.state.is_in_frame() {
                return result;
            }
        }
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    #[cold]
    fn fail(&mut self, error: ProtocolError, outgoing: &mut Outgoing) {
        self.end();
        outgoing.fail(&error);
    }

    fn end(&mut self) {
        self.state = State::Ended;
        self.assembly = None;
        if let Some(extras) = self.extras.as_deref_mut() {
            // Its context may be half of the memory, and the closing handshake be long.
            extras.inflate = None;
        }
    }

    /// Others have their turn, and this connection another one after them.
    pub(crate) fn renew_turn(&mut self) {
        self.work.renew();
        if let Some(extras) = self
            .extras
            .as_deref_mut()
            .filter(|all| all.inflate.is_some())
        {
            extras.used_up = extras.used_up.saturating_add(1);
        }
    }

    /// Whether so many turns were used up since this last said so that the
    /// transport may have failed long before all that was read is parsed.
    pub(crate) fn doubts_transport(&mut self) -> bool {
        match self.extras.as_deref_mut() {
            Some(extras) if extras.used_up >= DOUBTED_AFTER => {
                extras.used_up = 0;
                true
            }
            _ => false,
        }
    }

    /// Nothing is parsed any more: all memory is given back.
    #[cold]
    pub(crate) fn give_up(&mut self, input: &Input) {
        self.end();
        if self.has_claim() {
            self.settle_memory(input);
        }
    }

    /// Whether nothing has arrived of the next message, and nothing has to be
    /// done before it is parsed.
    #[inline(always)]
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(self.state, State::Between)
    }
}

/// What few connections have, and none until it needs it.
#[derive(Debug, Default)]
struct Extras {
    /// Present where permessage-deflate was agreed on.
    inflate: Option<Decompress>,
    /// The peer's Close, once it has arrived with a code.
    close_frame: Option<CloseFrame>,
    /// Present where the connection draws from a budget.
    claim: Option<Claim>,
    /// Turns that were used up since the transport was last doubted.
    used_up: u8,
    negotiated: Negotiated,
}

/// A read notices that the transport has failed, but comes only once all input is
/// parsed, and 66 KiB of it may be a thousand turns of inflating: after so many the
/// transport is asked. Where nothing is inflated they are 264 at most.
const DOUBTED_AFTER: u8 = 4;

static NOTHING_NEGOTIATED: Negotiated = Negotiated::NOTHING;
