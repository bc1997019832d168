use bytes::Bytes;
use socket_flow_frames::{ReceiveBuf, Utf8Bytes};

use crate::event::{Event, EventRef, Found, Kind};
use crate::incoming::Incoming;
use crate::input::Input;
use crate::message::{Message, MessageRef};

/// What a step found, lent or owned.
impl Incoming {
    /// Lends what was found; valid until the next step or read.
    #[inline]
    pub fn lend<'a>(&'a self, found: Found, input: &'a Input) -> EventRef<'a> {
        match found.kind() {
            Kind::Text => EventRef::Message(MessageRef::Text(self.text(found, input))),
            Kind::Binary => EventRef::Message(MessageRef::Binary(self.bytes(found, input))),
            Kind::Ping => EventRef::Ping(self.bytes(found, input)),
            Kind::Pong => EventRef::Pong(self.bytes(found, input)),
            Kind::Close => EventRef::Close(self.close_frame()),
        }
    }

    /// Lends what was found if it is a message, as [`lend`](Incoming::lend)
    /// does.
    #[inline]
    pub fn lend_message<'a>(&'a self, found: Found, input: &'a Input) -> Option<MessageRef<'a>> {
        match found.kind() {
            Kind::Text => Some(MessageRef::Text(self.text(found, input))),
            Kind::Binary => Some(MessageRef::Binary(self.bytes(found, input))),
            Kind::Ping | Kind::Pong | Kind::Close => None,
        }
    }

    /// Takes what was found, owned: small payloads are copied, so that a
    /// small message does not pin a large buffer; larger ones are split off,
    /// assembled ones handed over.
    pub fn take(&mut self, found: Found, input: &mut Input) -> Event {
        match found.kind() {
            Kind::Text => Event::Message(Message::Text(self.take_text(found, input))),
            Kind::Binary => Event::Message(Message::Binary(self.take_bytes(found, input))),
            Kind::Ping => Event::Ping(self.take_bytes(found, input)),
            Kind::Pong => Event::Pong(self.take_bytes(found, input)),
            Kind::Close => Event::Close(self.close_frame().cloned()),
        }
    }

    /// Takes what was found if it is a message, as [`take`](Incoming::take)
    /// does.
    #[inline]
    pub fn take_message(&mut self, found: Found, input: &mut Input) -> Option<Message> {
        match (found.kind(), found.range()) {
            (Kind::Text, Some(range)) if range.len() < SPLIT_MIN => {
                Some(Message::Text(Utf8Bytes::from(input.text(range))))
            }
            (Kind::Binary, Some(range)) if range.len() < SPLIT_MIN => {
                Some(Message::Binary(Bytes::copy_from_slice(input.bytes(range))))
            }
            _ => match self.take(found, input) {
                Event::Message(message) => Some(message),
                _ => None,
            },
        }
    }

    #[inline]
    fn bytes<'a>(&'a self, found: Found, input: &'a Input) -> &'a [u8] {
        match found.range() {
            Some(range) => input.bytes(range),
            None => self.assembly.as_deref().map_or(&[], |whole| whole),
        }
    }

    #[inline]
    fn text<'a>(&'a self, found: Found, input: &'a Input) -> &'a str {
        match found.range() {
            Some(range) => input.text(range),
            None => self.assembled_text(),
        }
    }

    fn assembled_text(&self) -> &str {
        let Some(whole) = &self.assembly else {
            return "";
        };
        // Validated as it arrived: two comparisons.
        whole.text(0..whole.len()).unwrap_or_default()
    }

    fn take_bytes(&mut self, found: Found, input: &mut Input) -> Bytes {
        match found.range() {
            Some(range) if range.len() < SPLIT_MIN => Bytes::copy_from_slice(input.bytes(range)),
            Some(range) => input.split_off_payload(range).freeze(),
            None => self.take_assembly().freeze(),
        }
    }

    fn take_text(&mut self, found: Found, input: &mut Input) -> Utf8Bytes {
        match found.range() {
            Some(range) if range.len() < SPLIT_MIN => Utf8Bytes::from(input.text(range)),
            Some(range) => input
                .split_off_payload(range)
                .freeze_text()
                .unwrap_or_default(),
            None => self.take_assembly().freeze_text().unwrap_or_default(),
        }
    }

    fn take_assembly(&mut self) -> ReceiveBuf {
        let whole = self
            .assembly
            .take()
            .map_or_else(ReceiveBuf::new, |whole| *whole);
        // Growing by doubling may leave as much room as there is message: a
        // message that is kept should not keep that too.
        if whole.spare_capacity() <= whole.len() {
            return whole;
        }
        let mut exact = ReceiveBuf::with_capacity(whole.len());
        exact.extend_from_slice(&whole);
        exact
    }
}

/// From this length on an owned payload is split off the input, not copied:
/// a copy costs less than what pinning the buffer would.
const SPLIT_MIN: usize = 2 << 10;
