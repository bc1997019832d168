use std::collections::BTreeSet;

use socket_flow_protocol::{Message, MessageRef};

use crate::report::Report;
use crate::seeds::{Random, pick};

/// The messages of one direction: a number gives the message, always the
/// same, so that both ends know it without having talked.
///
/// A message holds its number and a body. Some hold the number alone, and a
/// few nothing.
#[derive(Clone, Copy, Debug)]
pub struct Ledger {
    seed: u64,
    longest: usize,
    /// What its messages' numbers begin with.
    first: u64,
}

impl Ledger {
    /// Messages of up to about `longest` bytes, most of them much shorter.
    pub fn new(seed: u64, longest: usize) -> Self {
        Self {
            seed,
            longest,
            first: 0,
        }
    }

    /// One of several ledgers whose messages arrive one among another. Each but
    /// the first has no empty messages, which tell nothing.
    #[must_use]
    pub fn stream(self, index: u64) -> Self {
        Self {
            seed: self.seed.wrapping_add(index),
            first: index * STREAM,
            ..self
        }
    }

    /// The index of the stream that a message comes from, as far as it tells.
    pub fn stream_of(message: &[u8]) -> u64 {
        number(message).map_or(0, |number| number / STREAM)
    }

    /// Message `number`, counted from 0.
    pub fn message(&self, number: u64) -> Message {
        let mut random = Random::with_seed(self.seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let number = self.first + number;
        let len = match random.usize(..40) {
            0 if self.first == 0 => return Message::from(""),
            0..=4 => return number.to_string().into(),
            5..=6 => random.usize(..self.longest),
            7..=14 => random.usize(..self.longest.min(3_000)),
            _ => random.usize(..self.longest.min(130)),
        };
        let head = format!("{number} ");
        // A body repeats something whose length no buffer shares.
        if random.bool() {
            let word: String = (0..24).map(|_| pick(&mut random, CHARACTERS)).collect();
            let end = ".".repeat(len % word.len());
            return (head + &word.repeat(len / word.len()) + &end).into();
        }
        let mut word = [0; 97];
        random.fill(&mut word);
        let mut message = [head.as_bytes(), &word.repeat(len / word.len())].concat();
        message.resize(head.len() + len, b'.');
        message.into()
    }
}

/// What arrived of a [`Ledger`], judged message by message.
#[derive(Clone, Debug)]
pub struct Received {
    ledger: Ledger,
    /// The number of the next message, if all is well.
    next: u64,
    /// Numbers that were passed over.
    missing: BTreeSet<u64>,
    report: Report,
}

impl Received {
    /// Nothing has arrived yet.
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            next: 0,
            missing: BTreeSet::new(),
            report: Report::default(),
        }
    }

    /// Takes a message down.
    pub fn receive(&mut self, message: MessageRef<'_>) {
        self.report.add("messages", 1);
        if message == self.ledger.message(self.next).as_ref() {
            self.next += 1;
            return;
        }
        match self.number(message.as_bytes()) {
            Some(number) if message != self.ledger.message(number).as_ref() => {
                self.report.add("torn", 1);
            }
            None => self.report.add("torn", 1),
            Some(number) if self.missing.remove(&number) => self.report.add("reordered", 1),
            Some(number) if number < self.next => self.report.add("duplicated", 1),
            Some(number) => {
                // Nobody sends more than that in a test.
                let passed = self.next..number.min(self.next + 1_000_000);
                self.missing.extend(passed);
                self.next = number + 1;
            }
        }
    }

    /// How many messages have arrived.
    pub fn count(&self) -> u64 {
        self.report.get("messages")
    }

    /// The number of the next message, if all is well.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The figures of a direction that may have ended anywhere.
    pub fn so_far(&self) -> Report {
        self.judge(None, 0)
    }

    /// The figures of a direction that ended in order, after `sent` messages.
    pub fn complete(&self, sent: u64) -> Report {
        self.judge(Some(sent), 0)
    }

    /// The figures of a direction in which so many messages were dropped before
    /// they could arrive, and their sender was told.
    pub fn judge(&self, sent: Option<u64>, dropped: u64) -> Report {
        let mut report = self.report.clone();
        let mut lost = self.missing.len() as u64;
        if let Some(sent) = sent {
            lost += sent.saturating_sub(self.next);
            // What nobody has sent is nothing that may arrive, nor what was dropped.
            let never_sent = self.next.saturating_sub(sent);
            report.add("torn", never_sent + dropped.saturating_sub(lost));
        }
        report.add("lost", lost.saturating_sub(dropped));
        report
    }

    /// The number a message has, as far as it tells. An empty one is taken for
    /// the next empty one.
    fn number(&self, message: &[u8]) -> Option<u64> {
        if message.is_empty() {
            let mut coming = self.next..self.next + 1_000;
            return coming.find(|number| self.ledger.message(*number).is_empty());
        }
        number(message)?.checked_sub(self.ledger.first)
    }
}

/// Both halves of a message, cut between characters: its parts.
pub(crate) fn halves(message: &Message) -> (Message, Message) {
    match message {
        Message::Text(text) => {
            let mut middle = text.len() / 2..;
            let middle = middle.find(|at| text.is_char_boundary(*at));
            let (first, last) = text.split_at(middle.expect("the end is one"));
            (first.into(), last.into())
        }
        Message::Binary(bytes) => {
            let (first, last) = bytes.split_at(bytes.len() / 2);
            (first.into(), last.into())
        }
    }
}

/// The number a message says it has.
fn number(message: &[u8]) -> Option<u64> {
    let number = message.split(|byte| *byte == b' ').next()?;
    std::str::from_utf8(number).ok()?.parse().ok()
}

/// How many messages a stream may have.
const STREAM: u64 = 1 << 32;

/// Of one byte to four.
const CHARACTERS: [char; 7] = ['a', 'b', 'x', ' ', 'ß', '€', '😀'];

#[cfg(test)]
mod tests {
    use super::*;

    fn received(numbers: &[u64]) -> Received {
        let ledger = Ledger::new(3, 100_000);
        let mut received = Received::new(ledger);
        for &number in numbers {
            received.receive(ledger.message(number).as_ref());
        }
        received
    }

    /// Numbers of messages that are not empty.
    fn numbered(count: usize) -> Vec<u64> {
        let ledger = Ledger::new(3, 100_000);
        let numbers = (0..).filter(|number| !ledger.message(*number).is_empty());
        numbers.take(count).collect()
    }

    #[test]
    fn messages_of_all_kinds_and_sizes_are_in_it_and_differ_from_each_other() {
        let ledger = Ledger::new(1, 100_000);
        let messages: Vec<_> = (0..400).map(|number| ledger.message(number)).collect();
        assert!(messages.iter().any(Message::is_empty));
        assert!(messages.iter().any(|message| message.len() > 50_000));
        assert!(messages.iter().any(Message::is_text));
        assert!(messages.iter().any(|message| !message.is_text()));
        let distinct: BTreeSet<_> = messages.iter().map(Message::as_bytes).collect();
        let empty = messages.iter().filter(|message| message.is_empty()).count();
        assert_eq!(distinct.len(), messages.len() - empty + 1);
        assert_ne!(Ledger::new(2, 100_000).message(7), ledger.message(7));
    }

    #[test]
    fn messages_of_a_stream_tell_which_and_what_another_one_sent_is_torn() {
        let ledger = Ledger::new(1, 1_000);
        let [second, third] = [1, 2].map(|index| ledger.stream(index));
        for number in 0..400 {
            let message = second.message(number);
            assert_eq!(Ledger::stream_of(message.as_bytes()), 1);
        }
        let mut received = Received::new(second);
        (0..40).for_each(|number| received.receive(second.message(number).as_ref()));
        received.complete(40).assert_clean();
        received.receive(third.message(40).as_ref());
        assert_eq!(received.so_far().get("torn"), 1);
    }

    #[test]
    fn what_arrives_once_and_in_order_is_clean() {
        let all: Vec<_> = (0..100).collect();
        let tally = received(&all).complete(100);
        assert!(tally.is_clean());
        assert_eq!(tally.get("messages"), 100);
        assert_eq!(received(&all).complete(103).get("lost"), 3);
        assert_eq!(received(&all).complete(99).get("torn"), 1);
        assert!(received(&all[..40]).so_far().is_clean());
    }

    #[test]
    fn what_is_passed_over_repeated_or_late_is_told_apart() {
        let numbers = numbered(4);
        let [a, b, c, d] = numbers[..] else {
            panic!("four messages");
        };
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!(received(&[a, c, d]).complete(4).get("lost"), 1);
        assert_eq!(received(&[a, b, b]).complete(2).get("duplicated"), 1);
        let ledger = Ledger::new(3, 100_000);
        let empty = (0..).find(|n| ledger.message(*n).is_empty()).unwrap();
        assert_eq!(
            received(&[0, empty]).complete(empty + 1).get("lost"),
            empty - 1
        );
        let late = received(&[a, c, b]).complete(3);
        assert_eq!((late.get("reordered"), late.get("lost")), (1, 0));
    }

    #[test]
    fn another_byte_or_another_type_is_torn() {
        let ledger = Ledger::new(3, 100_000);
        let long = (0..).find(|n| ledger.message(*n).len() > 100).unwrap();
        let message = ledger.message(long);
        let mut bytes = message.as_bytes().to_vec();
        bytes[50] ^= 1;
        for torn in [
            Message::from(bytes),
            Message::from(&message.as_bytes()[..70]),
            match message.is_text() {
                true => Message::from(message.as_bytes()),
                false => Message::from("no number"),
            },
        ] {
            let mut received = Received::new(ledger);
            for number in 0..long {
                received.receive(ledger.message(number).as_ref());
            }
            received.receive(torn.as_ref());
            assert_eq!(received.so_far().get("torn"), 1);
        }
    }
}
