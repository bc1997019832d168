//! Messages that ask for more than a copy: linked, fragmented, compressed or encoded before.

use crate::deflate::{AT_ONCE, ByTurns, Compress};
use crate::error::SendError;
use crate::frame_queue::{FrameKind, LINK_MIN};
use crate::message::{Compression, Payload, Prepared};
use crate::outgoing::Outgoing;
use crate::outgoing::backlog::Job;

impl Outgoing {
    #[cold]
    #[inline(never)]
    pub(super) fn queue_slow<P: Payload>(&mut self, message: P) -> Result<(), SendError<P>> {
        if !self.stage.is_open() {
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
        if !self.stage.is_open() {
            return Err(self.refuse(message));
        }
        self.message = true;
        if let Err(message) = self.promise(message) {
            self.queue_any(message);
        }
        Ok(())
    }

    /// Why no message is taken now, whatever room there is.
    #[cold]
    fn refuse<P>(&self, message: P) -> SendError<P> {
        if self.stage.is_closed() {
            SendError::Closed(message)
        } else {
            SendError::Unfinished(message)
        }
    }

    /// Queues any message; there is room for it, and nothing forbids it.
    #[inline]
    pub(super) fn queue_any<P: Payload>(&mut self, message: P) {
        self.message = true;
        if let Some(prepared) = message.prepared() {
            self.queue_prepared(prepared);
        } else if self.compress.is_some() && self.compresses(&message) && self.affords(&message) {
            self.queue_compressed(message);
        } else {
            self.append_plain(FrameKind::plain(message.opcode()), message);
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
            let mut kind = FrameKind::plain(message.opcode());
            kind.rsv = encoded.rsv();
            self.frames.shared(kind, encoded.payload(), usize::MAX);
        } else {
            self.frames.encoded(encoded.frame());
        }
    }

    #[inline]
    pub(super) fn compresses<P: Payload>(&self, message: &P) -> bool {
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
        self.append_compressed(FrameKind::compressed(message.opcode()), message);
    }

    /// Compresses a message, or a part of one, and queues it; a large one is
    /// compressed by turns.
    pub(super) fn append_compressed<P: Payload>(&mut self, kind: FrameKind, part: P) {
        if part.bytes().len() > AT_ONCE {
            return self.compress_by_turns(Job::Payload {
                payload: part.share(),
                by_turns: ByTurns::default(),
                kind,
            });
        }
        let fragment = self.config().limits().fragment;
        let Some(compress) = &mut self.compress else {
            return;
        };
        let send = |payload: &[u8]| self.frames.message(kind, payload, fragment);
        // Only the last part's tail is removed (RFC 7692 §7.2.1).
        match kind.fin {
            true => compress.codec.last_part(part.bytes(), send),
            false => compress.codec.part(part.bytes(), send),
        }
    }

    /// Queues a message, or a part of one, that is not compressed: linked where it is
    /// large.
    #[inline(never)]
    pub(super) fn append_plain<P: Payload>(&mut self, kind: FrameKind, part: P) {
        let fragment = self.config().limits().fragment;
        if self.frames.masks() || part.bytes().len() < LINK_MIN {
            // It is copied anyway: borrow until then.
            self.frames.message(kind, part.bytes(), fragment);
        } else {
            self.frames.shared(kind, part.share(), fragment);
        }
    }
}
