mod backlog;
mod control;
mod messages;
mod parts;
mod stage;
mod stall;

use std::mem;
use std::sync::Arc;

use bytes::Buf;
use socket_flow_frames::{Negotiated, Role};

use crate::closing::Closing;
use crate::config::Config;
use crate::deflate::{Compress, compress};
use crate::error::SendError;
use crate::frame_queue::{FrameKind, FrameQueue};
use crate::mask_keys::MaskKeys;
use crate::message::Payload;
use crate::outgoing::backlog::Compressor;
use crate::outgoing::control::{EmptyPings, Pong};
use crate::outgoing::stage::Stage;
use crate::outgoing::stall::Stall;
use crate::queue::{Flush, WriteQueue};

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
    pub(crate) frames: FrameQueue,
    /// Present where permessage-deflate was agreed on.
    compress: Option<Box<Compressor>>,
    /// Where the last pong ends, in bytes since the connection began.
    pongs_end: u64,
    /// What few connections have. Invariant: `watched` where there is a pong.
    extras: Option<Box<Extras>>,
    stage: Stage,
    /// Pongs encoded since the queue last held none.
    pongs: u8,
    empty_pings: EmptyPings,
    /// Whether a message was queued since [`Outgoing::take_message_flag`].
    message: bool,
    /// Whether there is more to look at before a message is handed out than
    /// whether the queue is full, or was once: a pong waits, messages may be
    /// compressed, or others hand them in.
    pub(crate) watched: bool,
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
        let config = with_room(config);
        Self {
            stage: Stage::messages(&config, compress.is_some()),
            frames: FrameQueue::new(keys, config),
            watched: compress.is_some(),
            compress: compress.map(|codec| Box::new(Compressor::new(codec))),
            pongs_end: 0,
            extras: None,
            pongs: 0,
            empty_pings: EmptyPings::default(),
            message: false,
        }
    }

    /// Queues a message, in one frame or, beyond
    /// [`Limits::fragment`](crate::Limits::fragment), in several. Nothing is
    /// written; see [`Outgoing::output`]. A [`Prepared`](crate::Prepared) message goes
    /// out as it is encoded, in one frame.
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
        let payload = message.bytes();
        let is_plain = payload.len() < self.stage.plain_below() && message.prepared().is_none();
        // Where messages are plain, none is compressed.
        if !is_plain || self.frames.queue.is_full() {
            return self.queue_slow(message);
        }
        self.message = true;
        let kind = FrameKind::plain(message.opcode());
        self.frames.append(kind, payload);
        Ok(())
    }

    /// Gives up on a transport that takes no more bytes: drops what is queued,
    /// what is compressed by turns included, and lets nothing more in.
    pub fn abandon(&mut self) {
        self.stage.close();
        self.drop_backlog();
        self.frames.queue.advance(usize::MAX);
        self.extras = None;
        self.frames.queue.flush = Flush::Done;
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

    /// What waits to be written and is not to be compressed before.
    #[inline]
    pub(crate) fn queued(&mut self) -> &mut WriteQueue {
        if self.extras.is_some() {
            self.append_kept_pong();
        }
        &mut self.frames.queue
    }

    /// Whether anything could be written now.
    #[inline]
    pub(crate) fn has_queued(&self) -> bool {
        !self.frames.queue.is_empty() || (self.extras.is_some() && self.kept_pong().is_some())
    }

    /// Moves out what waits to be written, compressed as in
    /// [`output`](Self::output), to hand it on with the transport.
    #[must_use]
    pub fn take_output(&mut self) -> WriteQueue {
        let empty = WriteQueue::new(self.frames.queue.config().clone());
        mem::replace(self.output(), empty)
    }

    /// Where the write queue ends, in bytes since the connection began.
    #[inline]
    pub(crate) fn queued_to(&self) -> u64 {
        self.frames.queue.taken() + self.frames.queue.len() as u64
    }

    /// How many bytes wait to be written, a pong that waits for room in the
    /// queue included. A message that is compressed by turns counts as long as
    /// it is without compression, until all of it is compressed.
    #[inline]
    pub fn buffered(&self) -> usize {
        let pong = self.kept_pong();
        let pong = pong.map_or(0, |pong| self.frames.control_len(pong.data()));
        self.frames.queue.len() + pong + self.backlog_len()
    }

    /// Whether anything waits to be written, what is compressed by turns
    /// included.
    #[inline]
    pub fn has_output(&self) -> bool {
        self.has_queued() || self.is_compressing()
    }

    /// Whether the queue takes no message: it is at its high-water mark, or a
    /// large message is compressed by turns.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.frames.queue.is_full() || self.is_compressing()
    }

    /// Whether output should be written before more input is parsed: the
    /// queue is full, or a ping found no room and the next one would take
    /// its place.
    #[inline]
    pub fn is_pressed(&self) -> bool {
        let waits = || self.kept_pong().is_some() || self.is_compressing();
        self.frames.queue.is_full() || (self.watched && waits())
    }

    /// The configuration it was made with.
    #[inline]
    pub fn config(&self) -> &Config {
        self.frames.queue.config()
    }

    /// How far the closing handshake has come.
    #[inline]
    pub fn closing(&self) -> Closing {
        self.stage.closing()
    }

    /// Whether any message may be queued: no Close is, nor a part of one.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.stage.is_open()
    }

    /// Whether our Close is queued.
    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.stage.is_closed()
    }

    /// Says whether a transport with a buffer of its own, such as TLS, could
    /// not pass on all that was taken out of the queue: an empty queue is then
    /// no reason to stop watching the blocked write.
    #[inline]
    pub fn set_unflushed(&mut self, unflushed: bool) {
        let flush = &mut self.frames.queue.flush;
        match *flush {
            _ if unflushed => *flush = Flush::Blocked,
            Flush::Blocked => *flush = Flush::Done,
            Flush::Due | Flush::Done => {}
        }
    }

    /// Whether so much waits to be written that not even a ping has room.
    #[inline]
    pub(crate) fn is_at_high_water(&self) -> bool {
        self.frames.queue.is_full()
    }

    /// Whether there is more to look at, see `watched`.
    #[inline(always)]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched
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
        matches!(self.frames.queue.flush, Flush::Blocked) || !self.frames.queue.is_empty()
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
