use bytes::Bytes;
use socket_flow_frames::{ReceiveBuf, Utf8Bytes};

use crate::event::{Event, EventRef, Found, Kind, Place};
use crate::incoming::Incoming;
use crate::input::Input;
use crate::message::{Message, MessageRef};

/// What a step found, lent or owned.
impl Incoming {
    /// Lends what was found; valid until the next step or read.
    #[inline]
    pub fn lend<'a>(&'a self, found: Found, input: &'a Input) -> EventRef<'a> {
        match found.kind {
            Kind::Text => EventRef::Message(MessageRef::Text(match found.place {
                Place::Input { start, end } => input.text(start..end),
                Place::Assembled => self.assembled_text(),
            })),
            Kind::Binary => EventRef::Message(MessageRef::Binary(self.bytes(found, input))),
            Kind::Ping => EventRef::Ping(self.bytes(found, input)),
            Kind::Pong => EventRef::Pong(self.bytes(found, input)),
            Kind::Close => EventRef::Close(self.close_frame()),
        }
    }

    /// Takes what was found, owned: small payloads are copied, so that a
    /// small message does not pin a large buffer; larger ones are split off,
    /// assembled ones handed over.
    pub fn take(&mut self, found: Found, input: &mut Input) -> Event {
        match found.kind {
            Kind::Text => Event::Message(Message::Text(self.take_text(found, input))),
            Kind::Binary => Event::Message(Message::Binary(self.take_bytes(found, input))),
            Kind::Ping => Event::Ping(self.take_bytes(found, input)),
            Kind::Pong => Event::Pong(self.take_bytes(found, input)),
            Kind::Close => Event::Close(self.close_frame().cloned()),
        }
    }

    #[inline]
    fn bytes<'a>(&'a self, found: Found, input: &'a Input) -> &'a [u8] {
        match found.place {
            Place::Input { start, end } => input.bytes(start..end),
            Place::Assembled => self.assembly.as_deref().map_or(&[], |whole| whole),
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
        match found.place {
            Place::Input { start, end } if end - start < SPLIT_MIN => {
                Bytes::copy_from_slice(input.bytes(start..end))
            }
            Place::Input { start, end } => input.split_off_payload(start..end).freeze(),
            Place::Assembled => self.take_assembly().freeze(),
        }
    }

    fn take_text(&mut self, found: Found, input: &mut Input) -> Utf8Bytes {
        match found.place {
            Place::Input { start, end } if end - start < SPLIT_MIN => {
                Utf8Bytes::from(input.text(start..end))
            }
            Place::Input { start, end } => input
                .split_off_payload(start..end)
                .freeze_text()
                .unwrap_or_default(),
            Place::Assembled => self.take_assembly().freeze_text().unwrap_or_default(),
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
