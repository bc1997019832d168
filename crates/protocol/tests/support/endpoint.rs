//! A protocol with a transport and a clock around it.

use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use socket_flow_protocol::{
    Config, Event, EventRef, Expired, Input, Negotiated, Protocol, ProtocolError, Role,
};

use super::{SEED, Sent, parse, ping, pong, seconds};

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
            let direct = (self.mode == Mode::Direct).then(|| incoming.direct(&self.input));
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

    /// Waits for the next expiry and tells how long it took.
    pub fn expiry(&mut self) -> (Expired, Duration) {
        let start = self.now;
        let expired = self.wait(seconds(10_000)).expect_err("an expiry");
        (expired, self.now - start)
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
