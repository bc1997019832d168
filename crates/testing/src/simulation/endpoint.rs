use std::time::Duration;

use bytes::{Buf, BufMut, BytesMut};
use socket_flow_protocol::{
    Config, Event, EventRef, Expired, Input, Protocol, ProtocolError, Role,
};

use crate::ledger::Tally;
use crate::random::Random;
use crate::simulation::Outcome;
use crate::simulation::application::Application;
use crate::simulation::ending::Ending;
use crate::simulation::link::{Link, Read, Write};
use crate::simulation::plan::Plan;
use crate::simulation::wire::Wire;

/// A protocol with the loop its documentation asks for around it, and an
/// application that follows a script.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) protocol: Protocol,
    role: Role,
    config: Config,
    random: Random,
    input: Input,
    application: Application,
    wire: Wire,
    state: State,
    times: Times,
}

#[derive(Debug)]
enum State {
    Open,
    Ending(Ending),
    Over(End),
}

/// How a connection ended, as its application is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Clean,
    Failed(ProtocolError),
    Expired(Expired),
    /// The transport ended without a Close.
    Abnormal,
    /// The transport failed.
    Broken,
}

/// When something last happened.
#[derive(Debug)]
struct Times {
    read: Duration,
    written: Duration,
    /// When our Close was queued.
    closing: Option<Duration>,
}

impl Endpoint {
    pub(super) fn new(role: Role, plan: &Plan) -> Self {
        let (ours, theirs) = match role {
            Role::Client => (0, 1),
            Role::Server => (1, 0),
        };
        let config = plan.config[ours].clone();
        let negotiated = plan.negotiated.clone();
        let mut random = Random::new(plan.seeds[ours]);
        let protocol = match role {
            Role::Client => {
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&random.bits().to_le_bytes());
                Protocol::client(config.clone(), negotiated, seed)
            }
            Role::Server => Protocol::server(config.clone(), negotiated),
        };
        Self {
            protocol,
            role,
            config,
            random,
            input: Input::new(),
            application: Application::new(
                plan.scripts[ours].clone(),
                plan.ledgers[ours],
                plan.ledgers[theirs],
                plan.start,
            ),
            wire: Wire::new(role, plan.is_compressed()),
            state: State::Open,
            times: Times {
                read: plan.start,
                written: plan.start,
                closing: None,
            },
        }
    }

    /// Does everything that can be done at this moment; tells whether the
    /// peer should look again.
    pub(super) fn poll(&mut self, now: Duration, inbound: &mut Link, outbound: &mut Link) -> bool {
        let mut any = false;
        loop {
            let progress = match &mut self.state {
                State::Open => self.poll_open(now, inbound, outbound),
                State::Ending(_) => self.poll_ending(now, inbound, outbound),
                State::Over(_) => return any,
            };
            if self.protocol.closing().is_sent() {
                self.times.closing.get_or_insert(now);
            }
            if !progress {
                return any;
            }
            any = true;
        }
    }

    /// When it wants to be polled next, of itself.
    pub(super) fn due(&self, now: Duration) -> Option<Duration> {
        let timeout = match &self.state {
            State::Over(_) => return None,
            State::Ending(ending) => return ending.due(),
            State::Open if self.is_paused(now) => self.protocol.outgoing().poll_timeout(),
            State::Open => self.protocol.poll_timeout(),
        };
        assert!(timeout.is_none_or(|at| at > now), "a deadline not settled");
        let due = timeout.into_iter().chain(self.application.due(now));
        due.min()
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn sent(&self) -> u64 {
        self.application.sent()
    }

    pub(super) fn is_over(&self) -> bool {
        self.end().is_some()
    }

    pub(super) fn end(&self) -> Option<End> {
        match self.state {
            State::Over(end) => Some(end),
            _ => None,
        }
    }

    /// What arrived, of the messages the peer has sent.
    pub(super) fn tally(&self, sent: u64) -> Tally {
        match self.end() {
            // The peer's Close has arrived, and so has all that was before.
            Some(End::Clean) => self.application.received().complete(sent),
            _ => self.application.received().so_far(),
        }
    }

    pub(super) fn count_into(&self, outcome: &mut Outcome) {
        self.application.count_into(outcome);
        outcome.count("closes", u64::from(self.wire.is_closed()));
        let end = match self.end() {
            Some(End::Clean) => "clean-ends",
            Some(End::Failed(_)) => "too-big",
            Some(End::Expired(Expired::Close)) => "close-timeouts",
            Some(End::Expired(Expired::Pong)) => "pong-timeouts",
            Some(End::Expired(Expired::Idle)) => "idle-timeouts",
            Some(End::Expired(Expired::Read)) => "read-timeouts",
            Some(End::Expired(_)) => "write-timeouts",
            Some(End::Abnormal) => "abnormal-ends",
            Some(End::Broken) | None => "broken-ends",
        };
        outcome.count(end, 1);
    }

    /// Writes until the link takes no more.
    pub(super) fn write(&mut self, now: Duration, outbound: &mut Link) -> bool {
        let mut progress = false;
        loop {
            let output = self.protocol.output();
            if !output.has_remaining() {
                return progress;
            }
            match outbound.write(now, output.chunk()) {
                Write::Took(count) => {
                    self.wire.check(&output.chunk()[..count]);
                    output.advance(count);
                    self.times.written = now;
                    progress = true;
                }
                Write::Blocked | Write::Failed => return progress,
            }
        }
    }

    fn poll_open(&mut self, now: Duration, inbound: &mut Link, outbound: &mut Link) -> bool {
        let mut progress = self.application.act(now, &mut self.protocol);
        progress |= self.write(now, outbound);
        if self.is_paused(now) {
            // Only the writer is polled.
            let outgoing = self.protocol.halves().1;
            if outgoing.poll_timeout().is_some_and(|at| at <= now) {
                if let Err(expired) = outgoing.handle_timeout(now) {
                    self.expire(expired, now, inbound, outbound);
                    return true;
                }
            }
            return progress;
        }
        loop {
            if self.protocol.outgoing().is_pressed() {
                progress |= self.write(now, outbound);
            }
            match self.step(now) {
                Ok(true) if self.protocol.closing().is_received() => {
                    self.end_cleanly(now);
                    return true;
                }
                Ok(true) => progress = true,
                Ok(false) => break,
                Err(error) => {
                    self.fail(End::Failed(error), now);
                    return true;
                }
            }
        }
        progress |= self.write(now, outbound);
        match self.read(now, inbound) {
            Read::Data(_) => return true,
            Read::Nothing => {}
            Read::End => {
                let ended = self.protocol.receive_eof();
                ended.expect_err("the end of an open connection");
                self.break_off(End::Abnormal, now);
                return true;
            }
            Read::Failed => {
                self.break_off(End::Broken, now);
                return true;
            }
        }
        self.judge_deadlines(now, inbound, outbound) || progress
    }

    /// Parses up to the next event.
    fn step(&mut self, now: Duration) -> Result<bool, ProtocolError> {
        if self.random.one_in(2) {
            let Some(event) = self.protocol.receive(&mut self.input)? else {
                return Ok(false);
            };
            self.application.receive(now, event_ref(&event));
        } else {
            let Some(found) = self.protocol.step(&mut self.input)? else {
                return Ok(false);
            };
            let event = self.protocol.lend(found, &self.input);
            self.application.receive(now, event);
        }
        Ok(true)
    }

    fn read(&mut self, now: Duration, inbound: &mut Link) -> Read {
        let is_direct = self.random.one_in(2);
        let incoming = self.protocol.halves().0;
        let direct = is_direct.then(|| incoming.direct(&self.input)).flatten();
        let read = if let Some(space) = direct {
            let read = inbound.read(now, space);
            if let Read::Data(count) = read {
                let (incoming, outgoing) = self.protocol.halves();
                if let Err(error) = incoming.direct_done(count, outgoing) {
                    self.fail(End::Failed(error), now);
                }
            }
            read
        } else {
            let room = self.random.pick(&[1, 17, 4_096, 65_536]);
            self.input.reserve(room);
            inbound.read(now, self.input.spare().limit(room))
        };
        match read {
            Read::Data(_) => self.times.read = now,
            Read::Nothing if self.random.one_in(4) => {
                // As a connection does that waits.
                let storage = BytesMut::with_capacity(self.input.len());
                drop(self.input.move_to(storage));
                self.protocol.halves().0.release();
            }
            _ => {}
        }
        read
    }

    fn judge_deadlines(&mut self, now: Duration, inbound: &mut Link, outbound: &mut Link) -> bool {
        let mut progress = false;
        for _ in 0..10 {
            if self.protocol.poll_timeout().is_none_or(|at| at > now) {
                return progress;
            }
            if let Err(expired) = self.protocol.handle_timeout(now) {
                self.expire(expired, now, inbound, outbound);
                return true;
            }
            progress |= self.write(now, outbound);
        }
        panic!("a deadline that is never settled");
    }

    fn is_paused(&self, now: Duration) -> bool {
        self.application.is_paused(now) && !self.protocol.closing().is_sent()
    }

    /// Both Closes have been exchanged.
    fn end_cleanly(&mut self, now: Duration) {
        let timeout = match self.protocol.incoming().close_deadline() {
            Some(deadline) => deadline.saturating_sub(now),
            None => self.config.timeouts().close,
        };
        let ending = Ending::clean(self.role, now, timeout);
        self.state = State::Ending(ending);
    }

    /// The connection failed; the Close that says why is queued.
    fn fail(&mut self, end: End, now: Duration) {
        if let End::Failed(error) = end {
            let limit = self.config.limits().message;
            let expected = ProtocolError::MessageTooBig { limit };
            assert_eq!(error, expected, "nobody broke the protocol");
        }
        let ending = Ending::failed(end, now, self.config.timeouts().close);
        self.state = State::Ending(ending);
    }

    /// The transport ended or failed: there is nobody to say why to.
    fn break_off(&mut self, end: End, now: Duration) {
        self.protocol.halves().1.abandon();
        self.fail(end, now);
    }

    fn expire(&mut self, expired: Expired, now: Duration, inbound: &mut Link, outbound: &mut Link) {
        let timeouts = self.config.timeouts();
        let (since, period) = match expired {
            Expired::Close => (self.times.closing.unwrap_or(now), timeouts.close),
            Expired::Pong => (self.times.read, timeouts.pong),
            Expired::Idle => (self.application.last_message(), timeouts.idle),
            Expired::Read => (self.times.read, timeouts.stall),
            _ => (self.times.written, timeouts.stall),
        };
        assert!(now - since >= period, "{expired:?} expired too early");
        match expired {
            Expired::Idle | Expired::Read => self.fail(End::Expired(expired), now),
            _ => {
                self.write(now, outbound);
                self.protocol.halves().1.abandon();
                self.finish(End::Expired(expired), now, inbound, outbound);
            }
        }
    }

    fn poll_ending(&mut self, now: Duration, inbound: &mut Link, outbound: &mut Link) -> bool {
        let mut progress = self.write(now, outbound);
        let State::Ending(ending) = &mut self.state else {
            return false;
        };
        let is_flushed = !self.protocol.output().has_remaining();
        progress |= ending.poll(now, is_flushed, inbound, outbound);
        if let Some(end) = ending.over(now) {
            self.write(now, outbound);
            self.finish(end, now, inbound, outbound);
            return true;
        }
        progress
    }

    /// The application is told, and the transport is gone.
    fn finish(&mut self, end: End, now: Duration, inbound: &mut Link, outbound: &mut Link) {
        if let Some(closing) = self.times.closing {
            // A failure during the closing handshake begins a second wait.
            let longest = self.config.timeouts().close * 2;
            assert!(now - closing <= longest, "closing took {:?}", now - closing);
        }
        if inbound.abandon(now) {
            outbound.reset();
        } else {
            outbound.shut_down(now);
        }
        self.state = State::Over(end);
    }
}

fn event_ref(event: &Event) -> EventRef<'_> {
    match event {
        Event::Message(message) => EventRef::Message(message.as_ref()),
        Event::Ping(data) => EventRef::Ping(data),
        Event::Pong(data) => EventRef::Pong(data),
        Event::Close(frame) => EventRef::Close(frame.as_ref()),
        other => panic!("an event of a new kind: {other:?}"),
    }
}
