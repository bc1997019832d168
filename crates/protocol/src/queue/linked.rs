//! The part of a write queue that is not one contiguous tail.

use std::collections::VecDeque;
use std::mem;

use bytes::{Buf, Bytes};

use crate::budget::{Lease, OWN};

/// Full segments, in order: large payloads as they are, and what was queued before and between them.
pub(super) struct Linked {
    pub(super) segments: VecDeque<Bytes>,
    /// Bytes in `segments`.
    pub(super) len: usize,
    /// Bytes of the first segment that were written. Its memory is free once all of
    /// it was.
    pub(super) written: usize,
    /// Charged for them, and for a tail of its own, where there is a budget.
    pub(super) lease: Option<Lease>,
}

impl Default for Linked {
    fn default() -> Self {
        Self {
            segments: VecDeque::with_capacity(SEGMENTS),
            len: 0,
            written: 0,
            lease: None,
        }
    }
}

impl Linked {
    pub(super) fn push(&mut self, segment: Bytes) {
        if !segment.is_empty() {
            self.len += segment.len();
            self.segments.push_back(segment);
        }
    }

    /// Copies what keeps much more memory than it needs: a header a whole storage, a
    /// payload the buffer that it was read into. What others keep as well is not.
    pub(super) fn shrink(&mut self) {
        self.written = 0;
        for segment in &mut self.segments {
            *segment = match mem::take(segment).try_into_mut() {
                Ok(memory) if memory.len() >= memory.capacity() / 2 => memory.freeze(),
                Err(segment) if segment.len() > OWN => segment,
                Ok(memory) => Bytes::copy_from_slice(&memory),
                Err(segment) => Bytes::copy_from_slice(&segment),
            };
        }
    }

    /// Drops the first `count` bytes; how many of them are not here.
    pub(super) fn advance(&mut self, mut count: usize) -> usize {
        while let Some(segment) = self.segments.front_mut() {
            if count < segment.len() {
                self.len -= count;
                self.written += count;
                segment.advance(count);
                return 0;
            }
            count -= segment.len();
            self.len -= segment.len();
            self.written = 0;
            self.segments.pop_front();
        }
        count
    }
}

/// Segments there is room for at once: four payloads that are just linked, each
/// after its header, fill a queue to the default high-water mark.
const SEGMENTS: usize = 8;
