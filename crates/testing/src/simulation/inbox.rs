use std::cell::Cell;
use std::rc::Rc;

use socket_flow_protocol::{EventRef, MessageRef};

use crate::ledger::{Ledger, Received, Tally};

/// Messages that come from one place: a script, a sender, or a publisher.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) ledger: Ledger,
    /// How many there are so far.
    pub(super) sent: Cell<u64>,
    /// How many of them its sender was told will not arrive.
    pub(super) dropped: Cell<u64>,
    /// How many have arrived.
    pub(super) arrived: Cell<u64>,
}

/// What arrives at one end: the streams of the other, one among another.
#[derive(Debug)]
pub(super) struct Inbox {
    streams: Vec<(Rc<Stream>, Received)>,
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
            arrived: Cell::new(0),
        })
    }

    /// Another message was taken, perhaps in place of others.
    pub(super) fn add(&self, dropped: u64) {
        self.sent.set(self.sent.get() + 1);
        self.dropped.set(self.dropped.get() + dropped);
    }

    /// All that was not dropped has arrived, as it must once everyone waits.
    pub(super) fn assert_arrived(&self) {
        let arrived = self.arrived.get() + self.dropped.get();
        assert_eq!(arrived, self.sent.get(), "{self:?} has not arrived");
    }
}

impl Inbox {
    pub(super) fn new(streams: &[Rc<Stream>]) -> Self {
        let received = |stream: &Rc<Stream>| (stream.clone(), Received::new(stream.ledger));
        Self {
            streams: streams.iter().map(received).collect(),
            pings: Pings::default(),
        }
    }

    /// Takes down what arrives.
    pub(super) fn receive(&mut self, event: EventRef<'_>) {
        match event {
            EventRef::Message(message) => self.message(message),
            EventRef::Ping(data) => self.pings.receive(data),
            EventRef::Pong(data) => self.pings.answer(data),
            _ => {}
        }
    }

    /// What arrived of each stream. `is_complete` tells of which everything
    /// must have that was not dropped.
    pub(super) fn tally(&self, is_complete: impl Fn(usize) -> bool) -> Tally {
        let mut sum = Tally::default();
        for (index, (stream, received)) in self.streams.iter().enumerate() {
            let is_complete = is_complete(index);
            let mut tally = match is_complete {
                true => received.complete(stream.sent.get()),
                false => received.so_far(),
            };
            let dropped = stream.dropped.get();
            if is_complete {
                // What was dropped is nothing that may arrive.
                tally.torn += dropped.saturating_sub(tally.lost);
            }
            tally.lost = tally.lost.saturating_sub(dropped);
            sum += tally;
        }
        sum
    }

    fn message(&mut self, message: MessageRef<'_>) {
        let index = Ledger::stream_of(message.as_bytes());
        let stream = usize::try_from(index)
            .ok()
            .and_then(|index| self.streams.get_mut(index));
        let (stream, received) = stream.expect("a message of nobody");
        received.receive(message);
        stream.arrived.set(stream.arrived.get() + 1);
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
