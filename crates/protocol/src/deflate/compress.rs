use std::fmt;

use zlib_rs::{DeflateConfig, DeflateFlush};

use super::pool::Pool;
use super::settings::Deflate;
use super::{TAIL, scratch};
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

    /// Compresses a part of a message that is not its last one, and lends
    /// the result, its tail included: all of the part can be inflated from it.
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
    /// before, and lends the result, its tail removed (RFC 7692 §7.2.1).
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
        if !self.keep_context {
            if let Some(context) = self.context.take() {
                self.settings.give(context);
            }
        }
        result
    }

    /// A message was sent that this compressor has not seen: it must not
    /// refer to anything before it.
    pub(crate) fn forget(&mut self) {
        // One that has seen nothing has nothing to forget.
        if let Some(context) = self.context.as_mut().filter(|seen| seen.total_in() > 0) {
            context.reset();
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
    /// A context with an empty window.
    fn context(self) -> Box<zlib_rs::Deflate> {
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

    fn give(self, mut context: Box<zlib_rs::Deflate>) {
        context.reset();
        let _ = POOL.try_with(|pool| pool.give(self, context));
    }

    /// Compresses a message on its own.
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

/// Compresses a message, or a part of one, into `buf`, which grows as needed;
/// returns how many bytes it takes, tail included.
#[inline]
fn deflate(context: &mut zlib_rs::Deflate, message: &[u8], buf: &mut Vec<u8>) -> usize {
    let (before, start) = (context.total_in(), context.total_out());
    // The only errors are misuse of the stream, which starts in order and is
    // never ended; were there one, no progress would end the loop below.
    let _ = context.compress(message, buf, DeflateFlush::SyncFlush);
    let taken = (context.total_in() - before) as usize;
    let made = (context.total_out() - start) as usize;
    // zlib has flushed everything when it leaves room.
    if made < buf.len() && taken == message.len() {
        return made;
    }
    let rest = message.get(taken..).unwrap_or_default();
    deflate_rest(context, rest, buf, made)
}

/// Goes on with a message that found no room, or is longer than one call of
/// the codec takes; `len` bytes of `buf` are in use.
#[cold]
fn deflate_rest(
    context: &mut zlib_rs::Deflate,
    mut message: &[u8],
    buf: &mut Vec<u8>,
    mut len: usize,
) -> usize {
    loop {
        // With little room left zlib could go on repeating its flush marker.
        buf.resize(buf.len() * 2, 0);
        let (before, start) = (context.total_in(), context.total_out());
        let space = buf.get_mut(len..).unwrap_or_default();
        let _ = context.compress(message, space, DeflateFlush::SyncFlush);
        let taken = (context.total_in() - before) as usize;
        len += (context.total_out() - start) as usize;
        if len < buf.len() && (taken == message.len() || taken == 0) {
            return len;
        }
        message = message.get(taken..).unwrap_or_default();
    }
}
