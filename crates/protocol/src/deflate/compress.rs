use std::fmt;

use zlib_rs::{DeflateConfig, DeflateFlush};

use super::pool::Pool;
use super::settings::Deflate;
use super::{TAIL, scratch};

/// Compresses the messages of one connection.
pub(crate) struct Compress {
    settings: Settings,
    /// Messages shorter than this are not worth it, in bytes.
    threshold: usize,
    keep_context: bool,
    /// Made on first use; `None` between messages where no context is kept.
    context: Option<zlib_rs::Deflate>,
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
        }
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

    /// Compresses a message and lends the result, its tail removed
    /// (RFC 7692 §7.2.1).
    pub(crate) fn message<T>(&mut self, message: &[u8], send: impl FnOnce(&[u8]) -> T) -> T {
        if message.is_empty() {
            // §7.2.3.6: an empty stored block; the context need not know.
            return send(&[0x00]);
        }
        let mut context = self
            .context
            .take()
            .unwrap_or_else(|| self.settings.context());
        let result = scratch::with(|buf| {
            let len = deflate(&mut context, message, buf);
            send(buf.get(..len).unwrap_or_default())
        });
        if self.keep_context {
            self.context = Some(context);
        } else {
            self.settings.give(context);
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
    fn context(self) -> zlib_rs::Deflate {
        let idle = POOL.try_with(|pool| pool.take(&self)).ok().flatten();
        idle.unwrap_or_else(|| {
            zlib_rs::Deflate::new_with_config(DeflateConfig {
                level: i32::from(self.level),
                mem_level: i32::from(self.memory_level),
                window_bits: -i32::from(self.window_bits),
                ..DeflateConfig::default()
            })
        })
    }

    fn give(self, mut context: zlib_rs::Deflate) {
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
        }
        .message(message, send)
    }
}

thread_local! {
    static POOL: Pool<Settings, zlib_rs::Deflate> = const { Pool::new() };
}

/// Compresses a whole message into `buf`, which grows as needed; returns how
/// many bytes it takes without the tail.
fn deflate(context: &mut zlib_rs::Deflate, mut message: &[u8], buf: &mut Vec<u8>) -> usize {
    let mut len = 0;
    loop {
        if buf.len() - len < ROOM {
            buf.resize(buf.len() * 2, 0);
        }
        let (before_in, before_out) = (context.total_in(), context.total_out());
        let space = buf.get_mut(len..).unwrap_or_default();
        let room = space.len();
        // The only errors are misuse of the stream, which starts in order and
        // is never ended; were there one, no progress would end the loop.
        let _ = context.compress(message, space, DeflateFlush::SyncFlush);
        let taken = (context.total_in() - before_in) as usize;
        let made = (context.total_out() - before_out) as usize;
        message = message.get(taken..).unwrap_or_default();
        len += made;
        // zlib has flushed everything when it leaves room.
        if made < room && (message.is_empty() || taken == 0) {
            break;
        }
    }
    match buf.get(..len).and_then(|out| out.strip_suffix(&TAIL)) {
        Some(out) if !out.is_empty() => out.len(),
        _ => len,
    }
}

/// Below this much room zlib may repeat its flush marker.
const ROOM: usize = 64;
