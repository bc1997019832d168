use std::time::Duration;

use socket_flow_protocol::Role;

use crate::simulation::endpoint::End;
use crate::simulation::link::{Link, Read};

/// The end of a connection as `socket-flow-connection` does it: what is
/// queued is written, our direction is ended, and what still arrives is thrown
/// away until the peer ends its own.
#[derive(Debug)]
pub(super) struct Ending {
    end: End,
    stage: Stage,
    shuts_down: bool,
    /// The longest silence while draining.
    silence: Duration,
    deadline: Duration,
    silent_at: Option<Duration>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Flush,
    Drain,
    Over,
}

impl Ending {
    /// Both Closes have been exchanged; a client lets the server end the
    /// transport first (RFC 6455 §7.1.1).
    pub(super) fn clean(role: Role, now: Duration, timeout: Duration) -> Self {
        let is_server = role == Role::Server;
        let silence = if is_server { SILENCE } else { timeout };
        Self::new(End::Clean, is_server, silence, now + timeout)
    }

    pub(super) fn failed(end: End, now: Duration, timeout: Duration) -> Self {
        Self::new(end, true, SILENCE, now + timeout)
    }

    fn new(end: End, shuts_down: bool, silence: Duration, deadline: Duration) -> Self {
        Self {
            end,
            stage: Stage::Flush,
            shuts_down,
            silence,
            deadline,
            silent_at: None,
        }
    }

    /// Goes on; tells whether anything happened.
    pub(super) fn poll(
        &mut self,
        now: Duration,
        is_flushed: bool,
        inbound: &mut Link,
        outbound: &mut Link,
    ) -> bool {
        let mut progress = false;
        if self.stage == Stage::Flush && is_flushed {
            if self.shuts_down {
                outbound.shut_down(now);
            }
            self.stage = Stage::Drain;
            progress = true;
        }
        loop {
            match inbound.read(now, &mut [0; 4096][..]) {
                Read::Data(_) => {
                    self.silent_at = None;
                    progress = true;
                }
                Read::Nothing => break,
                Read::End | Read::Failed => {
                    self.stage = Stage::Over;
                    break;
                }
            }
        }
        if self.stage == Stage::Drain {
            self.silent_at
                .get_or_insert(now.saturating_add(self.silence));
        }
        progress
    }

    /// How it ended, once it has.
    pub(super) fn over(&self, now: Duration) -> Option<End> {
        let is_late = self.due().is_some_and(|at| at <= now);
        (is_late || self.stage == Stage::Over).then_some(self.end)
    }

    /// When it ends in any case.
    pub(super) fn due(&self) -> Option<Duration> {
        self.silent_at.into_iter().chain([self.deadline]).min()
    }
}

/// The longest silence while draining.
const SILENCE: Duration = Duration::from_secs(1);
