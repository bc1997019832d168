use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use zlib_rs::{DeflateConfig, DeflateFlush};

use super::by_turns::ByTurns;
use super::pool::Pool;
use super::settings::Deflate;
use super::shared::Shared;
use super::{AT_ONCE, TAIL, scratch};
use crate::work::Work;

/// Compresses the messages of one connection.
pub(crate) struct Compress {
    settings: Settings,
    /// Messages shorter than this are not worth it, in bytes.
    threshold: usize,
    keep_context: bool,
    /// Made on first use; `None` between messages where no context is kept.
    context: Option<Box<zlib_rs::Deflate>>,
    /// What is left of the turn.
    work: Work,
}

impl Compress {
    pub(crate) fn new(deflate: &Deflate, window_bits: u8, keep_context: bool) -> Self {
        Self {
            settings: Settings {
                level: deflate.compression_level(),
                memory_level: deflate.compression_memory_level(),
                // zlib has no raw windows of 8 bits. With 9 it reaches back at
                // most 512 - 262 = 250 bytes, which a window of 8 bits holds.
                window_bits: window_bits.clamp(9, 15),
            },
            threshold: deflate.compression_threshold(),
            keep_context,
            context: None,
            work: Work::default(),
        }
    }

    /// How much memory it keeps from message to message, in bytes.
    pub(crate) fn keeps(&self) -> usize {
        if self.keep_context {
            self.settings.context_len()
        } else {
            0
        }
    }

    /// How much memory it borrows for the length of a message.
    pub(crate) fn borrows(&self) -> usize {
        self.settings.context_len() - self.keeps()
    }

    /// Whether the turn's work is used up.
    #[inline]
    pub(crate) fn is_used_up(&self) -> bool {
        self.work.is_used_up()
    }

    /// Others had their turn.
    pub(crate) fn renew_work(&mut self) {
        self.work.renew();
    }

    /// Whether a message of this length should be compressed. Decided before
    /// the context is touched: what it has seen and what the peer has must
    /// never drift apart.
    #[inline]
    pub(crate) fn wants(&self, len: usize) -> bool {
        len >= self.threshold
    }

    /// Whatever decides about a message's compressed bytes, if it is
    /// compressed on its own.
    pub(crate) fn settings(&self) -> Settings {
        self.settings
    }

    /// Compresses a part of a message that is not its last one, of at most
    /// [`AT_ONCE`] bytes, and lends the result, its tail included: all of the
    /// part can be inflated from it.
    pub(crate) fn part<T>(&mut self, part: &[u8], send: impl FnOnce(&[u8]) -> T) -> T {
        if part.is_empty() {
            return send(&[]);
        }
        self.work.deflated(part.len());
        let settings = self.settings;
        let context = self.context.get_or_insert_with(|| settings.context());
        scratch::with(|buf| {
            let len = deflate(context, part, buf);
            send(buf.get(..len).unwrap_or_default())
        })
    }

    /// Compresses what is left of a message, all of it if there were no parts
    /// before and at most [`AT_ONCE`] bytes, and lends the result, its tail
    /// removed (RFC 7692 §7.2.1).
    #[inline]
    pub(crate) fn last_part<T>(&mut self, part: &[u8], send: impl FnOnce(&[u8]) -> T) -> T {
        let result = if part.is_empty() {
            // §7.2.3.6: an empty stored block; the context need not know.
            send(&[0x00])
        } else {
            self.work.deflated(part.len());
            let settings = &self.settings;
            let context = self.context.get_or_insert_with(|| settings.context());
            scratch::with(|buf| {
                let len = deflate(context, part, buf);
                debug_assert!(buf.get(..len).is_some_and(|out| out.ends_with(&TAIL)));
                // Something is in front of the tail, for the part is not empty.
                let end = len.wrapping_sub(TAIL.len());
                send(buf.get(..end).unwrap_or_default())
            })
        };
        self.end_message();
        result
    }

    /// Compresses a payload of any length until the turn's work is used up;
    /// whether that was all of it.
    pub(crate) fn go_on(&mut self, payload: &[u8], by_turns: &mut ByTurns) -> bool {
        let settings = self.settings;
        let context = self.context.get_or_insert_with(|| settings.context());
        by_turns.go_on(context, payload, &mut self.work)
    }

    /// A message that is compressed by turns for many connections, if all of it
    /// is; then it is to be sent.
    pub(crate) fn prepared(&mut self, shared: &Shared) -> Option<Arc<[Bytes]>> {
        let made = shared.made(self.settings)?;
        self.forget();
        Some(made)
    }

    /// Goes on with such a message until the turn's work is used up; likewise.
    pub(crate) fn prepare(&mut self, shared: &Shared, message: &[u8]) -> Option<Arc<[Bytes]>> {
        let made = shared.go_on(self.settings, message, &mut self.work)?;
        self.forget();
        Some(made)
    }

    /// The payload that was compressed by turns; `is_last` says whether the
    /// message ends with it.
    pub(crate) fn finish(&mut self, by_turns: ByTurns, is_last: bool) -> Vec<Bytes> {
        if !is_last {
            return by_turns.part();
        }
        self.end_message();
        by_turns.last_part()
    }

    /// A message was sent that this compressor has not seen: it must not
    /// refer to anything before it.
    pub(crate) fn forget(&mut self) {
        // One that has seen nothing has nothing to forget.
        if let Some(context) = self.context.as_mut().filter(|seen| seen.total_in() > 0) {
            context.reset();
        }
    }

    #[inline]
    fn end_message(&mut self) {
        if !self.keep_context {
            if let Some(context) = self.context.take() {
                self.settings.give(context);
            }
        }
    }
}

impl fmt::Debug for Compress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compress")
            .field("settings", &self.settings)
            .field("threshold", &self.threshold)
            .field("keep_context", &self.keep_context)
            .field("holds_context", &self.context.is_some())
            .finish_non_exhaustive()
    }
}

/// What a context is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    level: u8,
    memory_level: u8,
    window_bits: u8,
}

impl Settings {
    /// How much memory a context takes, in bytes: the window twice and where its
    /// strings are, what waits to be coded, and the rest.
    fn context_len(self) -> usize {
        (4 << self.window_bits) + (7 << (self.memory_level + 6)) + CONTEXT_REST
    }

    /// A context with an empty window.
    pub(super) fn context(self) -> Box<zlib_rs::Deflate> {
        let idle = POOL.try_with(|pool| pool.take(&self)).ok().flatten();
        idle.unwrap_or_else(|| {
            Box::new(zlib_rs::Deflate::new_with_config(DeflateConfig {
                level: i32::from(self.level),
                mem_level: i32::from(self.memory_level),
                window_bits: -i32::from(self.window_bits),
                ..DeflateConfig::default()
            }))
        })
    }

    pub(super) fn give(self, mut context: Box<zlib_rs::Deflate>) {
        context.reset();
        let _ = POOL.try_with(|pool| pool.give(self, context));
    }

    /// Compresses a message on its own, of at most [`AT_ONCE`] bytes.
    pub(crate) fn message<T>(self, message: &[u8], send: impl FnOnce(&[u8]) -> T) -> T {
        Compress {
            settings: self,
            threshold: 0,
            keep_context: false,
            context: None,
            work: Work::default(),
        }
        .last_part(message, send)
    }
}

thread_local! {
    static POOL: Pool<Settings, Box<zlib_rs::Deflate>> = const { Pool::new() };
}

/// Compresses a message, or a part of one, into the thread's buffer; returns how
/// many bytes it takes, tail included.
#[inline]
fn deflate(context: &mut zlib_rs::Deflate, message: &[u8], buf: &mut [u8]) -> usize {
    debug_assert!(message.len() <= AT_ONCE);
    let start = context.total_out();
    // The only errors are misuse of the stream, which starts in order and is
    // never ended. All of it finds room: what does not compress takes at most
    // nine bits for a byte (RFC 1951 §3.2.6), and a few for each block.
    let _ = context.compress(message, buf, DeflateFlush::SyncFlush);
    let made = (context.total_out() - start) as usize;
    debug_assert!(made < buf.len(), "the codec leaves room when it is done");
    made
}

/// What a context takes whatever its settings are.
const CONTEXT_REST: usize = 132 << 10;
