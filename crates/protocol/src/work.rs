/// What is left of a turn's work: what a connection may do before other tasks
/// have their turn.
///
/// It is counted in what was done, not in reads: a few bytes that arrive can
/// ask for a thousand times as many. One unit is about what it takes to inflate
/// 16 bytes, and a turn is about a tenth of a millisecond.
#[derive(Debug)]
pub(crate) struct Work {
    left: i16,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: TURN }
    }
}

impl Work {
    /// Others had their turn, or nothing is left to do.
    #[inline(always)]
    pub(crate) fn renew(&mut self) {
        self.left = TURN;
    }

    #[inline(always)]
    pub(crate) fn is_used_up(&self) -> bool {
        self.left <= 0
    }

    /// A message is handed out, and the application deals with it.
    #[inline(always)]
    pub(crate) fn message(&mut self) {
        self.left = self.left.saturating_sub(MESSAGE);
    }

    /// A frame header is judged.
    pub(crate) fn frame(&mut self) {
        self.left = self.left.saturating_sub(FRAME);
    }

    /// Bytes are read, or moved.
    #[inline]
    pub(crate) fn copied(&mut self, count: usize) {
        self.spend(count / COPIED);
    }

    /// Compressed bytes are taken, and others come out of them.
    #[cfg(feature = "deflate")]
    pub(crate) fn inflated(&mut self, taken: usize, made: usize) {
        // Tables of codes that hardly anything is made with cost most.
        let tables = if made < taken / 2 { taken * TABLES } else { 0 };
        self.spend(made.max(taken).max(tables));
    }

    /// Bytes are compressed.
    #[cfg(feature = "deflate")]
    pub(crate) fn deflated(&mut self, count: usize) {
        self.spend(count.saturating_mul(DEFLATED));
    }

    /// As much work as to inflate so many bytes.
    #[inline]
    fn spend(&mut self, inflated: usize) {
        let units = i16::try_from(inflated / UNIT).unwrap_or(i16::MAX);
        self.left = self.left.saturating_sub(units);
    }
}

/// Inflated bytes.
const UNIT: usize = 16;

/// The work of one turn: 64 KiB inflated, 128 messages, 1,024 frames, or 512
/// KiB read.
const TURN: i16 = 4 << 10;

const MESSAGE: i16 = TURN / 128;

const FRAME: i16 = TURN / 1024;

/// Copying this many bytes is as much work as inflating one.
const COPIED: usize = 8;

/// Bytes that describe codes of DEFLATE (RFC 1951 §3.2.7) cost as much as this
/// many that are inflated.
#[cfg(feature = "deflate")]
const TABLES: usize = 16;

/// Compressing a byte costs as much as inflating this many.
#[cfg(feature = "deflate")]
const DEFLATED: usize = 12;
