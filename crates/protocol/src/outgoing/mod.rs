mod backlog;
mod control;
mod parts;
mod rare;

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use socket_flow_frames::{Negotiated, OpCode, Role, Rsv};

use crate::closing::Closing;
use crate::config::{Config, NEVER};
use crate::deadlines::Watch;
use crate::deflate::{AT_ONCE, ByTurns, Compress, compress};
use crate::error::{Expired, SendError};
use crate::frame_queue::{FrameQueue, LINK_MIN};
use crate::mask_keys::MaskKeys;
use crate::message::{self, Compression, Payload, Prepared};
use crate::outgoing::backlog::{Compressor, Job};
use crate::outgoing::control::Pong;
use crate::outgoing::parts::Parts;
use crate::outgoing::rare::Rare;
use crate::queue::{Pressed, WriteQueue};

/// The sending half of a connection: messages in, whole frames out.
///
/// The receiving half writes its pongs and the Close reply into it; see
/// [`Incoming::step`](crate::Incoming::step).
///
/// A message, or a part of one, of more than 64 KiB that is to be compressed is
/// kept as it is at first. The [`driver`](crate::driver) compresses it by turns,
/// some in each, and other tasks run in between; [`Outgoing::output`] compresses
/// what is left of it at once. Until then the queue counts as full. Pings and
/// pongs do not wait for it. A Close does, whoever began to close and why: what
/// was taken leaves before it.
#[derive(Debug)]
pub struct Outgoing {
    frames: FrameQueue,
    /// Messages shorter than this need no other decision than whether there
    /// is room; see [`Outgoing::settle_plain`].
    plain_below: u16,
    /// Present where permessage-deflate was agreed on.
    compress: Option<Box<Compressor>>,
    closing: Closing,
    /// The message that is sent part by part, while one is.
    parts: Option<Parts>,
    /// Pongs encoded since the queue last held none.
    pongs: u8,
    /// Where the last pong ends, in bytes since the connection began.
    pongs_end: u64,
    /// Whether a message was queued since [`Outgoing::take_message_flag`].
    message: bool,
    /// Whether there is more to look at before a message is handed out than
    /// whether the queue is full, or was once: a pong waits, messages may be
    /// compressed, or others hand them in.
    watched: bool,
    /// What few connections have. Invariant: `watched` where there is a pong.
    extras: Option<Box<Extras>>,
    /// Whether what left the queue is held back by the transport, see
    /// [`Outgoing::set_unflushed`]; pings without data whose pongs may come.
    rare: Rare,
}

impl Outgoing {
    pub(crate) fn client(config: Arc<Config>, negotiated: &Negotiated, seed: [u8; 32]) -> Self {
        let compress = compress(negotiated, Role::Client, config.deflate_settings());
        Self::new(config, Some(MaskKeys::new(seed)), compress)
    }

    pub(crate) fn server(config: Arc<Config>, negotiated: &Negotiated) -> Self {
        let compress = compress(negotiated, Role::Server, config.deflate_settings());
        Self::new(config, None, compress)
    }

    fn new(config: Arc<Config>, keys: Option<MaskKeys>, compress: Option<Compress>) -> Self {
        let mut outgoing = Self {
            plain_below: 0,
            frames: FrameQueue::new(keys, with_room(config)),
            compress: compress.map(|codec| Box::new(Compressor::new(codec))),
            closing: Closing::Open,
            parts: None,
            pongs: 0,
            pongs_end: 0,
            message: false,
            watched: false,
            extras: None,
            rare: Rare::default(),
        };
        outgoing.watched = outgoing.compress.is_some();
        outgoing.settle_plain();
        outgoing
    }

    /// Queues a message, in one frame or, beyond
    /// [`Limits::fragment`](crate::Limits::fragment), in several. Nothing is
    /// written; see [`Outgoing::output`]. A [`Prepared`] message goes out as
    /// it is encoded, in one frame.
    ///
    /// # Errors
    ///
    /// Gives the message back when the queue is at its high-water mark or a
    /// large message is compressed by turns ([`SendError::Full`]; otherwise an
    /// empty queue takes any message), once a Close
    /// is queued ([`SendError::Closed`]), and while a message is sent part by
    /// part ([`SendError::Unfinished`]).
    #[inline(always)]
    pub fn queue<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        let is_plain =
            message.bytes().len() < usize::from(self.plain_below) && message.prepared().is_none();
        // Where messages are plain, none is compressed.
        if !is_plain || self.is_at_high_water() {
            return self.queue_slow(message);
        }
        self.message = true;
        let opcode = message::opcode(message.text());
        self.frames.whole(opcode, message.bytes());
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn queue_slow<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        if self.closing.is_sent() || self.parts.is_some() {
            return Err(self.refuse(message));
        }
        if self.is_full() {
            return Err(SendError::Full(message));
        }
        self.queue_any(message);
        Ok(())
    }

    /// Queues a message at the high-water mark too, and after one that is
    /// compressed by turns: for one that was promised to be sent, in front of a
    /// Close. How many those are is the caller's to bound.
    ///
    /// # Errors
    ///
    /// As [`Outgoing::queue`], but for [`SendError::Full`].
    pub fn queue_promised<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        if self.closing.is_sent() || self.parts.is_some() {
            return Err(self.refuse(message));
        }
        self.message = true;
        if let Err(message) = self.promise(message) {
            self.queue_any(message);
        }
        Ok(())
    }

    /// Gives up on a transport that takes no more bytes: drops what is queued,
    /// what is compressed by turns included, and lets nothing more in.
    pub fn abandon(&mut self) {
        self.send_close();
        self.drop_backlog();
        self.frames.queue.advance(usize::MAX);
        self.extras = None;
        self.rare.set_unflushed(false);
    }

    /// Moves the sending half out; the one left behind is abandoned.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let mut left = Self::new(self.frames.queue.config().clone(), None, None);
        left.abandon();
        mem::replace(self, left)
    }

    /// What waits to be written. A message that is compressed by turns is
    /// compressed to its end first.
    #[inline]
    pub fn output(&mut self) -> &mut WriteQueue {
        self.compress_all();
        self.queued()
    }

    /// Moves out what waits to be written, compressed as in
    /// [`output`](Self::output), to hand it on with the transport.
    #[must_use]
    pub fn take_output(&mut self) -> WriteQueue {
        let empty = WriteQueue::new(self.frames.queue.config().clone());
        mem::replace(self.output(), empty)
    }

    /// What waits to be written and is not to be compressed before.
    #[inline]
    pub(crate) fn queued(&mut self) -> &mut WriteQueue {
        self.settle_pong();
        &mut self.frames.queue
    }

    /// Bytes that left the queue since the connection began.
    #[inline]
    pub(crate) fn taken(&self) -> u64 {
        self.frames.queue.taken()
    }

    /// Where the write queue ends, in bytes since the connection began.
    #[inline]
    pub(crate) fn queued_to(&self) -> u64 {
        self.frames.queue.taken() + self.frames.queue.len() as u64
    }

    /// How many bytes wait in the write queue.
    #[inline]
    pub(crate) fn queued_len(&self) -> usize {
        self.frames.queue.len()
    }

    /// The transport took the first `count` bytes of the output.
    #[inline]
    pub(crate) fn wrote(&mut self, count: usize) {
        self.frames.queue.advance(count);
    }

    /// How many bytes wait to be written, a pong that waits for room in the
    /// queue included. A message that is compressed by turns counts as long as
    /// it is without compression, until all of it is compressed.
    #[inline]
    pub fn buffered(&self) -> usize {
        let pong = self.kept_pong();
        let pong = pong.map_or(0, |pong| self.frames.whole_len(pong.data()));
        self.frames.queue.len() + pong + self.backlog_len()
    }

    /// Whether anything waits to be written, what is compressed by turns
    /// included.
    #[inline]
    pub fn has_output(&self) -> bool {
        self.has_queued() || self.is_compressing()
    }

    /// Whether anything could be written now.
    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        !self.frames.queue.is_empty() || self.kept_pong().is_some()
    }

    /// Whether the queue takes no message: it is at its high-water mark, or a
    /// large message is compressed by turns.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.is_at_high_water() || self.is_compressing()
    }

    /// Whether so much waits to be written that not even a ping has room.
    #[inline]
    pub(crate) fn is_at_high_water(&self) -> bool {
        self.frames.queue.is_full()
    }

    /// Whether output should be written before more input is parsed: the
    /// queue is full, or a ping found no room and the next one would take
    /// its place.
    #[inline]
    pub fn is_pressed(&self) -> bool {
        let waits = || self.kept_pong().is_some() || self.is_compressing();
        self.is_at_high_water() || (self.watched && waits())
    }

    /// The configuration it was made with.
    #[inline]
    pub fn config(&self) -> &Config {
        self.frames.queue.config()
    }

    /// How far the closing handshake has come.
    #[inline]
    pub fn closing(&self) -> Closing {
        self.closing
    }

    /// Says whether a transport with a buffer of its own, such as TLS, could
    /// not pass on all that was taken out of the queue: an empty queue is then
    /// no reason to stop watching the blocked write.
    #[inline]
    pub fn set_unflushed(&mut self, unflushed: bool) {
        self.rare.set_unflushed(unflushed);
    }

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

    /// Gives memory back that is not needed while the transport is blocked.
    pub(crate) fn release_memory(&mut self) {
        self.frames.queue.settle();
    }

    /// Whether a shell has to look, before it hands a message out quickly, at
    /// what others have handed in.
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
    }

    /// Others may hand messages in.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    /// Whether the turn's work is used up by compressing. Whoever queues is
    /// never refused for it: the driver lets others have their turn before it
    /// goes on.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        let compress = self.compress.as_deref();
        compress.is_some_and(|compress| compress.codec.is_used_up())
    }

    /// Others had their turn.
    pub(crate) fn renew_work(&mut self) {
        if let Some(compress) = &mut self.compress {
            compress.codec.renew_work();
        }
    }

    /// Whether a message was queued since the last call.
    pub(crate) fn take_message_flag(&mut self) -> bool {
        mem::take(&mut self.message)
    }

    /// Whether anything is still on its way out.
    #[inline]
    pub(crate) fn is_unwritten(&self) -> bool {
        self.rare.is_unflushed() || !self.frames.queue.is_empty()
    }

    /// The pong that waits for room.
    #[inline(always)]
    fn kept_pong(&self) -> Option<&Pong> {
        self.extras
            .as_deref()
            .and_then(|extras| extras.pong.as_ref())
    }

    /// Forgets some of what few connections have, and its memory with the last of
    /// it.
    #[cold]
    fn forget<T>(&mut self, forget: impl FnOnce(&mut Extras) -> T) -> Option<T> {
        let extras = self.extras.as_deref_mut()?;
        let forgotten = forget(extras);
        if extras.pong.is_none() && extras.stall.is_none() {
            self.extras = None;
        }
        Some(forgotten)
    }

    /// Finds what [`Outgoing::queue`] may do without looking further: nothing
    /// once a Close is queued, while a message is sent part by part, or where
    /// some are compressed; else what is neither linked nor sent in several
    /// frames. To be called whenever one of these changes.
    fn settle_plain(&mut self) {
        let decides = self.closing.is_sent() || self.parts.is_some() || self.compress.is_some();
        let below = self
            .config()
            .limits()
            .fragment
            .saturating_add(1)
            .min(LINK_MIN);
        self.plain_below = if decides {
            0
        } else {
            u16::try_from(below).unwrap_or(u16::MAX)
        };
    }

    /// Why no message is taken now, whatever room there is.
    #[cold]
    fn refuse<P>(&self, message: P) -> SendError<P> {
        if self.closing.is_sent() {
            SendError::Closed(message)
        } else {
            SendError::Unfinished(message)
        }
    }

    /// Queues any message; there is room for it, and nothing forbids it.
    #[inline]
    fn queue_any<P: Payload>(&mut self, message: P) {
        self.message = true;
        if let Some(prepared) = message.prepared() {
            self.queue_prepared(prepared);
        } else if self.compress.is_some() && self.compresses(&message) && self.affords(&message) {
            self.queue_compressed(message);
        } else {
            self.queue_large(message);
        }
    }

    #[inline(never)]
    fn queue_prepared(&mut self, message: &Prepared) {
        let compress = self
            .compress
            .as_mut()
            .map(|compress| &mut compress.codec)
            .filter(|codec| codec.wants(message.len()));
        if compress.is_some() && message.len() > AT_ONCE {
            return self.queue_shared(message);
        }
        let encoded = message.encoded(compress.as_ref().map(|compress| compress.settings()));
        if let Some(compress) = compress {
            // The peer's window now holds what our context has not seen.
            compress.forget();
        }
        if self.frames.masks() {
            let payload = encoded.payload();
            self.frames
                .shared(true, encoded.rsv(), message.opcode(), payload, usize::MAX);
        } else {
            self.frames.encoded(encoded.frame());
        }
    }

    #[inline]
    fn compresses<P: Payload>(&self, message: &P) -> bool {
        let wants = |compress: &Compress| match message.compression() {
            Compression::Auto => compress.wants(message.bytes().len()),
            Compression::Always => true,
            Compression::Never => false,
        };
        self.compress
            .as_deref()
            .is_some_and(|compress| wants(&compress.codec))
    }

    /// Whether there is memory to compress a message: without it, it leaves as it
    /// is.
    fn affords<P: Payload>(&self, message: &P) -> bool {
        let Some(budget) = self.config().memory() else {
            return true;
        };
        let len = message.bytes().len();
        let compress = self.compress.as_deref();
        let borrows = compress.map_or(0, |compress| compress.codec.borrows());
        // As long as it is, until it is compressed, and what comes of it.
        len <= AT_ONCE || budget.has_room(2 * len + borrows)
    }

    #[inline(never)]
    fn queue_compressed<P: Payload>(&mut self, message: P) {
        let opcode = message::opcode(message.text());
        self.append_compressed(true, Rsv::RSV1, opcode, message);
    }

    /// Compresses a message, or a part of one, and queues it; a large one is
    /// compressed by turns.
    fn append_compressed<P: Payload>(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, part: P) {
        if part.bytes().len() > AT_ONCE {
            return self.compress_by_turns(Job::Payload {
                payload: part.share(),
                by_turns: ByTurns::default(),
                fin,
                rsv,
                opcode,
            });
        }
        let fragment = self.config().limits().fragment;
        let Some(compress) = &mut self.compress else {
            return;
        };
        let send = |payload: &[u8]| {
            self.frames.message(fin, rsv, opcode, payload, fragment);
        };
        // Only the last part's tail is removed (RFC 7692 §7.2.1).
        match fin {
            true => compress.codec.last_part(part.bytes(), send),
            false => compress.codec.part(part.bytes(), send),
        }
    }

    /// Queues a message that may have to be linked, or sent in several
    /// frames.
    #[inline(never)]
    fn queue_large<P: Payload>(&mut self, message: P) {
        let fragment = self.config().limits().fragment;
        let opcode = message::opcode(message.text());
        if self.frames.masks() || message.bytes().len() < LINK_MIN {
            // It is copied anyway: borrow until then.
            self.frames
                .message(true, Rsv::NONE, opcode, message.bytes(), fragment);
        } else {
            self.frames
                .shared(true, Rsv::NONE, opcode, message.share(), fragment);
        }
    }
}

/// An empty queue takes any message: a high-water mark of zero is one of one.
fn with_room(mut config: Arc<Config>) -> Arc<Config> {
    if config.limits().high_water == 0 {
        Arc::make_mut(&mut config).raise_high_water();
    }
    config
}

/// What few connections have, and none until it needs it.
#[derive(Debug, Default)]
struct Extras {
    /// The newest ping that found no room; RFC 6455 §5.5.3 lets a peer answer
    /// only the newest.
    pong: Option<Pong>,
    stall: Option<Stall>,
}

/// Watches a blocked write.
#[derive(Debug, Default)]
struct Stall {
    watch: Watch,
    /// [`WriteQueue::taken`] at the last look.
    taken: u64,
    pressed: Pressed,
}
