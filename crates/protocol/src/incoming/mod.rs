mod activity;
mod assembly;
mod frame;
mod lend;
mod memory;
mod payload;

use std::sync::Arc;

use socket_flow_frames::{FrameHeader, Negotiated, Role, Rsv, Utf8Bytes, decode_close};

use crate::budget::Claim;
use crate::config::Config;
use crate::deadlines::Deadlines;
use crate::deflate::{Decompress, decompress};
use crate::error::{AbnormalClosure, ProtocolError};
use crate::event::{CloseFrame, Found};
use crate::incoming::assembly::{Assembly, SHARE_MIN};
use crate::incoming::frame::{Frame, Under};
use crate::input::Input;
use crate::outgoing::Outgoing;
use crate::work::Work;

pub(crate) use activity::Activity;

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
    /// Set by the peer's Close and by every failure: nothing is parsed any
    /// more.
    ended: bool,
    /// Whether the next bytes are a new message's, or a control frame's, and
    /// nothing has to be done before they are parsed. Invariant: neither
    /// `frame` nor `message`, nor `ended`, nor a message in the input's
    /// memory, nor one that is held back; see [`Incoming::settle`].
    between: bool,
    /// The longest message that is found the quick way: none that is linked
    /// when it is sent on, see [`Incoming::share`].
    quick_max: u16,
    /// The fragmented or large message under way.
    message: Option<Under>,
    /// The frame under way, its header consumed.
    frame: Option<Frame>,
    /// The message under way, or, until the next one, the last one found
    /// that does not lie in the input itself.
    assembly: Option<Box<Assembly>>,
    /// How many bytes were unread when the input last ran dry: tells new
    /// bytes from a step that was merely tried again.
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
            ended: false,
            between: true,
            message: None,
            frame: None,
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
        if self.between && input.is_empty() {
            // Nothing has begun, and nothing is there.
            self.waiting = 0;
            return Ok(None);
        }
        match self.find_small(input) {
            Some(found) => Ok(Some(found)),
            None => self.step_through(input, outgoing),
        }
    }

    /// Takes as many turns as a step needs.
    #[inline]
    fn step_through(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if self.has_claim() {
            return self.step_through_claimed(input, outgoing);
        }
        self.step_turns(input, outgoing)
    }

    /// The same with a budget: it takes the memory it needs without asking for it.
    #[cold]
    #[inline(never)]
    fn step_through_claimed(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        self.force_memory(true);
        let result = self.step_turns(input, outgoing);
        self.force_memory(false);
        result
    }

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
        if self.between && input.is_empty() {
            // Nothing has begun, and nothing is there.
            self.waiting = 0;
            return Ok(None);
        }
        match self.quick(input) {
            Some(found) => Ok(Some(found)),
            None => self.step_slow(input, outgoing),
        }
    }

    /// The transport ended.
    ///
    /// # Errors
    ///
    /// [`AbnormalClosure`] when the peer's Close had not arrived.
    pub fn receive_eof(&mut self, outgoing: &Outgoing) -> Result<(), AbnormalClosure> {
        self.ended = true;
        self.settle();
        if outgoing.closing().is_received() {
            Ok(())
        } else {
            Err(AbnormalClosure)
        }
    }

    /// Gives memory back that an idle connection does not need: call it
    /// before waiting for input. A message of 16 KiB or more that was lent, or
    /// an assembled one, is gone.
    #[inline]
    pub fn release(&mut self) {
        let Some(assembly) = &self.assembly else {
            return;
        };
        // Nothing has come of the message under way but a header: what it
        // could be put together in may be the memory of a large one before it.
        if self.message.is_none() || assembly.buf.is_empty() {
            self.assembly = None;
            self.settle();
        } else {
            self.shrink();
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
        !self.ended && (self.waiting > 0 || self.frame.is_some() || self.message.is_some())
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
    /// a message is under way, nor one lent that shares the input's memory. A
    /// step would find nothing then.
    #[inline]
    pub fn is_idle(&mut self, input: &Input) -> bool {
        let is_idle = self.between && input.is_empty();
        if is_idle {
            self.waiting = 0;
        }
        is_idle
    }

    /// The fast path of [`Incoming::step`]: a whole, small, unfragmented
    /// message at the start of the input. `None` leaves everything, errors
    /// included, to `step`.
    #[inline(always)]
    pub fn quick(&mut self, input: &mut Input) -> Option<Found> {
        if !self.between {
            return None;
        }
        // Also where it is found the slow way, which begins here.
        self.work.message();
        if self.work.is_overdrawn() {
            return None;
        }
        self.find_small(input)
    }

    #[inline(always)]
    fn find_small(&mut self, input: &mut Input) -> Option<Found> {
        if !self.between {
            return None;
        }
        let found = input.whole_frame(self.role, self.quick_max.into())?;
        self.activity.note_message();
        Some(found)
    }

    #[inline(never)]
    fn step_slow(
        &mut self,
        input: &mut Input,
        outgoing: &mut Outgoing,
    ) -> Result<Option<Found>, ProtocolError> {
        if let Some(assembly) = &mut self.assembly {
            assembly.forget_shared();
        }
        if input.len() != self.waiting as usize {
            self.activity.note_bytes();
        }
        self.lacks_memory = false;
        let result = self.advance(input, outgoing);
        if let Err(error) = result {
            self.fail(error, outgoing);
        }
        self.waiting = match result {
            // A frame under way that stays in the input is below 4 GiB.
            Ok(None) if !self.work.is_used_up() && !self.lacks_memory => input.len() as u32,
            _ => 0,
        };
        self.settle();
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
            if self.ended {
                input.discard();
                return Ok(None);
            }
            if self.work.is_used_up() {
                return Ok(None);
            }
            let frame = match self.frame.take() {
                Some(frame) => frame,
                None => {
                    let decoded = FrameHeader::decode_for(input.unread(), self.role, self.rsv());
                    match decoded? {
                        Some((header, len)) => {
                            input.consume(len);
                            self.begin(&header, input.len())?
                        }
                        None => return Ok(None),
                    }
                }
            };
            // The result that ends a message is returned as it is: taken apart and made anew, it
            // costs 15 instructions for each message.
            if frame.in_place {
                let result = self.hold(frame, input, outgoing);
                if !matches!(result, Ok(None)) {
                    return result;
                }
            } else if frame.compressed {
                let result = self.inflate(frame, input);
                if !matches!(result, Ok(None)) {
                    return result;
                }
            } else if let Some(found) = self.assemble(frame, input)? {
                return Ok(Some(found));
            }
            if self.frame.is_some() {
                return Ok(None);
            }
        }
    }

    /// The reserved bits a frame may carry at all.
    #[inline]
    fn rsv(&self) -> Rsv {
        if self
            .extras
            .as_ref()
            .is_some_and(|extras| extras.inflate.is_some())
        {
            Rsv::RSV1
        } else {
            Rsv::NONE
        }
    }

    /// Checks a Close and answers it (RFC 6455 §5.5.1).
    fn receive_close(
        &mut self,
        payload: &[u8],
        outgoing: &mut Outgoing,
    ) -> Result<(), ProtocolError> {
        let close = decode_close(payload).map_err(ProtocolError::Close)?;
        self.end();
        outgoing.receive_close(close.map(|(code, _)| code));
        if let Some((code, reason)) = close {
            let reason = Utf8Bytes::from(reason);
            self.extras.get_or_insert_default().close_frame = Some(CloseFrame { code, reason });
        }
        Ok(())
    }

    /// Fails the connection (RFC 6455 §7.1.7).
    #[cold]
    fn fail(&mut self, error: ProtocolError, outgoing: &mut Outgoing) {
        self.end();
        outgoing.fail(&error);
    }

    fn end(&mut self) {
        self.ended = true;
        self.frame = None;
        self.message = None;
        self.assembly = None;
        if let Some(extras) = self.extras.as_deref_mut() {
            // Its context may be half of the memory, and the closing handshake be long.
            extras.inflate = None;
        }
        self.settle();
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

    /// Whether a message is put together, or was.
    #[inline(always)]
    pub(crate) fn holds(&self) -> bool {
        self.assembly.is_some()
    }

    /// Nothing is parsed any more: all memory is given back.
    #[cold]
    pub(crate) fn give_up(&mut self, input: &Input) {
        self.end();
        self.settle_memory(input);
    }

    /// Nothing is found quickly until the next [`settle`](Self::settle): what
    /// was found waits, or nothing is parsed any more.
    pub(crate) fn pause(&mut self) {
        self.between = false;
    }

    /// Keeps the invariant of `between`; to be called when one of the others
    /// may have changed.
    pub(crate) fn settle(&mut self) {
        let assembly = self.assembly.as_deref();
        self.between = self.frame.is_none()
            && self.message.is_none()
            && !self.ended
            && !assembly.is_some_and(Assembly::shares_input);
    }

    /// Whether nothing has arrived of the next message.
    #[inline]
    pub(crate) fn is_untouched(&self) -> bool {
        self.between && self.waiting == 0
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
