use std::cell::{Cell, RefCell};
use std::rc::Rc;

use socket_flow_protocol::{EventRef, Message};

use crate::ledger::{Ledger, Received};
use crate::report::Report;

/// Messages that come from one place, an application, a sender, or a publisher,
/// and what arrives of them.
#[derive(Debug)]
pub(super) struct Stream {
    ledger: Ledger,
    /// How many there are so far.
    pub(super) sent: Cell<u64>,
    /// How many of them its sender was told will not arrive.
    pub(super) dropped: Cell<u64>,
    received: RefCell<Received>,
}

/// The streams of one end: the application's, those of its two senders, and the
/// publisher's.
pub(super) type Streams = [Rc<Stream>; 4];

/// What arrives at one end: the streams of the other, one among another.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) streams: Streams,
    pub(super) pings: Pings,
}

#[derive(Debug, Default)]
pub(super) struct Pings {
    pub(super) sent: u64,
    pub(super) answered: u64,
    received: u64,
}

impl Stream {
    pub(super) fn new(ledger: Ledger) -> Rc<Self> {
        Rc::new(Self {
            ledger,
            sent: Cell::new(0),
            dropped: Cell::new(0),
            received: Received::new(ledger).into(),
        })
    }

    /// The next message.
    pub(super) fn next(&self) -> Message {
        self.ledger.message(self.sent.get())
    }

    /// The next message was taken, perhaps in place of others.
    pub(super) fn add(&self, dropped: u64) {
        self.sent.set(self.sent.get() + 1);
        self.dropped.set(self.dropped.get() + dropped);
    }

    /// All that was not dropped has arrived, as it must once everyone waits.
    pub(super) fn assert_arrived(&self) {
        let arrived = self.received.borrow().count() + self.dropped.get();
        assert_eq!(arrived, self.sent.get(), "{self:?} has not arrived");
    }

    /// What arrived: all that was not dropped, where it is complete.
    pub(super) fn judge(&self, is_complete: bool) -> Report {
        let sent = is_complete.then(|| self.sent.get());
        self.received.borrow().judge(sent, self.dropped.get())
    }
}

impl Inbox {
    /// Takes down what arrives.
    pub(super) fn receive(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::Message(message) => {
                let index = Ledger::stream_of(message.as_bytes()) as usize;
                let stream = self.streams.get(index).expect("a message of nobody");
                stream.received.borrow_mut().receive(message);
            }
            EventRef::Ping(data) => self.pings.receive(data),
            EventRef::Pong(data) => self.pings.answer(data),
            _ => {}
        }
    }
}

impl Pings {
    /// A peer's pings arrive once and in order. Those of keepalive are empty.
    fn receive(&mut self, data: &[u8]) {
        if let Some(number) = number(data) {
            assert_eq!(number, self.received + 1, "pings out of order");
            self.received = number;
        }
    }

    /// Newer pings may be answered in place of older ones, in order
    /// (RFC 6455 §5.5.3).
    fn answer(&mut self, data: &[u8]) {
        if let Some(number) = number(data) {
            let (answered, sent) = (self.answered, self.sent);
            let is_due = number > answered && number <= sent;
            assert!(is_due, "pong {number} of {sent}, {answered} answered");
            self.answered = number;
        }
    }
}

fn number(data: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(data).expect("a number");
    (!text.is_empty()).then(|| text.parse().expect("a number"))
}
