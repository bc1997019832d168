/// What is left of a turn's work: what a connection may do before other tasks
/// have their turn.
///
/// It is counted in what was done, not in reads: a few bytes that arrive can
/// ask for a thousand times as many. One unit is about what it takes to inflate
/// 16 bytes, and a turn is about a tenth of a millisecond.
#[derive(Debug)]
pub(crate) struct Work {
    /// What is left, and [`SPARE`]: so that it is below zero once a message was
    /// looked for with nothing left before.
    left: i16,
}

impl Default for Work {
    fn default() -> Self {
        Self { left: TURN + SPARE }
    }
}

impl Work {
    /// Others had their turn, or nothing is left to do.
    #[inline(always)]
    pub(crate) fn renew(&mut self) {
        self.left = TURN + SPARE;
    }

    #[inline(always)]
    pub(crate) fn is_used_up(&self) -> bool {
        self.left <= SPARE
    }

    /// A message is looked for; the application deals with it. Whether anything
    /// was left for that.
    #[inline(always)]
    pub(crate) fn message(&mut self) -> bool {
        // Far from an overflow: it is renewed once it is used up.
        self.left = self.left.wrapping_sub(MESSAGE);
        self.left >= 0
    }

    /// What was looked for was no message.
    pub(crate) fn no_message(&mut self) {
        self.left = self.left.wrapping_add(MESSAGE);
    }

    /// A frame header is judged.
    #[inline]
    pub(crate) fn frame(&mut self) {
        self.left = self.left.wrapping_sub(FRAME);
    }

    /// Something is read, of so many bytes.
    #[inline]
    pub(crate) fn read(&mut self, count: usize) {
        self.spend(count / READ + LOOK);
    }

    /// So many bytes are read where a message is looked for next: few cost
    /// less than it does.
    #[inline(always)]
    pub(crate) fn read_message(&mut self, count: usize) {
        if count >= MESSAGE as usize * UNIT * READ {
            self.read(count);
        }
    }

    /// Compressed bytes are taken, and others come out of them.
    #[cfg(feature = "deflate")]
    #[inline]
    pub(crate) fn inflated(&mut self, taken: usize, made: usize) {
        // Tables of codes that hardly anything is made with cost most.
        let is_tables = made < taken / 2;
        self.spend(if is_tables { taken * TABLES } else { made });
    }

    /// Bytes are compressed.
    #[cfg(feature = "deflate")]
    pub(crate) fn deflated(&mut self, count: usize) {
        self.spend(count.saturating_mul(DEFLATED));
    }

    /// As much work as to inflate so many bytes.
    #[inline]
    fn spend(&mut self, inflated: usize) {
        self.left = self.left.saturating_sub((inflated / UNIT).min(MOST) as i16);
    }
}

/// Inflated bytes.
const UNIT: usize = 16;

/// What is taken off at most at once: more than a turn, and as far again from
/// the least value.
const MOST: usize = 4 * TURN as usize;

/// The work of one turn: 64 KiB inflated, 128 messages, 1,024 frames, or 512
/// KiB read with no more than 1,024 reads.
const TURN: i16 = 4 << 10;

const MESSAGE: i16 = TURN / 128;

const SPARE: i16 = MESSAGE - 1;

const FRAME: i16 = TURN / 1024;

/// Reading this many bytes is as much work as inflating one.
const READ: usize = 8;

/// A read that brings hardly anything costs as much as inflating this many
/// bytes: not every stream says to wait once in a while.
const LOOK: usize = FRAME as usize * UNIT;

/// Bytes that describe codes of DEFLATE (RFC 1951 §3.2.7) cost as much as this
/// many that are inflated.
#[cfg(feature = "deflate")]
const TABLES: usize = 16;

/// Compressing a byte costs as much as inflating this many.
#[cfg(feature = "deflate")]
const DEFLATED: usize = 12;
