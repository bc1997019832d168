use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{FrameHeader, HeaderBytes, MaskKey, OpCode, Rsv, append, mask};

use crate::config::Config;
use crate::mask_keys::MaskKeys;
use crate::queue::WriteQueue;

/// Encodes frames behind what already waits to be written.
///
/// Small frames are copied, header and payload, into the queue's contiguous
/// tail; large payloads are linked. A client copies either way, and masks on
/// the way.
#[derive(Debug)]
pub(crate) struct FrameQueue {
    /// The client's masking keys; a server has none, for it masks nothing
    /// (RFC 6455 §5.1).
    keys: Option<Box<MaskKeys>>,
    pub(crate) queue: WriteQueue,
}

impl FrameQueue {
    pub(crate) fn new(keys: Option<MaskKeys>, config: Arc<Config>) -> Self {
        Self {
            keys: keys.map(Box::new),
            queue: WriteQueue::new(config),
        }
    }

    /// Whether frames are masked: this is a client's.
    #[inline]
    pub(crate) fn masks(&self) -> bool {
        self.keys.is_some()
    }

    /// One unfragmented frame whose payload is copied.
    #[inline(always)]
    pub(crate) fn whole(&mut self, opcode: OpCode, payload: &[u8]) {
        self.append(true, Rsv::NONE, opcode, payload);
    }

    /// How long [`FrameQueue::whole`] makes a control frame.
    pub(crate) fn whole_len(&self, payload: &[u8]) -> usize {
        let key = if self.masks() { 4 } else { 0 };
        2 + key + payload.len()
    }

    /// A message, or a part of one, in frames of at most `fragment` bytes of
    /// payload; `fin` says whether the message ends with it.
    #[inline]
    pub(crate) fn message(
        &mut self,
        fin: bool,
        rsv: Rsv,
        opcode: OpCode,
        payload: &[u8],
        fragment: usize,
    ) {
        if payload.len() < LINK_MIN && payload.len() <= fragment {
            self.append(fin, rsv, opcode, payload);
        } else {
            self.large(fin, rsv, opcode, payload, fragment);
        }
    }

    /// A message that is linked, or sent in several frames.
    fn large(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, mut rest: &[u8], fragment: usize) {
        let mut first = (rsv, opcode);
        loop {
            let (part, left) = rest.split_at(rest.len().min(fragment.max(1)));
            let (rsv, opcode) = first;
            let fin = fin && left.is_empty();
            // It is copied either way: into what is there, rather than into
            // memory of its own.
            let len = HeaderBytes::PADDED_LEN + part.len();
            if part.len() < LINK_MIN || self.queue.fits_tail(len) {
                self.append(fin, rsv, opcode, part);
            } else {
                let key = self.header(fin, rsv, opcode, part.len());
                self.queue.link(copy(part, key, 0));
            }
            if left.is_empty() {
                return;
            }
            first = (Rsv::NONE, OpCode::Continuation);
            rest = left;
        }
    }

    /// The same for shared bytes, which a server links without copying.
    pub(crate) fn shared(
        &mut self,
        fin: bool,
        rsv: Rsv,
        opcode: OpCode,
        mut rest: Bytes,
        fragment: usize,
    ) {
        if self.masks() {
            return self.message(fin, rsv, opcode, &rest, fragment);
        }
        let mut first = (rsv, opcode);
        loop {
            let part = rest.split_to(rest.len().min(fragment.max(1)));
            let (rsv, opcode) = first;
            let fin = fin && rest.is_empty();
            if part.len() < LINK_MIN {
                self.append(fin, rsv, opcode, &part);
            } else {
                self.header(fin, rsv, opcode, part.len());
                self.queue.link(part);
            }
            if rest.is_empty() {
                return;
            }
            first = (Rsv::NONE, OpCode::Continuation);
        }
    }

    /// A message, or a part of one, whose payload is in several pieces; a large
    /// piece that nobody else has is masked where it lies.
    pub(crate) fn pieces(
        &mut self,
        fin: bool,
        rsv: Rsv,
        opcode: OpCode,
        pieces: Vec<Bytes>,
        fragment: usize,
    ) {
        let mut left: usize = pieces.iter().map(Bytes::len).sum();
        let mut pieces = pieces.into_iter();
        let mut piece = Bytes::new();
        let mut first = (rsv, opcode);
        loop {
            let len = left.min(fragment.max(1));
            left -= len;
            let (rsv, opcode) = first;
            let key = self.header(fin && left == 0, rsv, opcode, len);
            let mut done = 0;
            while done < len {
                if piece.is_empty() {
                    // There are as many bytes as the headers say.
                    piece = pieces.next().unwrap_or_default();
                }
                let part = piece.split_to(piece.len().min(len - done));
                let offset = done;
                done += part.len();
                self.piece(part, key, offset);
            }
            if left == 0 {
                return;
            }
            first = (Rsv::NONE, OpCode::Continuation);
        }
    }

    /// Some of a frame's payload, after its header; the first byte is at
    /// `offset` within it.
    fn piece(&mut self, piece: Bytes, key: Option<MaskKey>, offset: usize) {
        if piece.len() < LINK_MIN {
            let tail = self.queue.tail(piece.len());
            match key {
                Some(key) => mask::append(tail, &piece, key, offset),
                None => append(tail, &piece),
            }
            return;
        }
        self.queue.link(match key {
            Some(key) => match piece.try_into_mut() {
                Ok(mut piece) => {
                    mask::apply(&mut piece, key, offset);
                    piece.freeze()
                }
                Err(shared) => copy(&shared, Some(key), offset),
            },
            None => piece,
        });
    }

    /// A frame that is encoded already, without a mask.
    pub(crate) fn encoded(&mut self, frame: Bytes) {
        if frame.len() < LINK_MIN {
            append(self.queue.tail(frame.len()), &frame);
        } else {
            self.queue.link(frame);
        }
    }

    /// Copies one frame behind everything queued.
    #[inline(always)]
    fn append(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, payload: &[u8]) {
        if self.masks() {
            self.append_masked(fin, rsv, opcode, payload);
        } else {
            let tail = self.queue.tail(HeaderBytes::PADDED_LEN + payload.len());
            put_header(tail, &header(fin, rsv, opcode, None, payload.len()));
            append(tail, payload);
        }
    }

    #[inline(never)]
    fn append_masked(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, payload: &[u8]) {
        let key = self.next_key();
        let tail = self.queue.tail(HeaderBytes::PADDED_LEN + payload.len());
        put_header(tail, &header(fin, rsv, opcode, key, payload.len()));
        match key {
            Some(key) => mask::append(tail, payload, key, 0),
            None => append(tail, payload),
        }
    }

    /// Writes a header alone; its payload, masked with the key that comes
    /// back, must follow at once.
    fn header(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, len: usize) -> Option<MaskKey> {
        let key = self.next_key();
        let header = header(fin, rsv, opcode, key, len);
        put_header(self.queue.tail(HeaderBytes::PADDED_LEN), &header);
        key
    }

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        self.keys.as_mut().map(|keys| keys.next_key())
    }
}

#[inline]
pub(crate) fn header(
    fin: bool,
    rsv: Rsv,
    opcode: OpCode,
    mask: Option<MaskKey>,
    len: usize,
) -> FrameHeader {
    FrameHeader {
        fin,
        rsv,
        opcode,
        mask,
        len: len as u64,
    }
}

/// Appends a header by its fixed length and cuts off what is too much: the
/// cheapest way for a few bytes.
#[inline]
fn put_header(tail: &mut BytesMut, header: &FrameHeader) {
    let header = header.encode();
    let end = tail.len() + header.len();
    tail.extend_from_slice(header.padded());
    tail.truncate(end);
}

fn copy(payload: &[u8], key: Option<MaskKey>, offset: usize) -> Bytes {
    let mut copy = BytesMut::with_capacity(payload.len());
    match key {
        Some(key) => mask::append(&mut copy, payload, key, offset),
        None => append(&mut copy, payload),
    }
    copy.freeze()
}

/// From this length on a payload is linked into the queue instead of copied:
/// below it, one contiguous write beats a vectored one.
pub(crate) const LINK_MIN: usize = 16 << 10;
