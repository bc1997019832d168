use std::collections::BTreeSet;
use std::ops::AddAssign;

use bytes::Bytes;
use socket_flow_protocol::{Message, MessageRef, Utf8Bytes};

use crate::random::Random;

/// The messages of one direction: a number gives the message, always the
/// same, so that both ends know it without having talked.
///
/// A message holds its number, the checksum of its body and the body. Some
/// hold the number alone, and a few nothing.
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
        let mut random = Random::new(self.seed ^ number.wrapping_mul(0xD6E8_FEB8_6659_FD93));
        let number = self.first + number;
        let len = match random.below(40) {
            0 if self.first == 0 => return Bytes::new().into(),
            0..=4 => return Utf8Bytes::from(number.to_string()).into(),
            5..=6 => random.below(self.longest),
            7..=14 => random.below(self.longest.min(3_000)),
            _ => random.below(self.longest.min(130)),
        };
        let is_text = random.one_in(2);
        let mut body = Vec::with_capacity(len + WORD);
        let mut word = [0; WORD];
        let word = fill_word(&mut random, &mut word, is_text);
        while body.len() + word.len() <= len {
            body.extend_from_slice(word);
        }
        body.extend_from_slice(&PADDING[..(len - body.len()).min(PADDING.len())]);
        let mut message = format!("{number} {:x} ", checksum(&body)).into_bytes();
        message.extend_from_slice(&body);
        let message = Bytes::from(message);
        match Utf8Bytes::try_from(message.clone()) {
            Ok(text) if is_text => Message::Text(text),
            _ => Message::Binary(message),
        }
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
    tally: Tally,
}

impl Received {
    /// Nothing has arrived yet.
    pub fn new(ledger: Ledger) -> Self {
        Self {
            ledger,
            next: 0,
            missing: BTreeSet::new(),
            tally: Tally::default(),
        }
    }

    /// Takes a message down.
    pub fn receive(&mut self, message: MessageRef<'_>) {
        self.tally.messages += 1;
        if message == self.ledger.message(self.next).as_ref() {
            self.next += 1;
            return;
        }
        match self.number(message.as_bytes()) {
            Some(number) if message != self.ledger.message(number).as_ref() => {
                self.tally.torn += 1;
            }
            None => self.tally.torn += 1,
            Some(number) if self.missing.remove(&number) => self.tally.reordered += 1,
            Some(number) if number < self.next => self.tally.duplicated += 1,
            Some(number) => {
                // Nobody sends more than that in a test.
                let passed = self.next..number.min(self.next + 1_000_000);
                self.missing.extend(passed);
                self.next = number + 1;
            }
        }
    }

    /// The number of the next message, if all is well.
    pub fn next(&self) -> u64 {
        self.next
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

    /// The tally of a direction that may have ended anywhere.
    pub fn so_far(&self) -> Tally {
        Tally {
            lost: self.missing.len() as u64,
            ..self.tally
        }
    }

    /// The tally of a direction that ended in order, behind `sent` messages.
    pub fn complete(&self, sent: u64) -> Tally {
        let mut tally = self.so_far();
        tally.lost += sent.saturating_sub(self.next);
        // What nobody has sent is nothing that may arrive.
        tally.torn += self.next.saturating_sub(sent);
        tally
    }
}

/// How many messages arrived, and what was wrong with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs)] // for tests, which fill it in
pub struct Tally {
    /// Messages received.
    pub messages: u64,
    /// Sent and not received.
    pub lost: u64,
    /// Received twice.
    pub duplicated: u64,
    /// Received behind a later one.
    pub reordered: u64,
    /// Received with other bytes than were sent.
    pub torn: u64,
}

impl Tally {
    /// Whether everything arrived once, in order and whole.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.duplicated == 0 && self.reordered == 0 && self.torn == 0
    }

    /// Fails unless everything arrived once, in order and whole.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self:?}");
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.torn += other.torn;
    }
}

/// The number a message says it has, if its checksum is right.
fn number(message: &[u8]) -> Option<u64> {
    let mut parts = message.splitn(3, |byte| *byte == b' ');
    let number = std::str::from_utf8(parts.next()?).ok()?.parse().ok()?;
    let Some(sum) = parts.next() else {
        return Some(number);
    };
    let sum = u64::from_str_radix(std::str::from_utf8(sum).ok()?, 16).ok()?;
    (sum == checksum(parts.next()?)).then_some(number)
}

/// FNV-1a, eight bytes at a time.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.chunks(8).fold(0xcbf2_9ce4_8422_2325, |sum, chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        (sum ^ u64::from_le_bytes(word))
            .wrapping_mul(0x0100_0000_01b3)
            .rotate_left(23)
    })
}

/// Bytes for a body to repeat: a length that no buffer shares.
fn fill_word<'a>(random: &mut Random, word: &'a mut [u8; WORD], is_text: bool) -> &'a [u8] {
    if !is_text {
        for chunk in word.chunks_mut(8) {
            chunk.copy_from_slice(&random.bits().to_le_bytes()[..chunk.len()]);
        }
        return word;
    }
    let mut len = 0;
    loop {
        let character = random.pick(&['a', 'b', 'x', ' ', 'ß', '€', '😀']);
        if len + character.len_utf8() > WORD {
            return &word[..len];
        }
        len += character.encode_utf8(&mut word[len..]).len();
    }
}

/// How many messages a stream may have.
const STREAM: u64 = 1 << 32;

const WORD: usize = 97;

/// The end of a body whose length is no multiple of its word's.
const PADDING: [u8; WORD] = [b'.'; WORD];

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
        assert!(received.complete(40).is_clean());
        received.receive(third.message(40).as_ref());
        assert_eq!(received.so_far().torn, 1);
    }

    #[test]
    fn what_arrives_once_and_in_order_is_clean() {
        let all: Vec<_> = (0..100).collect();
        let tally = received(&all).complete(100);
        assert!(tally.is_clean());
        assert_eq!(tally.messages, 100);
        assert_eq!(received(&all).complete(103).lost, 3);
        assert_eq!(received(&all).complete(99).torn, 1);
        assert!(received(&all[..40]).so_far().is_clean());
    }

    #[test]
    fn what_is_passed_over_repeated_or_late_is_told_apart() {
        let numbers = numbered(6);
        let [a, b, c, d, ..] = numbers[..] else {
            panic!("six messages");
        };
        assert_eq!(numbers, [0, 1, 2, 3, 4, 5]);
        assert_eq!(received(&[a, c, d]).complete(4).lost, 1);
        assert_eq!(received(&[a, b, b]).complete(2).duplicated, 1);
        let ledger = Ledger::new(3, 100_000);
        let empty = (0..).find(|n| ledger.message(*n).is_empty()).unwrap();
        assert_eq!(received(&[0, empty]).complete(empty + 1).lost, empty - 1);
        let late = received(&[a, c, b]).complete(3);
        assert_eq!((late.reordered, late.lost), (1, 0));
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
            assert_eq!(received.so_far().torn, 1);
        }
    }
}
