//! Frames as bytes, scripts that run them cut everywhere, and a pair of
//! endpoints on a virtual clock.

// Every test file is a crate of its own and uses its part.
#![allow(dead_code, unreachable_pub)]

#[cfg(feature = "deflate")]
pub mod deflate;
pub mod tokens;

use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use socket_flow_protocol::{
    CloseCode, CloseFrame, Closing, Config, Event, EventRef, Expired, Input, Message, Negotiated,
    Protocol, ProtocolError, Role,
};

pub const SEED: [u8; 32] = *b"32 bytes that seed masking keys.";

/// The key every masked frame of these tests is masked with; the RFC's own.
pub const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

pub const ROLES: [Role; 2] = [Role::Client, Role::Server];

/// One frame as the peer of `receiver` writes it: the first byte as given,
/// the rest by the RFC.
pub fn frame(receiver: Role, first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(receiver, first, payload.len() as u64);
    if receiver == Role::Server {
        bytes.extend(payload.iter().zip(KEY.iter().cycle()).map(|(b, k)| b ^ k));
    } else {
        bytes.extend_from_slice(payload);
    }
    bytes
}

/// Only the header of a frame that declares `len`.
pub fn header(receiver: Role, first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(len as u8),
        126..=0xffff => {
            bytes.push(126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    if receiver == Role::Server {
        bytes[1] |= 0x80;
        bytes.extend_from_slice(&KEY);
    }
    bytes
}

pub fn text(text: &str) -> Event {
    Event::Message(Message::from(text))
}

pub fn binary(bytes: &[u8]) -> Event {
    Event::Message(Message::from(bytes))
}

pub fn ping(bytes: &[u8]) -> Event {
    Event::Ping(Bytes::copy_from_slice(bytes))
}

pub fn pong(bytes: &[u8]) -> Event {
    Event::Pong(Bytes::copy_from_slice(bytes))
}

pub fn closed(code: u16, reason: &str) -> Event {
    Event::Close(Some(CloseFrame {
        code: CloseCode::try_from(code).unwrap(),
        reason: reason.into(),
    }))
}

/// The payload of a Close.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes()[..], reason.as_bytes()].concat()
}

/// Bytes without a pattern that a wrong offset would hide.
pub fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

/// A frame we wrote: its first byte and its unmasked payload.
pub type Sent = (u8, Vec<u8>);

/// Reads what an endpoint wrote, without the library's help, and holds it to
/// what every endpoint owes: masked by clients only, minimal lengths, whole
/// frames, nothing behind a Close.
pub fn parse(sender: Role, bytes: &[u8]) -> Vec<Sent> {
    let mut bytes = bytes;
    let mut frames: Vec<Sent> = Vec::new();
    while bytes.has_remaining() {
        assert!(
            frames.last().is_none_or(|(first, _)| *first != 0x88),
            "bytes behind a Close"
        );
        let first = bytes.get_u8();
        let second = bytes.get_u8();
        let len = match second & 0x7f {
            126 => {
                let len = u64::from(bytes.get_u16());
                assert!(len >= 126, "length not minimal");
                len
            }
            127 => {
                let len = bytes.get_u64();
                assert!(len > 0xffff, "length not minimal");
                len
            }
            short => u64::from(short),
        };
        assert_eq!(second & 0x80 != 0, sender == Role::Client, "mask bit");
        let mut key = [0; 4];
        if sender == Role::Client {
            bytes.copy_to_slice(&mut key);
            assert_ne!(key, [0; 4], "masking key");
        }
        let mut payload = bytes.copy_to_bytes(len as usize).to_vec();
        for (byte, key) in payload.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
        frames.push((first, payload));
    }
    frames
}

/// How an endpoint is fed and asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// `step` and `lend`.
    Lent,
    /// `receive`.
    Owned,
    /// `step` and `take`, large payloads through `direct`.
    Direct,
    /// `step` and `lend`; whenever it waits, what is left moves to other
    /// memory and memory is released.
    Moved,
}

pub const MODES: [Mode; 4] = [Mode::Lent, Mode::Owned, Mode::Direct, Mode::Moved];

/// A protocol with the loop the crate's documentation asks for around it.
#[derive(Debug)]
pub struct Endpoint {
    pub protocol: Protocol,
    pub role: Role,
    pub input: Input,
    pub events: Vec<Event>,
    pub error: Option<ProtocolError>,
    /// What was written to the transport.
    pub output: Vec<u8>,
    pub mode: Mode,
    /// Whether every message is sent back.
    pub echo: bool,
    /// Whether the transport takes no bytes.
    pub blocked: bool,
    /// The clock.
    pub now: Duration,
}

impl Endpoint {
    pub fn new(role: Role, config: &Config) -> Self {
        Self::negotiated(role, config, Negotiated::default())
    }

    /// With what the opening handshake agreed on.
    pub fn negotiated(role: Role, config: &Config, negotiated: Negotiated) -> Self {
        let protocol = match role {
            Role::Client => Protocol::client(config.clone(), negotiated, SEED),
            Role::Server => Protocol::server(config.clone(), negotiated),
        };
        Self {
            protocol,
            role,
            input: Input::new(),
            events: Vec::new(),
            error: None,
            output: Vec::new(),
            mode: Mode::Lent,
            echo: false,
            blocked: false,
            now: Duration::from_secs(1000),
        }
    }

    /// Bytes arrive, all at once but for direct reads.
    pub fn feed(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let (incoming, outgoing) = self.protocol.halves();
            let direct = (self.mode == Mode::Direct).then(|| incoming.direct());
            let count = if let Some(mut direct) = direct.flatten() {
                let count = direct.chunk_mut().len().min(bytes.len());
                assert!(count > 0, "a direct read without room");
                direct.put_slice(&bytes[..count]);
                if let Err(error) = incoming.direct_done(count, outgoing) {
                    self.fail(error);
                }
                count
            } else {
                // Direct reads have a chance only if not all is in the input.
                let most = if self.mode == Mode::Direct {
                    4096
                } else {
                    usize::MAX
                };
                let count = bytes.len().min(most);
                self.input.reserve(count);
                self.input.spare().put_slice(&bytes[..count]);
                count
            };
            bytes = &bytes[count..];
            self.pump();
        }
    }

    /// Parses what has arrived and writes what is queued.
    pub fn pump(&mut self) {
        loop {
            if self.protocol.outgoing().is_pressed() {
                self.write();
            }
            match self.next_event() {
                Ok(Some(event)) => {
                    if let (Event::Message(message), true) = (&event, self.echo) {
                        self.protocol.queue(message.as_ref()).unwrap();
                    }
                    self.events.push(event);
                }
                Ok(None) => break,
                Err(error) => self.fail(error),
            }
        }
        self.write();
        if self.mode == Mode::Moved {
            let storage = BytesMut::with_capacity(self.input.len());
            assert!(self.input.move_to(storage).is_empty());
            self.protocol.halves().0.release();
        }
    }

    /// Writes everything queued, unless the transport is blocked.
    pub fn write(&mut self) {
        while !self.blocked && self.protocol.output().has_remaining() {
            self.write_some(usize::MAX);
        }
    }

    /// Lets the transport take up to `count` bytes.
    pub fn write_some(&mut self, count: usize) {
        let output = self.protocol.output();
        let chunk = output.chunk();
        let chunk = &chunk[..count.min(chunk.len())];
        self.output.extend_from_slice(chunk);
        let count = chunk.len();
        output.advance(count);
    }

    /// The frames written since the last call.
    pub fn sent(&mut self) -> Vec<Sent> {
        parse(self.role, &std::mem::take(&mut self.output))
    }

    /// `duration` passes, with a stop at every deadline; returns at the first
    /// that expires.
    pub fn wait(&mut self, duration: Duration) -> Result<(), Expired> {
        let end = self.now + duration;
        for _ in 0..10_000 {
            match self.protocol.poll_timeout() {
                Some(at) if at <= end => self.now = self.now.max(at),
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
            self.protocol.handle_timeout(self.now)?;
            self.write();
        }
        panic!("a deadline that is never settled");
    }

    fn next_event(&mut self) -> Result<Option<Event>, ProtocolError> {
        if self.mode == Mode::Owned {
            return self.protocol.receive(&mut self.input);
        }
        let Some(found) = self.protocol.step(&mut self.input)? else {
            return Ok(None);
        };
        if self.mode == Mode::Direct {
            return Ok(Some(self.protocol.halves().0.take(found, &mut self.input)));
        }
        let event = self.protocol.lend(found, &self.input);
        assert_eq!(found.is_message(), matches!(event, EventRef::Message(_)));
        assert_eq!(found.is_close(), matches!(event, EventRef::Close(_)));
        Ok(Some(match event {
            EventRef::Message(message) => Event::Message(message.to_message()),
            EventRef::Ping(data) => ping(data),
            EventRef::Pong(data) => pong(data),
            EventRef::Close(close) => Event::Close(close.cloned()),
            other => panic!("unknown event {other:?}"),
        }))
    }

    fn fail(&mut self, error: ProtocolError) {
        let first = self.error.replace(error);
        assert_eq!(first, None, "a connection fails once");
    }
}

/// What a peer sends, and what happens then.
#[derive(Clone, Debug)]
pub struct Script {
    role: Role,
    config: Config,
    negotiated: Negotiated,
    echo: bool,
    closing: bool,
    bytes: Vec<u8>,
}

impl Script {
    /// The peer of an endpoint of this role speaks.
    pub fn to(role: Role) -> Self {
        Self {
            role,
            config: Config::new(),
            negotiated: Negotiated::default(),
            echo: false,
            closing: false,
            bytes: Vec::new(),
        }
    }

    /// The role of the endpoint.
    pub fn receiver(&self) -> Role {
        self.role
    }

    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// What the opening handshake agreed on.
    pub fn negotiated(mut self, negotiated: Negotiated) -> Self {
        self.negotiated = negotiated;
        self
    }

    /// The endpoint sends every message back.
    pub fn echo(mut self) -> Self {
        self.echo = true;
        self
    }

    /// The endpoint has sent a Close 1000 before the script begins.
    pub fn closing(mut self) -> Self {
        self.closing = true;
        self
    }

    /// A frame, masked where the role asks for it.
    pub fn frame(self, first: u8, payload: &[u8]) -> Self {
        let bytes = frame(self.role, first, payload);
        self.raw(&bytes)
    }

    /// Only a header, declaring `len`.
    pub fn header(self, first: u8, len: u64) -> Self {
        let bytes = header(self.role, first, len);
        self.raw(&bytes)
    }

    /// Bytes as they are.
    pub fn raw(mut self, bytes: &[u8]) -> Self {
        self.bytes.extend_from_slice(bytes);
        self
    }

    /// Runs it whole, byte by byte, and cut in two at every byte (of a long
    /// script: at both ends and fifty places between), in every mode, and
    /// asserts that nothing can be told apart.
    pub fn run(&self) -> Outcome {
        let outcome = self.run_twice();
        let len = self.bytes.len();
        let stride = if len <= 300 { 1 } else { len / 50 };
        let cuts = (1..len).filter(|cut| cut % stride == 0 || *cut <= 40 || len - cut <= 40);
        for cut in cuts {
            self.run_cut(&[cut], MODES[cut % 4]).assert_same(&outcome);
            if len <= 100 {
                for mode in MODES {
                    self.run_cut(&[cut], mode).assert_same(&outcome);
                }
            }
        }
        outcome
    }

    /// As [`Script::run`], but only whole and byte by byte.
    pub fn run_twice(&self) -> Outcome {
        let outcome = self.run_cut(&[], Mode::Lent);
        let everywhere: Vec<_> = (1..self.bytes.len()).collect();
        for mode in MODES {
            self.run_cut(&[], mode).assert_same(&outcome);
            // Moving 64 KiB at each of them would take its time.
            if mode != Mode::Moved || self.bytes.len() < 1000 {
                self.run_cut(&everywhere, mode).assert_same(&outcome);
            }
        }
        outcome
    }

    /// Runs it cut at `cuts`, which are in order.
    pub fn run_cut(&self, cuts: &[usize], mode: Mode) -> Outcome {
        let negotiated = self.negotiated.clone();
        let mut endpoint = Endpoint::negotiated(self.role, &self.config, negotiated);
        endpoint.mode = mode;
        endpoint.echo = self.echo;
        if self.closing {
            endpoint.protocol.close(CloseCode::NORMAL, "").unwrap();
        }
        let ends = cuts.iter().copied().chain([self.bytes.len()]);
        let mut start = 0;
        for end in ends {
            endpoint.feed(&self.bytes[start..end]);
            start = end;
        }
        endpoint.pump();
        Outcome {
            role: self.role,
            closing: endpoint.protocol.closing(),
            close_frame: endpoint.protocol.close_frame().cloned(),
            clean_eof: endpoint.protocol.receive_eof().is_ok(),
            events: endpoint.events,
            error: endpoint.error,
            output: endpoint.output,
        }
    }
}

/// What a script led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    role: Role,
    pub events: Vec<Event>,
    pub error: Option<ProtocolError>,
    pub output: Vec<u8>,
    pub closing: Closing,
    pub close_frame: Option<CloseFrame>,
    /// Whether the transport may end now.
    pub clean_eof: bool,
}

impl Outcome {
    pub fn sent(&self) -> Vec<Sent> {
        parse(self.role, &self.output)
    }

    #[track_caller]
    pub fn assert_events(&self, events: &[Event]) -> &Self {
        assert_eq!(self.events, events);
        self
    }

    #[track_caller]
    pub fn assert_sent(&self, frames: &[(u8, &[u8])]) -> &Self {
        let sent = self.sent();
        let sent: Vec<_> = sent
            .iter()
            .map(|(first, data)| (*first, &data[..]))
            .collect();
        assert_eq!(sent, frames);
        self
    }

    /// Nothing went wrong, and no Close came or went.
    #[track_caller]
    pub fn assert_open(&self) -> &Self {
        assert_eq!((self.error, self.closing), (None, Closing::Open));
        assert!(!self.clean_eof);
        self
    }

    /// The connection failed: with this error, and a last frame that is a
    /// Close with this code and a reason.
    #[track_caller]
    pub fn assert_failed(&self, error: ProtocolError, code: u16) -> &Self {
        assert_eq!(self.error, Some(error));
        assert_eq!(error.close_code().as_u16(), code);
        assert_eq!(self.closing, Closing::Sent);
        assert_eq!(self.close_frame, None);
        assert!(!self.clean_eof);
        let sent = self.sent();
        let (first, payload) = sent.last().expect("a Close");
        assert_eq!((*first, &payload[..2]), (0x88, &code.to_be_bytes()[..]));
        self
    }

    #[track_caller]
    fn assert_same(&self, other: &Self) {
        assert_eq!(
            self, other,
            "the same bytes, cut elsewhere or read otherwise"
        );
    }
}

/// A client and a server, joined in memory.
#[derive(Debug)]
pub struct Pair {
    pub client: Endpoint,
    pub server: Endpoint,
}

impl Pair {
    pub fn new(config: &Config) -> Self {
        Self {
            client: Endpoint::new(Role::Client, config),
            server: Endpoint::new(Role::Server, config),
        }
    }

    /// Carries bytes to and fro until neither side has any.
    pub fn exchange(&mut self) {
        for _ in 0..1000 {
            self.client.write();
            self.server.write();
            let to_server = std::mem::take(&mut self.client.output);
            let to_client = std::mem::take(&mut self.server.output);
            if to_server.is_empty() && to_client.is_empty() {
                return;
            }
            self.server.feed(&to_server);
            self.client.feed(&to_client);
        }
        panic!("two endpoints that never fall silent");
    }

    /// `duration` passes for both, in steps of a second.
    pub fn wait(&mut self, duration: Duration) -> Result<(), (Role, Expired)> {
        for _ in 0..duration.as_secs() {
            for endpoint in [&mut self.client, &mut self.server] {
                let waited = endpoint.wait(Duration::from_secs(1));
                waited.map_err(|expired| (endpoint.role, expired))?;
            }
            self.exchange();
        }
        Ok(())
    }
}
