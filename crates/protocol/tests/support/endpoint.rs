//! A shell of the driver: a transport in memory and a virtual clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::buf::Limit;
use bytes::{Buf, BufMut, BytesMut};
use socket_flow_protocol::driver::{Failure, Goal, Next, Receiving, Sending, Turn, drive};
use socket_flow_protocol::{
    CloseCode, Config, ControlError, Event, EventRef, Expired, Found, Input, Negotiated, Outgoing,
    ProtocolError, Role,
};

use super::{Sent, parse, ping, pong, protocol, seconds};

/// How an endpoint reads, and how it is handed what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Lent; a read brings all there is room for.
    Lent,
    /// Owned, from the same reads.
    Owned,
    /// Owned, from reads so short that the rest of a large message is always
    /// read directly.
    Direct,
    /// Lent, and memory is released after each event, not only before waiting.
    Moved,
}

pub(crate) const MODES: [Mode; 4] = [Mode::Lent, Mode::Owned, Mode::Direct, Mode::Moved];

/// A connection with all that a shell owns around it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) receiving: Receiving,
    pub(crate) sending: Sending,
    pub(crate) role: Role,
    pub(crate) events: Vec<Event>,
    /// What the peer did wrong.
    pub(crate) error: Option<ProtocolError>,
    /// The deadline that ended the connection.
    pub(crate) expired: Option<Expired>,
    /// How the connection ended, once it has.
    pub(crate) result: Option<Result<(), Failure>>,
    /// What was written to the transport.
    pub(crate) output: Vec<u8>,
    /// Whether the write side is shut down.
    pub(crate) is_shut: bool,
    pub(crate) mode: Mode,
    /// Whether every message is sent back.
    pub(crate) echo: bool,
    /// Whether the transport takes no bytes.
    pub(crate) blocked: bool,
    /// The clock.
    pub(crate) now: Duration,
    /// When it wants to be told the time, as it last said.
    pub(crate) deadline: Option<Duration>,
    /// Whether it waits for memory.
    pub(crate) lacks_memory: bool,
    /// Whether it was called since, for there may be memory.
    pub(crate) called: Arc<AtomicBool>,
    /// What has arrived and was not read.
    arriving: BytesMut,
    /// Whether the peer's end comes after that.
    ends: bool,
}

impl Endpoint {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        Self::negotiated(role, config, Negotiated::default())
    }

    /// With what the opening handshake agreed on.
    pub(crate) fn negotiated(role: Role, config: &Config, negotiated: Negotiated) -> Self {
        let (receiving, sending) = drive(protocol(role, config, negotiated), Input::new());
        Self {
            receiving,
            sending,
            role,
            events: Vec::new(),
            error: None,
            expired: None,
            result: None,
            output: Vec::new(),
            is_shut: false,
            mode: Mode::Lent,
            echo: false,
            blocked: false,
            now: seconds(1000),
            deadline: None,
            lacks_memory: false,
            called: Arc::default(),
            arriving: BytesMut::new(),
            ends: false,
        }
    }

    /// Bytes arrive and are received.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.arrive(bytes);
        self.pump();
    }

    /// Bytes arrive; nobody looks yet.
    pub(crate) fn arrive(&mut self, bytes: &[u8]) {
        self.arriving.extend_from_slice(bytes);
    }

    /// The peer ends the connection; whether it has ended in order.
    pub(crate) fn end(&mut self) -> bool {
        self.ends = true;
        self.pump();
        matches!(self.result, Some(Ok(())))
    }

    /// Receives what has arrived and writes what is queued, until it waits.
    pub(crate) fn pump(&mut self) {
        let mut turn = self.turn();
        self.lacks_memory = false;
        loop {
            match self.receiving.next(&mut self.sending, &turn) {
                Next::Found(found) => self.hand_out(found),
                Next::Read => {
                    let most = match self.mode {
                        Mode::Direct => 4096,
                        _ => usize::MAX,
                    };
                    let mut space = self.receiving.space();
                    let most = most.min(space.chunk_mut().len());
                    let read = transfer(&mut self.arriving, self.ends, most, &mut space);
                    self.receiving.read(&mut self.sending, &mut turn, read);
                }
                Next::Discard => {
                    let read = transfer(&mut self.arriving, self.ends, 4096, &mut Vec::new());
                    self.receiving.read(&mut self.sending, &mut turn, read);
                }
                Next::Wait(Some(at)) | Next::Memory(Some(at)) if at <= self.now => {
                    turn.set_now(self.now);
                }
                Next::Wait(at) => {
                    self.deadline = at;
                    break;
                }
                Next::Memory(at) => {
                    self.deadline = at;
                    self.lacks_memory = true;
                    let called = self.called.clone();
                    called.store(false, Ordering::SeqCst);
                    let call = move || called.store(true, Ordering::SeqCst);
                    self.receiving.when_there_is_memory(call);
                    break;
                }
                Next::Yield => turn = self.turn(),
                Next::Over(result) => {
                    self.deadline = None;
                    self.over(result);
                    break;
                }
                next => self.act(&next, &mut turn),
            }
        }
        note(self.receiving.failure(), &mut self.error, &mut self.expired);
    }

    /// Writes everything queued, unless the transport is blocked. Nothing is
    /// received.
    pub(crate) fn write(&mut self) {
        let mut turn = Turn::new();
        loop {
            match self.sending.next(Goal::Flushed, &turn) {
                Next::Wait(Some(at)) if at <= self.now => turn.set_now(self.now),
                Next::Wait(_) => return,
                Next::Over(result) => {
                    return note(result.as_ref().err(), &mut self.error, &mut self.expired);
                }
                Next::Yield => turn = Turn::new(),
                next => self.act(&next, &mut turn),
            }
        }
    }

    /// What is compressed by turns is compressed to its end; nothing is written.
    #[track_caller]
    pub(crate) fn compress(&mut self) {
        loop {
            let mut turn = Turn::new();
            turn.block_writes();
            match self.sending.next(Goal::Room, &turn) {
                Next::Yield => {}
                Next::Over(Ok(())) => return,
                other => panic!("it says {other:?}"),
            }
        }
    }

    /// Lets the transport take up to `count` bytes.
    pub(crate) fn write_some(&mut self, count: usize) {
        let queued = self.sending.queued();
        let chunk = &queued.chunk()[..count.min(queued.chunk().len())];
        if !chunk.is_empty() {
            self.output.extend_from_slice(chunk);
            let written = Poll::Ready(Ok(chunk.len()));
            assert!(self.sending.wrote(written).is_ready());
        }
    }

    /// What is sent: parts of messages and pings are queued here.
    pub(crate) fn outgoing(&mut self) -> &mut Outgoing {
        self.sending.outgoing_mut()
    }

    /// Queues a Close.
    pub(crate) fn close(&mut self, code: CloseCode, reason: &str) -> Result<(), ControlError> {
        self.sending.start_close(code, reason, &mut ())
    }

    /// How much the next read may bring of a large message, straight into it;
    /// `None`: it is read into the input.
    pub(crate) fn direct(&mut self) -> Option<usize> {
        let mut space = self.receiving.space();
        (Limit::limit(&space) < usize::MAX).then(|| space.chunk_mut().len())
    }

    /// The frames written since the last call.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        parse(self.role, &std::mem::take(&mut self.output))
    }

    /// `duration` passes, with a stop at every deadline; returns at the first
    /// that expires.
    pub(crate) fn wait(&mut self, duration: Duration) -> Result<(), Expired> {
        let end = self.now + duration;
        let before = self.expired;
        for _ in 0..10_000 {
            self.pump();
            match (self.expired, self.deadline) {
                (Some(expired), _) if before.is_none() => return Err(expired),
                (_, Some(at)) if at <= end => self.now = at,
                _ => {
                    self.now = end;
                    return Ok(());
                }
            }
        }
        panic!("a deadline that is never settled");
    }

    /// Waits for the next expiry and tells how long it took.
    pub(crate) fn expiry(&mut self) -> (Expired, Duration) {
        let start = self.now;
        let expired = self.wait(seconds(10_000)).expect_err("an expiry");
        (expired, self.now - start)
    }

    /// A caller that answers each message never finds the write queue full.
    fn turn(&self) -> Turn {
        Turn::holding(self.echo)
    }

    /// Does what the driver says about the write side.
    fn act(&mut self, next: &Next, turn: &mut Turn) {
        match next {
            Next::Write if self.sending.wants_flush() => {
                // The transport keeps nothing back.
                assert!(self.sending.flushed(Poll::Ready(Ok(()))).is_ready());
            }
            Next::Write if self.blocked => {
                assert!(self.sending.wrote(Poll::Pending).is_pending());
                turn.block_writes();
            }
            Next::Write => self.write_some(usize::MAX),
            Next::ShutDown => {
                self.is_shut = true;
                turn.shut_down(true);
            }
            other => panic!("{other:?}"),
        }
    }

    fn hand_out(&mut self, found: Found) {
        let event = match self.mode {
            Mode::Owned | Mode::Direct => self.receiving.take(found),
            Mode::Lent | Mode::Moved => owned(self.receiving.lend(found)),
        };
        assert_eq!(found.is_message(), matches!(event, Event::Message(_)));
        assert_eq!(found.is_close(), matches!(event, Event::Close(_)));
        if self.mode == Mode::Moved {
            self.receiving.release_memory();
        }
        if let (Event::Message(message), true) = (&event, self.echo) {
            self.sending.queue(message.as_ref()).unwrap();
        }
        self.events.push(event);
    }

    fn over(&mut self, result: Result<(), Failure>) {
        note(result.as_ref().err(), &mut self.error, &mut self.expired);
        assert!(self.receiving.is_over());
        assert_eq!(self.receiving.is_clean(), result.is_ok());
        match &self.result {
            None => self.result = Some(result),
            Some(first) => assert_eq!(first.is_ok(), result.is_ok(), "it ends once"),
        }
    }
}

/// A read from what has arrived.
fn transfer(
    arriving: &mut BytesMut,
    ends: bool,
    most: usize,
    space: &mut impl BufMut,
) -> Poll<std::io::Result<usize>> {
    if arriving.is_empty() && !ends {
        return Poll::Pending;
    }
    let count = most.min(arriving.len());
    space.put(arriving.split_to(count));
    Poll::Ready(Ok(count))
}

fn owned(event: EventRef<'_>) -> Event {
    match event {
        EventRef::Message(message) => Event::Message(message.to_message()),
        EventRef::Ping(data) => ping(data),
        EventRef::Pong(data) => pong(data),
        EventRef::Close(close) => Event::Close(close.cloned()),
        other => panic!("unknown event {other:?}"),
    }
}

/// Keeps why a connection fails, which is one thing.
fn note(
    failure: Option<&Failure>,
    error: &mut Option<ProtocolError>,
    expired: &mut Option<Expired>,
) {
    match failure {
        Some(Failure::Protocol(new)) => {
            assert_eq!(*error.get_or_insert(*new), *new, "a connection fails once");
        }
        Some(Failure::Expired(new)) => {
            assert_eq!(
                *expired.get_or_insert(*new),
                *new,
                "a connection fails once"
            );
        }
        _ => {}
    }
}

/// A client and a server, joined in memory.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) client: Endpoint,
    pub(crate) server: Endpoint,
}

impl Pair {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            client: Endpoint::new(Role::Client, config),
            server: Endpoint::new(Role::Server, config),
        }
    }

    /// Carries bytes, and then the end, to and fro until neither side has any.
    pub(crate) fn exchange(&mut self) {
        for _ in 0..1000 {
            self.client.write();
            self.server.write();
            let to_server = std::mem::take(&mut self.client.output);
            let to_client = std::mem::take(&mut self.server.output);
            let is_silent = to_server.is_empty() && to_client.is_empty();
            let ends = (self.client.is_shut, self.server.is_shut);
            if is_silent && ends == (self.server.ends, self.client.ends) {
                return;
            }
            self.server.feed(&to_server);
            self.client.feed(&to_client);
            if ends.0 {
                self.server.end();
            }
            if ends.1 {
                self.client.end();
            }
        }
        panic!("two endpoints that never fall silent");
    }

    /// `duration` passes for both, in steps of a second.
    pub(crate) fn wait(&mut self, duration: Duration) -> Result<(), (Role, Expired)> {
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
