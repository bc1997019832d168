use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use socket_flow_frames::{HeaderBytes, OpCode, Rsv};

use crate::deflate::{self, Settings};
use crate::frame_queue::FrameKind;
use crate::message::Message;

/// A message that is encoded, and compressed, once and sent to many
/// connections: `queue(&prepared)`, `send(&prepared)`.
///
/// There is one encoding for all connections that do not compress, and one
/// for each way of compressing among those that do; each is made when the
/// first connection needs it, and shared from then on. Clones share them too.
///
/// More than 64 KiB are compressed by turns, as any message is: once for all
/// connections that wait for it, and by whichever of them has its turn.
///
/// A compressed encoding refers to nothing before it, so it goes out as it is
/// also where a connection keeps its context; that connection's next message
/// starts with an empty window.
///
/// ```
/// use socket_flow_protocol::{Config, Negotiated, Prepared, Protocol};
///
/// let news = Prepared::new("to everyone");
/// let connection = || Protocol::server(Config::new(), Negotiated::default());
/// for mut server in [connection(), connection()] {
///     assert!(server.queue(&news).is_ok());
///     assert_eq!(server.output().len(), 2 + 11);
/// }
/// ```
#[derive(Clone)]
pub struct Prepared {
    shared: Arc<Shared>,
}

struct Shared {
    message: Message,
    /// One for each way of compressing met so far, `None` for not at all.
    encodings: Mutex<Vec<(Option<Settings>, Encoded)>>,
    by_turns: deflate::Shared,
}

impl Prepared {
    /// Prepares a message. Nothing is encoded yet.
    pub fn new(message: impl Into<Message>) -> Self {
        Self {
            shared: Arc::new(Shared {
                message: message.into(),
                encodings: Mutex::default(),
                by_turns: deflate::Shared::default(),
            }),
        }
    }

    /// The message.
    pub fn message(&self) -> &Message {
        &self.shared.message
    }

    /// The length of the payload in bytes, uncompressed.
    pub fn len(&self) -> usize {
        self.shared.message.len()
    }

    /// Whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.shared.message.is_empty()
    }

    pub(crate) fn opcode(&self) -> OpCode {
        self.shared.message.opcode()
    }

    /// What is compressed by turns of it.
    pub(crate) fn by_turns(&self) -> &deflate::Shared {
        &self.shared.by_turns
    }

    /// The encoding for one way of compressing, where that is done at once.
    pub(crate) fn encoded(&self, settings: Option<Settings>) -> Encoded {
        // A panic of the codec could leave an encoding out, never half made.
        let mut encodings = self
            .shared
            .encodings
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = encodings.iter().find(|(other, _)| *other == settings);
        if let Some((_, encoded)) = known {
            return encoded.clone();
        }
        let payload = self.shared.message.as_bytes();
        let encoded = match settings {
            Some(settings) => settings.message(payload, |payload| {
                Encoded::new(FrameKind::compressed(self.opcode()), payload)
            }),
            None => Encoded::new(FrameKind::plain(self.opcode()), payload),
        };
        encodings.push((settings, encoded.clone()));
        encoded
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Prepared").field(self.message()).finish()
    }
}

/// One unmasked frame.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    frame: Bytes,
    header_len: usize,
    rsv: Rsv,
}

impl Encoded {
    fn new(kind: FrameKind, payload: &[u8]) -> Self {
        let mut frame = BytesMut::with_capacity(HeaderBytes::PADDED_LEN + payload.len());
        kind.put_header(&mut frame, None, payload.len());
        let header_len = frame.len();
        frame.extend_from_slice(payload);
        Self {
            frame: frame.freeze(),
            header_len,
            rsv: kind.rsv,
        }
    }

    /// The whole frame, for a server.
    pub(crate) fn frame(self) -> Bytes {
        self.frame
    }

    /// The payload, for a client to mask.
    pub(crate) fn payload(&self) -> Bytes {
        self.frame.slice(self.header_len..)
    }

    pub(crate) fn rsv(&self) -> Rsv {
        self.rsv
    }
}
