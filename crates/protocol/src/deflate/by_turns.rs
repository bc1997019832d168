use bytes::{Bytes, BytesMut};
use zlib_rs::{Deflate, DeflateFlush};

use super::{Settings, TAIL, scratch};
use crate::work::Work;

/// How far a payload is compressed that takes more than one turn.
///
/// The result grows by one segment at a time: it takes the memory it needs, and
/// what is in it is not moved.
#[derive(Default)]
pub(crate) struct ByTurns {
    /// Bytes of the payload that the codec has taken.
    taken: usize,
    /// Invariant: only the last one has room, and none is empty.
    made: Vec<BytesMut>,
}

impl ByTurns {
    /// Compresses until the turn's work is used up; whether all of the payload
    /// is compressed and flushed then.
    pub(super) fn go_on(&mut self, context: &mut Deflate, payload: &[u8], work: &mut Work) -> bool {
        while !work.is_used_up() {
            let rest = payload.get(self.taken..).unwrap_or_default();
            let (piece, rest) = rest.split_at(rest.len().min(PIECE));
            let flush = match rest.is_empty() {
                true => DeflateFlush::SyncFlush,
                false => DeflateFlush::NoFlush,
            };
            scratch::with(|buf| self.compress(context, piece, flush, buf));
            self.taken += piece.len();
            work.deflated(piece.len());
            if rest.is_empty() {
                return true;
            }
        }
        false
    }

    /// The result for a part of a message that is not its last one.
    pub(super) fn part(self) -> Vec<Bytes> {
        self.made.into_iter().map(BytesMut::freeze).collect()
    }

    /// The result for what is left of a message: its tail is removed
    /// (RFC 7692 §7.2.1).
    pub(super) fn last_part(mut self) -> Vec<Bytes> {
        let mut excess = TAIL.len();
        while let Some(last) = self.made.last_mut().filter(|_| excess > 0) {
            let kept = last.len().saturating_sub(excess);
            excess -= last.len() - kept;
            last.truncate(kept);
            if kept == 0 {
                self.made.pop();
            }
        }
        self.part()
    }

    fn compress(
        &mut self,
        context: &mut Deflate,
        mut piece: &[u8],
        flush: DeflateFlush,
        buf: &mut [u8],
    ) {
        loop {
            let (before, start) = (context.total_in(), context.total_out());
            // The only errors are misuse of the stream, which starts in order
            // and is never ended; were there one, nothing would be made.
            let _ = context.compress(piece, buf, flush);
            let made = (context.total_out() - start) as usize;
            self.put(buf.get(..made).unwrap_or_default());
            // The codec has taken and flushed everything when it leaves room.
            if made < buf.len() {
                return;
            }
            let taken = (context.total_in() - before) as usize;
            piece = piece.get(taken..).unwrap_or_default();
        }
    }

    fn put(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let last = self.made.last();
            if last.is_none_or(|last| last.len() == last.capacity()) {
                self.made.push(BytesMut::with_capacity(SEGMENT));
            }
            if let Some(last) = self.made.last_mut() {
                let room = last.capacity() - last.len();
                let (front, back) = bytes.split_at(bytes.len().min(room));
                last.extend_from_slice(front);
                bytes = back;
            }
        }
    }
}

/// A message that is compressed on its own, by turns.
pub(super) struct Alone {
    settings: Settings,
    context: Box<Deflate>,
    by_turns: ByTurns,
}

impl Alone {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            context: settings.context(),
            by_turns: ByTurns::default(),
        }
    }

    /// Compresses until the turn's work is used up; whether all of the message
    /// is compressed then.
    pub(super) fn go_on(&mut self, message: &[u8], work: &mut Work) -> bool {
        self.by_turns.go_on(&mut self.context, message, work)
    }

    /// The payload of the message.
    pub(super) fn finish(self) -> Vec<Bytes> {
        self.settings.give(self.context);
        self.by_turns.last_part()
    }
}

/// What the codec is given at once: two of them are the work of a turn.
const PIECE: usize = 4 << 10;

/// Large enough to be linked into the write queue without a copy, and small
/// enough that the last one wastes little.
const SEGMENT: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use zlib_rs::{DeflateConfig, Inflate, InflateFlush};

    fn context() -> Deflate {
        Deflate::new_with_config(DeflateConfig {
            window_bits: -15,
            ..DeflateConfig::default()
        })
    }

    fn inflated(payload: &[Bytes], len: usize) -> Vec<u8> {
        let mut message = vec![0; len + 1];
        let mut context = Inflate::new(false, 15);
        let payload = [&payload.concat()[..], &TAIL].concat();
        context
            .decompress(&payload, &mut message, InflateFlush::SyncFlush)
            .unwrap();
        message.truncate(context.total_out() as usize);
        message
    }

    #[test]
    fn what_finds_no_room_in_the_buffer_comes_with_the_next_call() {
        let message: Vec<_> = (0..3000_u32).flat_map(|n| (n * n).to_le_bytes()).collect();
        // The codec asks for more than 6, or it may repeat the end of a flush.
        for room in [7, 8, 100, 1000] {
            let mut by_turns = ByTurns::default();
            let buf = &mut vec![0; room];
            let mut context = context();
            let (front, back) = message.split_at(5000);
            by_turns.compress(&mut context, front, DeflateFlush::NoFlush, buf);
            by_turns.compress(&mut context, back, DeflateFlush::SyncFlush, buf);
            let payload = by_turns.last_part();
            assert!(inflated(&payload, message.len()) == message, "{room} bytes");
        }
    }

    #[test]
    fn segments_are_filled_one_after_the_other() {
        let bytes: Vec<_> = (0..SEGMENT * 2 + 10).map(|at| at as u8).collect();
        for step in [1000, SEGMENT - 1, SEGMENT, SEGMENT + 1, bytes.len()] {
            let mut by_turns = ByTurns::default();
            for piece in bytes.chunks(step) {
                by_turns.put(piece);
            }
            let segments = by_turns.part();
            let lens: Vec<_> = segments.iter().map(Bytes::len).collect();
            assert_eq!(lens, [SEGMENT, SEGMENT, 10], "steps of {step}");
            assert!(segments.concat() == bytes);
        }
    }

    #[test]
    fn the_tail_is_removed_also_where_it_is_in_two_segments() {
        for behind in 0..=6 {
            let len = SEGMENT - 2 + behind;
            let mut by_turns = ByTurns::default();
            by_turns.put(&vec![7; len - TAIL.len()]);
            by_turns.put(&TAIL);
            let segments = by_turns.last_part();
            assert!(segments.iter().all(|segment| !segment.is_empty()));
            assert!(segments.concat() == vec![7; len - TAIL.len()], "{len}");
        }
    }
}
