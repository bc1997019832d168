//! The part of [`ReceiveBuf`] that looks at what lies in it: recognises frames, unmasks, validates and marks
//! text, and lends what is marked.

use core::ops::Range;

use super::{ReceiveBuf, Utf8Bytes, receive_buf::Mark};
use crate::{
    MaskKey, OpCode, Role, Utf8Error, WholeFrame, mask,
    utf8::{self, partial},
};

impl ReceiveBuf {
    /// Validates `range` as UTF-8, going on from the mark if the mark lies at the beginning of `range`, and
    /// marks what is valid.
    ///
    /// With `complete` the range is a whole text; otherwise it may end inside a character, which is left
    /// unmarked and looked at again the next time. So a text that arrives in pieces costs no more than its
    /// length and up to three bytes per piece.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] at the first byte that cannot be, or when a complete text ends inside a character.
    #[inline]
    pub fn check_utf8(&mut self, range: Range<usize>, complete: bool) -> Result<(), Utf8Error> {
        let Range { start, end } = self.clamp(range);
        let from = if self.mark.start == start && self.mark.end <= end {
            self.mark.end
        } else {
            start
        };
        let bytes = self.buf.get(from..end).unwrap_or_default();
        let checked = if complete {
            utf8::validate(bytes)?.len()
        } else {
            partial::validate(bytes)?.0
        };
        // The characters from `from` on are valid, and so are those from `start` to `from`, if any.
        self.mark = Mark {
            start,
            end: from + checked,
        };
        Ok(())
    }

    /// Unmasks `arrived`, the end so far of a text that begins at `start`, as [`mask::apply`] does, and validates
    /// and marks the text up to there, as [`check_utf8`](Self::check_utf8) does: a piece at a time, while it is
    /// in the cache, and ASCII without a second look.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`], as [`check_utf8`](Self::check_utf8); then some of `arrived` may still be masked.
    pub fn unmask_text(
        &mut self,
        start: usize,
        arrived: Range<usize>,
        key: MaskKey,
        offset: usize,
        complete: bool,
    ) -> Result<(), Utf8Error> {
        let Range { start: mut at, end } = self.clamp(arrived);
        loop {
            let piece = at..end.min(at.saturating_add(PIECE));
            // Nothing of the text comes before it, or what is valid and ends with a character.
            let follows = at == start || self.mark == Mark { start, end: at };
            // Whole pieces before it: the key begins where it began in the first.
            let is_ascii = mask::apply_and_look::<true>(self.slice_mut(piece.clone()), key, offset);
            at = piece.end;
            if is_ascii && follows {
                self.mark = Mark { start, end: at };
            } else {
                self.check_utf8(start..at, complete && at == end)?;
            }
            if at == end {
                return Ok(());
            }
        }
    }

    /// Recognises a whole frame at `start` that an endpoint of role `receiver` may receive, with at most
    /// `max_len` bytes of payload, unmasks it and, if it is text, validates and marks it: what
    /// [`WholeFrame::decode`], [`mask::apply`] and [`check_utf8`](Self::check_utf8) do, at less than the sum
    /// of their costs. Its payload lies at `start` plus [`payload`](WholeFrame::payload).
    ///
    /// `None` for everything else, invalid text included; then nothing has changed.
    #[inline(always)]
    pub fn whole_frame(
        &mut self,
        start: usize,
        receiver: Role,
        max_len: usize,
    ) -> Option<WholeFrame> {
        let unread = self.buf.get_mut(start..)?;
        let frame = WholeFrame::decode(unread, receiver)?;
        let payload = unread.get_mut(frame.payload.clone())?;
        if payload.len() > max_len {
            return None;
        }
        let is_text = frame.opcode == OpCode::Text;
        let is_valid = match frame.mask {
            Some(key) if is_text => {
                mask::apply_and_look::<true>(payload, key, 0) || check_masked(payload, key)
            }
            Some(key) => {
                mask::apply(payload, key, 0);
                true
            }
            None => !is_text || utf8::validate(payload).is_ok(),
        };
        if !is_valid {
            return None;
        }
        if is_text {
            // The payload, which was just validated.
            self.mark = Mark {
                start: start + frame.payload.start,
                end: start + frame.payload.end,
            };
        } else if self.mark.end > start {
            self.mark = Mark::NONE;
        }
        Some(frame)
    }

    /// The bytes of `range` as text: at no cost if [`check_utf8`](Self::check_utf8) found exactly this range
    /// valid, else validated now.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when the bytes are not UTF-8, or end inside a character.
    #[inline]
    pub fn text(&self, range: Range<usize>) -> Result<&str, Utf8Error> {
        let range = self.clamp(range);
        let is_marked = self.is_marked(&range);
        let bytes = self.buf.get(range).unwrap_or_default();
        if is_marked {
            debug_assert!(core::str::from_utf8(bytes).is_ok());
            // SAFETY: `bytes` is what is marked, which is valid by the invariant of `mark`.
            Ok(unsafe { core::str::from_utf8_unchecked(bytes) })
        } else {
            utf8::validate(bytes)
        }
    }

    /// All bytes as text: without looking at them if [`check_utf8`](Self::check_utf8) found all of them valid,
    /// else validated now.
    ///
    /// # Errors
    ///
    /// [`Utf8Error`] when the bytes are not UTF-8, or end inside a character.
    #[inline]
    pub fn freeze_text(self) -> Result<Utf8Bytes, Utf8Error> {
        if !self.is_marked(&(0..self.buf.len())) {
            utf8::validate(&self.buf)?;
        }
        // SAFETY: all bytes are marked, which means valid by the invariant of `mark`, or just validated.
        Ok(unsafe { Utf8Bytes::from_bytes_unchecked(self.buf.freeze()) })
    }

    #[inline]
    fn is_marked(&self, range: &Range<usize>) -> bool {
        self.mark
            == Mark {
                start: range.start,
                end: range.end,
            }
    }
}

/// Whether a payload that has more than ASCII is text. If not it is masked again, and so as it came.
#[inline(never)]
fn check_masked(payload: &mut [u8], key: MaskKey) -> bool {
    let is_text = utf8::check(payload).is_ok();
    if !is_text {
        mask::apply(payload, key, 0);
    }
    is_text
}

/// Half of a usual first-level data cache; a multiple of a key's four bytes.
const PIECE: usize = 16 << 10;
