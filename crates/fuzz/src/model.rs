//! F10: a connection's life, beside a model of a page.

use std::time::Duration;

use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{
    CloseCode, Config, ControlError, Event, Expired, Message, MessageRef, Role, SendError,
};
use socket_flow_testing::wire;

use crate::source::Source;
use crate::support::{
    Endpoint, MODES, ROLES, Sent, binary, close_payload, closed, frame, ping, pong, text,
};

/// Whatever an application and its peer do, and however long they wait: events are what the peer
/// sent, in order; messages and pings on the wire are those that were taken, whole and in order;
/// pongs have the data of pings, the newest always; one Close at most, nothing behind it, with
/// the code that tells why; deadlines end the connection when they say, and not before.
pub(crate) fn model(data: &[u8]) {
    let mut source = Source::new(data);
    let role = source.pick(&ROLES);
    let config = Config::new()
        .high_water(source.pick(&[64 << 10, 100, 1]))
        .max_pongs(source.pick(&[16, 1, 3]))
        .fragment(source.pick(&[usize::MAX, 10]));
    let mut life = Life::new(role, &config);
    life.end.mode = source.pick(&MODES);
    for _ in 0..100 {
        if source.is_empty() || !life.turn(&mut source) {
            break;
        }
    }
    life.judge();
}

/// An endpoint, and what must come of it.
struct Life {
    end: Endpoint,
    /// What the peer has sent and the transport not delivered.
    arriving: Vec<u8>,
    /// The events that all it sent are.
    events: Vec<Event>,
    /// The fragmented message the peer is sending.
    theirs: Option<(bool, Vec<u8>)>,
    /// Whether the peer has sent its Close, or bytes that are no frames.
    peer_done: bool,
    /// Whether those were no frames, so that what they come to is not known.
    garbage: bool,
    /// Messages the endpoint took.
    messages: Vec<Message>,
    /// The message it is given part by part.
    ours: Option<(bool, Vec<u8>)>,
    pings: Vec<Vec<u8>>,
    /// The code of its Close, and how many events it had seen when it was queued.
    close: Option<(Option<u16>, usize)>,
    /// When the time was first told after that Close.
    close_told: Option<Duration>,
    /// When bytes last arrived.
    heard: Duration,
    was_blocked: bool,
}

impl Life {
    fn new(role: Role, config: &Config) -> Self {
        let end = Endpoint::new(role, config);
        Self {
            heard: end.now,
            end,
            arriving: Vec::new(),
            events: Vec::new(),
            theirs: None,
            peer_done: false,
            garbage: false,
            messages: Vec::new(),
            ours: None,
            pings: Vec::new(),
            close: None,
            close_told: None,
            was_blocked: false,
        }
    }

    /// One thing happens; `false` when the connection is over.
    fn turn(&mut self, source: &mut Source<'_>) -> bool {
        match source.below(16) {
            0..=2 => self.peer_sends(source),
            3 => self.peer_controls(source),
            4..=6 => return self.deliver(source.word()),
            7 | 8 => self.send(source),
            9 => self.send_part(source),
            10 => self.ping(source.bytes()),
            11 => self.start_close(source),
            12 => {
                self.end.blocked = !self.end.blocked;
                self.was_blocked |= self.end.blocked;
            }
            13 => self.end.write_some(1 + source.word()),
            _ => return self.wait(source),
        }
        true
    }

    fn peer_sends(&mut self, source: &mut Source<'_>) {
        let fin = source.flag();
        let is_text = source.flag();
        let payload = match is_text {
            true => source.text().into_bytes(),
            false => source.payload(),
        };
        if self.peer_done {
            return;
        }
        let (first, begun) = match self.theirs.take() {
            None => (if is_text { 0x01 } else { 0x02 }, (is_text, Vec::new())),
            // Each part of a text is whole, so any parts are one.
            Some(begun) if is_text || !begun.0 => (0x00, begun),
            begun => {
                self.theirs = begun;
                return;
            }
        };
        let (is_text, mut message) = begun;
        message.extend_from_slice(&payload);
        let fin_bit = if fin { 0x80 } else { 0 };
        self.peer_writes(first | fin_bit, &payload);
        if !fin {
            self.theirs = Some((is_text, message));
            return;
        }
        self.events.push(match is_text {
            true => text(std::str::from_utf8(&message).expect("whole texts")),
            false => binary(&message),
        });
    }

    fn peer_controls(&mut self, source: &mut Source<'_>) {
        let kind = source.below(8);
        let data = source.bytes();
        let data = &data[..data.len().min(123)];
        if self.peer_done {
            return;
        }
        match kind {
            0..=3 => {
                self.peer_writes(0x89, data);
                self.events.push(ping(data));
            }
            4 | 5 => {
                self.peer_writes(0x8a, data);
                self.events.push(pong(data));
            }
            6 => {
                let code = source.pick(&[1000, 1001, 1011, 3000, 4999]);
                let reason = String::from_utf8_lossy(&data[..data.len().min(40)]).into_owned();
                let without = source.flag();
                let payload = close_payload(code, &reason);
                self.peer_writes(0x88, if without { b"" } else { &payload });
                self.events.push(match without {
                    true => Event::Close(None),
                    false => closed(code, &reason),
                });
                self.peer_done = true;
            }
            _ => {
                self.arriving.extend_from_slice(data);
                (self.peer_done, self.garbage) = (true, true);
            }
        }
    }

    fn peer_writes(&mut self, first: u8, payload: &[u8]) {
        self.arriving.extend(frame(self.end.role, first, payload));
    }

    /// The transport delivers some of it.
    fn deliver(&mut self, count: usize) -> bool {
        let rest = self.arriving.split_off(count.min(self.arriving.len()));
        let arrived = std::mem::replace(&mut self.arriving, rest);
        if arrived.is_empty() {
            return true;
        }
        self.heard = self.end.now;
        self.end.feed(&arrived);
        if let Some(error) = self.end.error {
            assert!(self.garbage, "{error:?} for valid frames");
            self.closes(Some(error.close_code().as_u16()));
            return false;
        }
        if let Some(Event::Close(frame)) = self.end.events.last() {
            let code = frame.as_ref().map(|frame| frame.code.as_u16());
            self.closes(code);
        }
        self.tells_time();
        true
    }

    fn send(&mut self, source: &mut Source<'_>) {
        let message = match source.flag() {
            true => Message::from(source.text()),
            false => Message::from(source.payload()),
        };
        let is_full = self.end.sending.outgoing().is_full();
        match (self.end.sending.queue(message.as_ref()), self.close) {
            (Err(SendError::Closed(_)), Some(_)) => {}
            (Err(SendError::Unfinished(_)), None) => assert!(self.ours.is_some()),
            (Err(SendError::Full(_)), None) => assert!(is_full && self.ours.is_none()),
            (Ok(()), None) => {
                assert!(!is_full && self.ours.is_none());
                self.messages.push(message);
            }
            (result, close) => panic!("{result:?}, with {close:?}"),
        }
    }

    fn send_part(&mut self, source: &mut Source<'_>) {
        let last = source.flag();
        let part = source.text();
        let is_text = source.flag();
        let is_full = self.end.sending.outgoing().is_full();
        let lent = match is_text {
            true => MessageRef::from(&part[..]),
            false => MessageRef::from(part.as_bytes()),
        };
        let outgoing = self.end.outgoing();
        let result = match last {
            true => outgoing.queue_last_part(lent),
            false => outgoing.queue_part(lent),
        };
        let is_other = self.ours.as_ref().is_some_and(|ours| ours.0 != is_text);
        match result {
            Err(SendError::Closed(_)) => assert!(self.close.is_some()),
            Err(SendError::WrongKind(_)) => assert!(is_other),
            Err(SendError::Full(_)) => assert!(is_full),
            Err(other) => panic!("{other:?}"),
            Ok(()) => {
                assert!(self.close.is_none() && !is_full && !is_other);
                let (_, message) = self.ours.get_or_insert_with(|| (is_text, Vec::new()));
                message.extend_from_slice(part.as_bytes());
                if last {
                    let (is_text, message) = self.ours.take().expect("it was just there");
                    self.messages.push(match is_text {
                        true => String::from_utf8(message).expect("whole texts").into(),
                        false => message.into(),
                    });
                }
            }
        }
    }

    fn ping(&mut self, data: &[u8]) {
        if data.is_empty() {
            // That is what the pings of the deadlines look like.
            return;
        }
        let is_full = self.end.sending.outgoing().is_full();
        match self.end.outgoing().ping(data) {
            Err(ControlError::TooLong) => assert!(data.len() > 125),
            Err(ControlError::Closed) => assert!(self.close.is_some()),
            Err(ControlError::Full) => assert!(is_full),
            Err(other) => panic!("{other:?}"),
            Ok(()) => {
                assert!(data.len() <= 125 && self.close.is_none() && !is_full);
                self.pings.push(data.to_vec());
            }
        }
    }

    fn start_close(&mut self, source: &mut Source<'_>) {
        let code = source.pick(&[CloseCode::NORMAL, CloseCode::GOING_AWAY]);
        let reason = source.text();
        match self.end.close(code, &reason) {
            Err(ControlError::ReasonTooLong) => assert!(reason.len() > 123),
            Err(other) => panic!("{other:?}"),
            Ok(()) => self.closes(Some(code.as_u16())),
        }
    }

    /// Our Close is queued, if it was not already.
    fn closes(&mut self, code: Option<u16>) {
        let seen = self.end.events.len();
        self.close.get_or_insert((code, seen));
        assert!(self.end.sending.closing().is_sent());
    }

    /// Whoever looks is told the time, if that is asked for.
    fn tells_time(&mut self) {
        if self.close.is_some() {
            self.close_told.get_or_insert(self.end.now);
        }
    }

    fn wait(&mut self, source: &mut Source<'_>) -> bool {
        let waited = source.pick(&[1, 100, 4999, 5000, 10_000, 20_000, 29_999, 40_000]);
        self.tells_time();
        let result = self.end.wait(Duration::from_millis(waited));
        let silence = self.end.now - self.heard;
        let seconds = Duration::from_secs;
        let Err(expired) = result else {
            if let Some(result) = &self.end.result {
                // The peer's Close has come: no longer than that is the other end awaited. Ours has
                // gone, unless it could not be written.
                assert!(matches!(self.end.events.last(), Some(Event::Close(_))));
                let is_unsent = matches!(result, Err(Failure::Unsent(_)));
                assert!(result.is_ok() || (is_unsent && self.was_blocked));
                return false;
            }
            assert!(
                self.close_told
                    .is_none_or(|at| self.end.now < at + seconds(5))
            );
            assert!(self.close.is_some() || self.was_blocked || silence <= seconds(40));
            return true;
        };
        match expired {
            Expired::Close => {
                assert_eq!(
                    self.close_told.map(|at| at + seconds(5)),
                    Some(self.end.now)
                );
            }
            Expired::Pong => {
                assert!(silence >= seconds(20) && self.close.is_none());
                self.closes(Some(1011));
            }
            Expired::Read => {
                assert!(silence >= seconds(30) && silence <= seconds(38));
                self.closes(Some(1008));
            }
            Expired::Write => assert!(self.was_blocked),
            other => panic!("{other:?} has no deadline here"),
        }
        false
    }

    /// The rest is written; then everything must fit.
    fn judge(mut self) {
        // What could not be written before the end never is, from any place on.
        let cut = self.end.blocked && self.end.result.is_some();
        self.end.blocked = false;
        self.end.write();
        let (frames, rest) = wire::frames(self.end.role, &self.end.output);
        assert!(cut || rest.is_empty(), "half a frame: {rest:?}");
        let of = |opcode: u8| {
            let frames = frames.iter().filter(move |frame| frame.0 & 0x0f == opcode);
            frames.map(|frame| &frame.1[..])
        };

        if !self.garbage {
            let count = self.end.events.len();
            assert_eq!(self.end.events, self.events[..count]);
            let all = self.arriving.is_empty() && self.end.error.is_none();
            assert!(!all || count == self.events.len(), "lost");
        }
        let mut messages = self.messages.clone();
        if let Some((is_text, begun)) = self.ours.filter(|_| !cut) {
            // As much of the last one as was given.
            let last = data_frames(&frames).pop();
            let (first, sent, whole) = last.expect("its first frame");
            assert_eq!((first & 0x0f == 1, sent, whole), (is_text, begun, false));
        }
        let whole = data_frames(&frames)
            .into_iter()
            .filter(|(.., whole)| *whole);
        for (first, payload, _) in whole {
            assert!(!messages.is_empty(), "a message that nobody sent");
            let message = messages.remove(0);
            assert_eq!(
                (first & 0x0f == 1, &payload[..]),
                (message.is_text(), message.as_bytes())
            );
        }
        assert!(messages.is_empty() || cut, "not sent: {}", messages.len());
        let pings: Vec<_> = of(0x9).filter(|data| !data.is_empty()).collect();
        assert!(pings.iter().eq(self.pings.iter().take(pings.len())));
        assert!(pings.len() == self.pings.len() || cut);

        let seen = self.close.map_or(usize::MAX, |close| close.1);
        let all: Vec<_> = pings_among(&self.end.events);
        let before = pings_among(&self.end.events[..seen.min(self.end.events.len())]);
        let mut rest = all.iter();
        for pong in of(0xa) {
            assert!(rest.any(|ping| *ping == pong), "a pong without its ping");
        }
        if !self.garbage && !cut {
            assert_eq!(
                of(0xa).next_back(),
                before.last().copied(),
                "the newest ping"
            );
        }
        let closes: Vec<_> = of(0x8).collect();
        assert!(closes.len() <= 1);
        assert!(closes.len() == usize::from(self.close.is_some()) || cut);
        if let (Some(payload), Some((code, _))) = (closes.first(), self.close) {
            let sent = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            assert_eq!(sent, code);
        }
    }
}

fn pings_among(events: &[Event]) -> Vec<&[u8]> {
    let pings = events.iter().filter_map(|event| match event {
        Event::Ping(data) => Some(&data[..]),
        _ => None,
    });
    pings.collect()
}

/// The messages that frames are: the first byte, the payload, and whether it is whole.
fn data_frames(frames: &[Sent]) -> Vec<(u8, Vec<u8>, bool)> {
    let mut messages: Vec<(u8, Vec<u8>, bool)> = Vec::new();
    for (first, payload) in frames.iter().filter(|frame| frame.0 & 0x08 == 0) {
        match messages.last_mut().filter(|message| !message.2) {
            Some(message) => {
                assert_eq!(first & 0x7f, 0, "a message inside another");
                message.1.extend_from_slice(payload);
                message.2 = first & 0x80 != 0;
            }
            None => {
                assert!(matches!(first & 0x7f, 1 | 2));
                messages.push((*first, payload.clone(), first & 0x80 != 0));
            }
        }
    }
    messages
}
