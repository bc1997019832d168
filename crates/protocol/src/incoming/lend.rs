use bytes::Bytes;
use socket_flow_frames::Utf8Bytes;

use crate::event::{Event, EventRef, Found, Kind};
use crate::incoming::Incoming;
use crate::incoming::assembly::Assembly;
use crate::incoming::state::State;
use crate::input::Input;
use crate::message::{Message, MessageRef};

/// What a step found, lent or owned.
impl Incoming {
    /// Lends what was found; valid until the next step or read.
    #[inline]
    pub fn lend<'a>(&'a self, found: Found, input: &'a Input) -> EventRef<'a> {
        match found.kind {
            Kind::Text | Kind::Binary => EventRef::Message(self.message(found, input)),
            Kind::Ping => EventRef::Ping(self.bytes(found, input)),
            Kind::Pong => EventRef::Pong(self.bytes(found, input)),
            Kind::Close => EventRef::Close(self.close_frame()),
        }
    }

    /// Lends what was found if it is a message, as [`lend`](Incoming::lend)
    /// does.
    #[inline]
    pub fn lend_message<'a>(&'a self, found: Found, input: &'a Input) -> Option<MessageRef<'a>> {
        found.is_message().then(|| self.message(found, input))
    }

    /// Takes what was found, owned: small payloads are copied, so that a
    /// small message does not pin a large buffer; larger ones are split off,
    /// assembled ones handed over.
    pub fn take(&mut self, found: Found, input: &mut Input) -> Event {
        match found.kind {
            kind @ (Kind::Text | Kind::Binary) if found.range().is_none() => {
                Event::Message(self.take_assembled(kind))
            }
            Kind::Text => Event::Message(Message::Text(self.take_text(found, input))),
            Kind::Binary => Event::Message(Message::Binary(self.take_bytes(found, input))),
            Kind::Ping => Event::Ping(self.take_bytes(found, input)),
            Kind::Pong => Event::Pong(self.take_bytes(found, input)),
            Kind::Close => Event::Close(self.close_frame().cloned()),
        }
    }

    /// Takes what was found if it is a message, as [`take`](Incoming::take)
    /// does.
    #[inline(always)]
    pub fn take_message(&mut self, found: Found, input: &mut Input) -> Option<Message> {
        match found.range() {
            Some(range) if (found.len as usize) < SPLIT_MIN => match found.kind {
                Kind::Text => Some(Message::Text(Utf8Bytes::from(input.text(range)))),
                // Of exact length from the start, which spares a look at the
                // capacity.
                Kind::Binary => Some(Message::Binary(
                    Box::<[u8]>::from(input.bytes(range)).into(),
                )),
                _ => None,
            },
            _ => match self.take(found, input) {
                Event::Message(message) => Some(message),
                _ => None,
            },
        }
    }

    #[inline]
    fn bytes<'a>(&'a self, found: Found, input: &'a Input) -> &'a [u8] {
        // A control frame is never assembled.
        input.bytes(found.range().unwrap_or_default())
    }

    #[inline]
    fn message<'a>(&'a self, found: Found, input: &'a Input) -> MessageRef<'a> {
        match found.range() {
            Some(range) if matches!(found.kind, Kind::Text) => input.text(range).into(),
            Some(range) => input.bytes(range).into(),
            None => self.assembled_message(found.kind),
        }
    }

    #[inline(never)]
    fn assembled_message(&self, kind: Kind) -> MessageRef<'_> {
        match &self.assembly {
            Some(assembly) => assembly.lend(kind),
            // Released, or taken: the caller looks at what is no longer there.
            None if kind == Kind::Text => "".into(),
            None => (&[][..]).into(),
        }
    }

    fn take_bytes(&mut self, found: Found, input: &mut Input) -> Bytes {
        let range = found.range().unwrap_or_default();
        if range.len() < SPLIT_MIN {
            Bytes::copy_from_slice(input.bytes(range))
        } else {
            input.split_off_payload(range).freeze()
        }
    }

    fn take_text(&mut self, found: Found, input: &mut Input) -> Utf8Bytes {
        let range = found.range().unwrap_or_default();
        if range.len() < SPLIT_MIN {
            Utf8Bytes::from(input.text(range))
        } else {
            let text = input.split_off_payload(range).freeze_text();
            text.unwrap_or_default()
        }
    }

    fn take_assembled(&mut self, kind: Kind) -> Message {
        if let State::Shared = self.state {
            self.state = State::Between;
        }
        match &mut self.assembly {
            Some(assembly) => assembly.take(kind),
            // Released, or taken, as above.
            None => Assembly::default().take(kind),
        }
    }
}

/// From this length on an owned payload is split off the input, not copied:
/// a copy costs less than what pinning the buffer would.
const SPLIT_MIN: usize = 2 << 10;
