use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{FrameHeader, HeaderBytes, MaskKey, OpCode, Rsv, append, mask};

use crate::config::Config;
use crate::mask_keys::MaskKeys;
use crate::queue::WriteQueue;

/// Encodes frames after what already waits to be written.
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

    /// How long a control frame is.
    pub(crate) fn control_len(&self, payload: &[u8]) -> usize {
        let key = if self.masks() { 4 } else { 0 };
        2 + key + payload.len()
    }

    /// One frame, whose payload is copied.
    #[inline(always)]
    pub(crate) fn append(&mut self, kind: FrameKind, payload: &[u8]) {
        if self.keys.is_some() {
            self.append_masked(kind, payload);
        } else {
            let tail = self.queue.tail(HeaderBytes::PADDED_LEN + payload.len());
            kind.put_header(tail, None, payload.len());
            append(tail, payload);
        }
    }

    #[inline(never)]
    fn append_masked(&mut self, kind: FrameKind, payload: &[u8]) {
        let key = self.next_key();
        let tail = self.queue.tail(HeaderBytes::PADDED_LEN + payload.len());
        kind.put_header(tail, key, payload.len());
        append_payload(tail, payload, key, 0);
    }

    /// A message, or a part of one, in frames of at most `fragment` bytes of
    /// payload.
    #[inline]
    pub(crate) fn message(&mut self, kind: FrameKind, payload: &[u8], fragment: usize) {
        if payload.len() < LINK_MIN && payload.len() <= fragment {
            self.append(kind, payload);
        } else {
            self.large(kind, payload, fragment);
        }
    }

    /// A message that is linked, or sent in several frames.
    fn large(&mut self, kind: FrameKind, mut rest: &[u8], fragment: usize) {
        kind.cut(rest.len(), fragment, |kind, len| {
            let part;
            (part, rest) = rest.split_at(len);
            // It is copied either way: into what is there, rather than into
            // memory of its own.
            if len < LINK_MIN || self.queue.fits_tail(HeaderBytes::PADDED_LEN + len) {
                self.append(kind, part);
            } else {
                let key = self.header(kind, len);
                self.queue.link(copy(part, key, 0));
            }
        });
    }

    /// The same for shared bytes, which a server links without copying.
    pub(crate) fn shared(&mut self, kind: FrameKind, mut rest: Bytes, fragment: usize) {
        if self.masks() {
            return self.message(kind, &rest, fragment);
        }
        kind.cut(rest.len(), fragment, |kind, len| {
            let part = rest.split_to(len);
            if len < LINK_MIN {
                self.append(kind, &part);
            } else {
                self.header(kind, len);
                self.queue.link(part);
            }
        });
    }

    /// A message, or a part of one, whose payload is in several pieces; a large
    /// piece that nobody else has is masked where it lies.
    pub(crate) fn pieces(&mut self, kind: FrameKind, pieces: Vec<Bytes>, fragment: usize) {
        let len = pieces.iter().map(Bytes::len).sum();
        let mut pieces = pieces.into_iter();
        let mut piece = Bytes::new();
        kind.cut(len, fragment, |kind, len| {
            let key = self.header(kind, len);
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
        });
    }

    /// Some of a frame's payload, after its header; the first byte is at
    /// `offset` within it.
    fn piece(&mut self, piece: Bytes, key: Option<MaskKey>, offset: usize) {
        if piece.len() < LINK_MIN {
            return append_payload(self.queue.tail(piece.len()), &piece, key, offset);
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

    /// Writes a header alone; its payload, masked with the key that comes
    /// back, must follow at once.
    fn header(&mut self, kind: FrameKind, len: usize) -> Option<MaskKey> {
        let key = self.next_key();
        let tail = self.queue.tail(HeaderBytes::PADDED_LEN);
        kind.put_header(tail, key, len);
        key
    }

    #[inline]
    fn next_key(&mut self) -> Option<MaskKey> {
        self.keys.as_mut().map(|keys| keys.next_key())
    }
}

/// What a frame header says beside mask and length (RFC 6455 §5.2): for one frame, or
/// for a message that may be sent in several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameKind {
    pub(crate) fin: bool,
    pub(crate) rsv: Rsv,
    pub(crate) opcode: OpCode,
}

impl FrameKind {
    /// A whole message that is not compressed, or a control frame.
    #[inline]
    pub(crate) fn plain(opcode: OpCode) -> Self {
        Self {
            fin: true,
            rsv: Rsv::NONE,
            opcode,
        }
    }

    /// A whole message that is compressed (RFC 7692 §6).
    #[inline]
    pub(crate) fn compressed(opcode: OpCode) -> Self {
        Self {
            fin: true,
            rsv: Rsv::RSV1,
            opcode,
        }
    }

    /// Appends a header by its fixed length and cuts off what is too much: the
    /// cheapest way for a few bytes.
    #[inline]
    pub(crate) fn put_header(self, to: &mut BytesMut, mask: Option<MaskKey>, len: usize) {
        let Self { fin, rsv, opcode } = self;
        let len = len as u64;
        let header = FrameHeader {
            fin,
            rsv,
            opcode,
            mask,
            len,
        }
        .encode();
        let end = to.len() + header.len();
        to.extend_from_slice(header.padded());
        to.truncate(end);
    }

    /// Cuts a payload of `left` bytes into frames of at most `most` bytes each (RFC 6455
    /// §5.4), and tells each of them with its length. An empty payload is one empty
    /// frame.
    #[inline]
    fn cut(self, mut left: usize, most: usize, mut frame: impl FnMut(Self, usize)) {
        let mut kind = self;
        loop {
            let len = left.min(most.max(1));
            left -= len;
            kind.fin = self.fin && left == 0;
            frame(kind, len);
            if left == 0 {
                return;
            }
            (kind.rsv, kind.opcode) = (Rsv::NONE, OpCode::Continuation);
        }
    }
}

/// Appends some of a frame's payload; the first byte is at `offset` within it.
#[inline]
fn append_payload(to: &mut BytesMut, payload: &[u8], key: Option<MaskKey>, offset: usize) {
    match key {
        Some(key) => mask::append(to, payload, key, offset),
        None => append(to, payload),
    }
}

fn copy(payload: &[u8], key: Option<MaskKey>, offset: usize) -> Bytes {
    let mut copy = BytesMut::with_capacity(payload.len());
    append_payload(&mut copy, payload, key, offset);
    copy.freeze()
}

/// From this length on a payload is linked into the queue instead of copied:
/// below it, one contiguous write beats a vectored one.
pub(crate) const LINK_MIN: usize = 16 << 10;
