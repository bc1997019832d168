use std::time::Duration;

use socket_flow_protocol::{
    CloseCode, Compressed, EventRef, Message, Payload, Prepared, Protocol, SendError, Uncompressed,
};

use crate::ledger::{Ledger, Received};
use crate::simulation::Outcome;
use crate::simulation::script::{Action, Script, Way};

/// What uses a connection: it follows a script, and takes down what arrives.
#[derive(Debug)]
pub(super) struct Application {
    script: Script,
    /// Until when it receives nothing.
    paused_until: Duration,
    ledger: Ledger,
    sent: u64,
    /// The message that is sent part by part, and how much of it is.
    parts: Option<(Message, usize)>,
    received: Received,
    pings: Pings,
    /// When a message last came or went.
    last_message: Duration,
}

#[derive(Debug, Default)]
struct Pings {
    sent: u64,
    answered: u64,
    received: u64,
}

impl Application {
    pub(super) fn new(script: Script, ours: Ledger, theirs: Ledger, start: Duration) -> Self {
        Self {
            script,
            paused_until: Duration::ZERO,
            ledger: ours,
            sent: 0,
            parts: None,
            received: Received::new(theirs),
            pings: Pings::default(),
            last_message: start,
        }
    }

    /// Does what the script says for this moment; tells whether it did.
    pub(super) fn act(&mut self, now: Duration, protocol: &mut Protocol) -> bool {
        let mut progress = false;
        while let Some(&(at, action)) = self.script.front() {
            if protocol.closing().is_sent() {
                self.script.clear();
                break;
            }
            if at > now || !self.perform(action, now, protocol) {
                break;
            }
            self.script.pop_front();
            progress = true;
        }
        progress
    }

    /// Takes down what arrives.
    pub(super) fn receive(&mut self, now: Duration, event: EventRef<'_>) {
        match event {
            EventRef::Message(message) => {
                self.last_message = now;
                self.received.receive(message);
            }
            EventRef::Ping(data) => self.pings.receive(data),
            EventRef::Pong(data) => self.pings.answer(data),
            _ => {}
        }
    }

    /// When it does something next, or receives again.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let action = self.script.front().map(|(at, _)| *at);
        let due = action.into_iter().chain([self.paused_until]);
        due.filter(|at| *at > now).min()
    }

    pub(super) fn is_paused(&self, now: Duration) -> bool {
        now < self.paused_until
    }

    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    pub(super) fn received(&self) -> &Received {
        &self.received
    }

    pub(super) fn last_message(&self) -> Duration {
        self.last_message
    }

    pub(super) fn count_into(&self, outcome: &mut Outcome) {
        outcome.count("sent", self.sent);
        outcome.count("pings", self.pings.sent);
        outcome.count("pongs", self.pings.answered);
    }

    /// `false` when there is no room for it.
    fn perform(&mut self, action: Action, now: Duration, protocol: &mut Protocol) -> bool {
        match action {
            Action::Send(way) => {
                let message = self.ledger.message(self.sent);
                let sent = match way {
                    Way::Plain => outcome(protocol.queue(message)),
                    Way::Compressed => outcome(protocol.queue(Compressed(message))),
                    Way::Uncompressed => outcome(protocol.queue(Uncompressed(message))),
                    Way::Prepared => outcome(protocol.queue(&Prepared::new(message))),
                };
                if sent {
                    self.sent += 1;
                    self.last_message = now;
                }
                sent
            }
            Action::Part => {
                let ledger = self.ledger;
                let number = self.sent;
                let begin = || (ledger.message(number), 0);
                let (message, start) = self.parts.get_or_insert_with(begin);
                let mut end = *start + (message.len() - *start) / 2;
                if let Some(text) = message.as_text() {
                    end = (end..=text.len())
                        .find(|end| text.is_char_boundary(*end))
                        .unwrap_or(text.len());
                }
                let queued = queue_part(protocol, message, *start, end, false);
                if queued {
                    *start = end;
                    self.last_message = now;
                }
                queued
            }
            Action::LastPart => {
                let Some((message, start)) = &self.parts else {
                    return true;
                };
                let queued = queue_part(protocol, message, *start, message.len(), true);
                if queued {
                    self.parts = None;
                    self.sent += 1;
                    self.last_message = now;
                }
                queued
            }
            Action::Ping => {
                let data = (self.pings.sent + 1).to_string();
                let sent = protocol.ping(data.as_bytes()).is_ok();
                self.pings.sent += u64::from(sent);
                // Nobody waits to send a ping.
                true
            }
            Action::Pause(pause) => {
                self.paused_until = now + pause;
                true
            }
            Action::Close(code) => {
                let code = CloseCode::try_from(code).expect("a code that may be sent");
                protocol.close(code, "bye").expect("a short reason");
                true
            }
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
            assert!(
                number > self.answered && number <= self.sent,
                "pong {number}, {} pings sent and {} answered",
                self.sent,
                self.answered
            );
            self.answered = number;
        }
    }
}

fn number(data: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(data).expect("a number");
    (!text.is_empty()).then(|| text.parse().expect("a number"))
}

fn queue_part(
    protocol: &mut Protocol,
    message: &Message,
    start: usize,
    end: usize,
    is_last: bool,
) -> bool {
    fn queue<P: Payload>(protocol: &mut Protocol, part: P, is_last: bool) -> bool {
        outcome(match is_last {
            true => protocol.queue_last_part(part),
            false => protocol.queue_part(part),
        })
    }
    match message {
        Message::Text(text) => queue(protocol, &text[start..end], is_last),
        Message::Binary(bytes) => queue(protocol, bytes.slice(start..end), is_last),
    }
}

/// Whether it was queued; the one reason not to is that there is no room.
fn outcome<P>(result: Result<(), SendError<P>>) -> bool {
    match result {
        Ok(()) => true,
        Err(SendError::Full(_)) => false,
        Err(error) => panic!("{error:?}"),
    }
}
