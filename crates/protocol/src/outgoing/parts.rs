use socket_flow_frames::{OpCode, Rsv};

use crate::error::SendError;
use crate::frame_queue::LINK_MIN;
use crate::message::{self, Payload};
use crate::outgoing::Outgoing;

/// A message that is sent part by part (RFC 6455 §5.4).
///
/// ```text
///              queue_part                     queue_part
///   no message ──────────▶ a message under way ───┐
///       ▲                        │        ▲───────┘
///       └────────────────────────┘
///             queue_last_part
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    Text,
    CompressedText,
    Binary,
    CompressedBinary,
}

impl Parts {
    fn new(text: bool, compressed: bool) -> Self {
        match (text, compressed) {
            (true, false) => Self::Text,
            (true, true) => Self::CompressedText,
            (false, false) => Self::Binary,
            (false, true) => Self::CompressedBinary,
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Self::Text | Self::CompressedText)
    }

    fn is_compressed(self) -> bool {
        matches!(self, Self::CompressedText | Self::CompressedBinary)
    }
}

impl Outgoing {
    /// Queues a part of a message whose rest is not known yet: the first one
    /// begins the message, further ones continue it, and
    /// [`queue_last_part`](Outgoing::queue_last_part) ends it. Each part
    /// leaves in a frame of its own, or in several beyond
    /// [`Limits::fragment`](crate::Limits::fragment); it may be empty. The
    /// peer receives one message.
    ///
    /// Parts of a text message are text themselves: a character does not
    /// cross them. Pings, pongs and a Close may go out between parts, other
    /// messages may not.
    ///
    /// Where permessage-deflate was agreed on, the first part decides for all:
    /// they are compressed if it would be as a message of its own, so
    /// [`Compressed`](crate::Compressed) and
    /// [`Uncompressed`](crate::Uncompressed) count on the first part only.
    /// Each part is compressed on its own and can be inflated when it
    /// arrives, at the cost of up to five bytes each.
    ///
    /// ```
    /// use socket_flow_protocol::{Config, Event, Input, Message, Negotiated, Protocol};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use bytes::Buf;
    /// let mut server = Protocol::server(Config::new(), Negotiated::default());
    /// server.queue_part("one, ")?;
    /// server.ping(b"between")?;
    /// server.queue_part("two, ")?;
    /// server.queue_last_part("three")?;
    ///
    /// let mut client = Protocol::client(Config::new(), Negotiated::default(), [7; 32]);
    /// let mut wire = Input::from(server.output().chunk());
    /// assert!(matches!(client.receive(&mut wire)?, Some(Event::Ping(_))));
    /// let message = Message::from("one, two, three");
    /// assert_eq!(client.receive(&mut wire)?, Some(Event::Message(message)));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Gives the part back, and the message stays as it was: at the
    /// high-water mark and while a large part is compressed by turns
    /// ([`SendError::Full`]), once a Close is queued
    /// ([`SendError::Closed`]), and where a text message would be continued
    /// with bytes or a binary one with text ([`SendError::WrongKind`]).
    pub fn queue_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        self.append_part(part, false)
    }

    /// Queues the last part of a message, which may be empty, and so ends it.
    /// Where no message is under way, this part is all of it.
    ///
    /// # Errors
    ///
    /// As [`queue_part`](Outgoing::queue_part).
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        if self.parts.is_none() {
            return self.queue(part);
        }
        self.append_part(part, true)
    }

    /// Whether a message is under way part by part: begun with
    /// [`queue_part`](Outgoing::queue_part) and not ended.
    #[inline]
    pub fn is_unfinished(&self) -> bool {
        self.parts.is_some()
    }

    fn append_part<P: Payload>(&mut self, part: P, fin: bool) -> Result<(), SendError<P>> {
        if self.closing.is_sent() {
            return Err(SendError::Closed(part));
        }
        let begun = self.parts;
        let parts = begun.unwrap_or_else(|| Parts::new(part.text(), self.compresses(&part)));
        let compressed = parts.is_compressed();
        if part.text() != parts.is_text() {
            return Err(SendError::WrongKind(part));
        }
        if self.is_full() {
            return Err(SendError::Full(part));
        }
        self.message = true;
        self.parts = (!fin).then_some(parts);
        self.settle_plain();
        let (rsv, opcode) = match (begun, compressed) {
            (Some(_), _) => (Rsv::NONE, OpCode::Continuation),
            (None, true) => (Rsv::RSV1, message::opcode(part.text())),
            (None, false) => (Rsv::NONE, message::opcode(part.text())),
        };
        match compressed {
            true => self.append_compressed(fin, rsv, opcode, part),
            false => self.append_plain(fin, rsv, opcode, part),
        }
        Ok(())
    }

    /// Queues a part as it is, linked where it is large.
    fn append_plain<P: Payload>(&mut self, fin: bool, rsv: Rsv, opcode: OpCode, part: P) {
        let fragment = self.config().limits().fragment;
        if self.frames.masks() || part.bytes().len() < LINK_MIN {
            let payload = part.bytes();
            self.frames.message(fin, rsv, opcode, payload, fragment);
        } else {
            self.frames.shared(fin, rsv, opcode, part.share(), fragment);
        }
    }
}
