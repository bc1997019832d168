use std::time::Duration;

use crate::config::NEVER;
use crate::deadlines;
use crate::driver::sending::Sending;
use crate::driver::turn::Shutdown;
use crate::driver::{Failure, Next, Turn};
use crate::error::{AbnormalClosure, Expired};
use crate::work::Work;

/// The end of a connection, by the RFC's letter (RFC 6455 §7.1.1 and §7.1.7).
///
/// What is queued, the Close included, is written; then everything the peer
/// still sends is read and thrown away until it ends the connection. Closing a
/// socket that holds unread bytes would reset the connection, and a reset
/// destroys the Close on its way to the peer. The server ends TCP first; a
/// client waits for it.
#[derive(Debug)]
pub(super) struct Ending {
    /// Why the connection failed, if it did.
    pub(super) failure: Option<Failure>,
    stage: Stage,
    peer: Peer,
    /// Whether the write side is shut down before draining.
    shuts_down_first: bool,
    /// The longest silence while draining.
    silence: Duration,
    /// How long it may take in all, until the time is told.
    timeout: Duration,
    /// When it is over in any case, once the time was told.
    deadline: Option<Duration>,
    /// When the silence is too long; `None` until it is measured.
    silent_at: Option<Duration>,
    /// Reads that were thrown away in the last stage.
    last_reads: u8,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    Write,
    ShutDown,
    Drain,
    /// One last attempt for what is left, and to end the transport.
    Last,
}

/// What may still be read.
#[derive(Clone, Copy, Debug)]
enum Peer {
    Sends,
    /// It has ended its side, and may still read.
    Ended,
    /// Reading failed.
    Gone,
}

impl Ending {
    /// Both Closes have been exchanged, and the rest has to be over by then.
    pub(super) fn clean(is_server: bool, timeout: Duration, deadline: Duration) -> Self {
        Self {
            failure: None,
            stage: Stage::Write,
            peer: Peer::Sends,
            shuts_down_first: is_server,
            // A client gives the server all the time it has to end TCP first.
            silence: if is_server { SILENCE } else { timeout },
            timeout,
            deadline: Some(deadline),
            silent_at: None,
            last_reads: 0,
        }
    }

    /// The connection failed; the Close that says why is queued. Where one was
    /// queued before, its deadline stays.
    pub(super) fn failed(failure: Failure, timeout: Duration, deadline: Option<Duration>) -> Self {
        Self {
            failure: Some(failure),
            deadline,
            ..Self::clean(true, timeout, NEVER)
        }
    }

    /// The transport ended or failed: nothing more can be read.
    pub(super) fn broken(failure: Failure, timeout: Duration) -> Self {
        Self {
            peer: Peer::Gone,
            ..Self::failed(failure, timeout, None)
        }
    }

    /// The peer is gone, or takes no bytes: the sequence is one attempt, and
    /// waits for nothing.
    pub(super) fn silent(expired: Expired) -> Self {
        Self {
            stage: Stage::Last,
            ..Self::failed(Failure::Expired(expired), Duration::ZERO, None)
        }
    }

    /// Whether it still writes what is queued.
    pub(super) fn writes(&self, sending: &Sending) -> bool {
        let is_queued = sending.has_output() || sending.outgoing.is_compressing();
        matches!(self.stage, Stage::Write) && is_queued
    }

    /// What to do next; `None` when it is over.
    pub(super) fn next(
        &mut self,
        sending: &mut Sending,
        turn: &Turn,
        work: &mut Work,
    ) -> Option<Next> {
        if sending.tells_others() {
            return Some(Next::TakeOver);
        }
        if matches!(self.stage, Stage::Write) {
            if let Some(next) = sending.write(turn) {
                return Some(next);
            }
            if !self.writes(sending) {
                self.stage = match self.shuts_down_first {
                    true => Stage::ShutDown,
                    false => Stage::Drain,
                };
            }
        }
        if matches!(self.stage, Stage::ShutDown) {
            match turn.shutdown {
                Shutdown::Untried => return Some(Next::ShutDown),
                Shutdown::Blocked => {}
                Shutdown::Done => self.stage = Stage::Drain,
            }
        }
        if !matches!(self.stage, Stage::Last) {
            // Also while the Close cannot be written yet: a peer that sends and
            // does not read would never make room for it.
            if matches!(self.peer, Peer::Sends) && !turn.reads_blocked && !work.is_used_up() {
                return Some(Next::Discard);
            }
            let waits = match self.peer {
                Peer::Sends => true,
                // What is queued goes out whole, or until writing fails or takes
                // too long.
                Peer::Ended => matches!(self.stage, Stage::Write),
                Peer::Gone => false,
            };
            if let Some(next) = waits.then(|| self.wait(sending, turn, work)).flatten() {
                return Some(next);
            }
            if matches!(self.stage, Stage::Drain) && self.shuts_down_first {
                return None;
            }
            // Otherwise the transport ends now, also where the peer was to end
            // it and did not.
            self.stage = Stage::Last;
        }
        if let Some(next) = sending.write(turn) {
            return Some(next);
        }
        if matches!(turn.shutdown, Shutdown::Untried) {
            return Some(Next::ShutDown);
        }
        // A socket closed with unread bytes resets the connection, and the reset
        // destroys what was written.
        let drains = matches!(self.peer, Peer::Sends) && !turn.reads_blocked;
        (drains && self.last_reads < LAST_READS).then(|| {
            self.last_reads += 1;
            Next::Discard
        })
    }

    /// How it ended. What could not be written by now never will be.
    pub(super) fn over(&mut self, sending: &mut Sending) -> Result<(), Failure> {
        let written = match self.failure {
            // A write that failed is why nothing came any more.
            Some(Failure::Expired(
                Expired::Pong | Expired::Close | Expired::Write | Expired::Memory,
            )) => sending.write_failure(),
            _ => None,
        };
        if let Some(failure) = written.or(self.failure.take()) {
            sending.abandon(|| failure.copy());
            return Err(failure);
        }
        sending.abandon(|| match self.peer {
            Peer::Gone => Failure::Abnormal(AbnormalClosure),
            Peer::Sends | Peer::Ended => Failure::Expired(Expired::Close),
        });
        // The peer's Close came, and ours did not leave.
        let lost = sending.loss().map(Box::new);
        lost.map_or(Ok(()), |cause| Err(Failure::Unsent(cause)))
    }

    /// Bytes arrived and were thrown away.
    pub(super) fn received(&mut self) {
        self.silent_at = None;
    }

    /// The peer has ended its side.
    pub(super) fn receive_eof(&mut self) {
        self.peer = Peer::Ended;
    }

    /// Reading failed. A peer may reset once it has what it wanted: after the
    /// handshake that is as good an end as any.
    pub(super) fn break_off(&mut self) {
        self.peer = Peer::Gone;
    }

    /// Waits for the peer; `None` once that takes too long.
    fn wait(&mut self, sending: &mut Sending, turn: &Turn, work: &mut Work) -> Option<Next> {
        let measures_silence = matches!(self.stage, Stage::Drain) && self.silent_at.is_none();
        // A flood that never runs dry must keep neither this task from its
        // deadline, nor other tasks from their turn.
        let is_flooded = matches!(self.peer, Peer::Sends) && !turn.reads_blocked;
        let goes_on = is_flooded || sending.outgoing.is_compressing();
        match turn.now {
            Some(now) => {
                let timeout = self.timeout;
                self.deadline.get_or_insert_with(|| after(now, timeout));
                if measures_silence {
                    self.silent_at = Some(after(now, self.silence));
                }
            }
            None if self.deadline.is_none() || measures_silence || goes_on => {
                return Some(Next::TIME);
            }
            None => {}
        }
        let at = self.deadline.into_iter().chain(self.silent_at).min();
        match (at, turn.now) {
            (Some(at), Some(now)) if at <= now => None,
            _ if goes_on => {
                work.renew();
                Some(sending.yields())
            }
            (at, _) => Some(Next::Wait(at.filter(|at| *at != NEVER))),
        }
    }
}

/// `now` and so much later; `NEVER` if that is never.
fn after(now: Duration, period: Duration) -> Duration {
    deadlines::after(now, period, period)
}

/// The most reads in the last stage: it waits for nothing, and ends whatever the
/// peer does.
const LAST_READS: u8 = 64;

/// The longest silence while draining after a failure.
const SILENCE: Duration = Duration::from_secs(1);
