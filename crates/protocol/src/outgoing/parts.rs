//! Messages that are sent part by part (RFC 6455 §5.4).

use socket_flow_frames::{OpCode, Rsv};

use crate::error::SendError;
use crate::frame_queue::FrameKind;
use crate::message::Payload;
use crate::outgoing::Outgoing;
use crate::outgoing::stage::Stage;

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
    /// Without any part before it, it is the whole message.
    ///
    /// # Errors
    ///
    /// As [`queue_part`](Outgoing::queue_part).
    pub fn queue_last_part<P: Payload>(&mut self, part: P) -> Result<(), SendError<P>> {
        if !self.is_unfinished() {
            return self.queue(part);
        }
        self.append_part(part, true)
    }

    /// Whether a message was begun with [`queue_part`](Outgoing::queue_part) and its last
    /// part may follow: none may once a Close is queued.
    #[inline]
    pub fn is_unfinished(&self) -> bool {
        self.stage.unfinished().is_some()
    }

    fn append_part<P: Payload>(&mut self, part: P, fin: bool) -> Result<(), SendError<P>> {
        if self.stage.is_closed() {
            return Err(SendError::Closed(part));
        }
        let begun = self.stage.unfinished();
        let (opcode, is_compressed) =
            begun.unwrap_or_else(|| (part.opcode(), self.compresses(&part)));
        if part.opcode() != opcode {
            return Err(SendError::WrongKind(part));
        }
        if self.is_full() {
            return Err(SendError::Full(part));
        }
        self.message = true;
        self.stage = match fin {
            true => Stage::messages(self.config(), self.compress.is_some()),
            false => Stage::parts(opcode, is_compressed),
        };
        let mut kind = match is_compressed {
            true => FrameKind::compressed(opcode),
            false => FrameKind::plain(opcode),
        };
        kind.fin = fin;
        if begun.is_some() {
            (kind.rsv, kind.opcode) = (Rsv::NONE, OpCode::Continuation);
        }
        match is_compressed {
            true => self.append_compressed(kind, part),
            false => self.append_plain(kind, part),
        }
        Ok(())
    }
}
