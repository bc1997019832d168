use std::time::Duration;

use socket_flow_frames::CloseCode;

use crate::config::{NEVER, Timeouts};
use crate::deadlines::{Activity, Deadlines, after};
use crate::error::Expired;
use crate::incoming::Incoming;
use crate::outgoing::Outgoing;

/// The deadlines of the receiving half: keepalive, idleness, progress inside
/// a frame, the closing handshake. A blocked write is the sending half's; see
/// [`Outgoing::poll_timeout`].
impl Incoming {
    /// When [`Incoming::handle_timeout`] wants to be called next, on the
    /// caller's time line. `Duration::ZERO` means now: something began that
    /// has no deadline yet. `None`: nothing is waited for.
    ///
    /// Ask whenever all input is parsed and the transport has no more: so a
    /// slow application is never taken for a dead peer.
    #[inline]
    pub fn poll_timeout(&self, outgoing: &Outgoing) -> Option<Duration> {
        let next = match &self.deadlines {
            Some(deadlines) => {
                let unarmed = self.wants_close(deadlines.close_by, outgoing)
                    || (self.wants_read() && !deadlines.read.is_armed());
                if unarmed {
                    Duration::ZERO
                } else {
                    deadlines.next
                }
            }
            None if self.wants_any(outgoing) => Duration::ZERO,
            None => NEVER,
        };
        (next != NEVER).then_some(next)
    }

    /// Whether no deadline has come up since the time was last told: no frame
    /// or message is under way, no write is blocked, no closing handshake has
    /// begun. [`Incoming::poll_timeout`] is then what it was.
    #[inline(always)]
    pub fn is_quiet(&self, outgoing: &Outgoing) -> bool {
        self.has_deadlines()
            && self.is_untouched()
            && !outgoing.closing().is_sent()
            && !outgoing.is_unwritten()
    }

    /// Whether the time was ever told.
    #[inline(always)]
    pub(crate) fn has_deadlines(&self) -> bool {
        self.deadlines.is_some()
    }

    /// Until when the closing handshake must be over, on the caller's time
    /// line, once our Close has been queued and the time was told. The end of
    /// the transport that follows is part of it.
    pub fn close_deadline(&self) -> Option<Duration> {
        let close_by = self.deadlines.as_ref()?.close_by;
        (close_by != NEVER).then_some(close_by)
    }

    /// Tells the time: arms what has begun, queues the ping that is due, and
    /// judges what has expired. Early calls change nothing.
    ///
    /// Call it only after a read found nothing more to read, with everything
    /// that arrived parsed.
    ///
    /// # Errors
    ///
    /// What expired; the connection is over. A Close is queued where the peer
    /// may still read one: 1001 for [`Expired::Idle`], 1008 for
    /// [`Expired::Read`], 1011 for [`Expired::Pong`].
    pub fn handle_timeout(
        &mut self,
        now: Duration,
        outgoing: &mut Outgoing,
    ) -> Result<(), Expired> {
        let expired = self.expired(now, outgoing);
        self.deadlines.get_or_insert_default().settle();
        if let Some(expired) = expired {
            match expired {
                Expired::Idle => outgoing.fail_with(CloseCode::GOING_AWAY, "idle timeout"),
                Expired::Read => outgoing.fail_with(CloseCode::POLICY_VIOLATION, "read timeout"),
                Expired::Pong => outgoing.fail_with(CloseCode::INTERNAL_ERROR, "ping timeout"),
                Expired::Close | Expired::Write | Expired::Memory => {}
            }
            return Err(expired);
        }
        Ok(())
    }

    fn expired(&mut self, now: Duration, outgoing: &mut Outgoing) -> Option<Expired> {
        let wants_read = self.wants_read();
        if outgoing.closing().is_sent() && self.is_close_late(now) {
            return Some(Expired::Close);
        }
        let timeouts = self.config.timeouts();
        let deadlines = self.deadlines.get_or_insert_with(|| begin(now, timeouts));

        if deadlines.pong_by <= now {
            if !self.activity.take(Activity::PONG) {
                return Some(Expired::Pong);
            }
            deadlines.pong_by = NEVER;
        }

        if deadlines.read.is_armed() {
            if deadlines.read.at <= now {
                let progress = self.activity.take(Activity::READ);
                if !wants_read {
                    deadlines.read.disarm();
                } else if deadlines.read.look(now, timeouts.stall, progress) {
                    return Some(Expired::Read);
                }
            }
        } else if wants_read {
            self.activity.take(Activity::READ);
            deadlines.read.arm(now, timeouts.stall);
        }

        if deadlines.idle.at <= now {
            let progress = self.activity.take(Activity::IDLE) | outgoing.take_message_flag();
            if deadlines.idle.look(now, timeouts.idle, progress) {
                return Some(Expired::Idle);
            }
        }

        if deadlines.ping_at <= now {
            deadlines.ping_at = next_ping(now, timeouts.ping_interval);
            // A full queue means that writes are blocked, which has a
            // deadline of its own.
            let sent = deadlines.pong_by == NEVER && outgoing.keepalive();
            if sent {
                self.activity.take(Activity::PONG);
                deadlines.pong_by = after(now, timeouts.pong, timeouts.pong);
            }
        }
        None
    }

    /// Whether the closing handshake, which has begun, takes too long. It has its own
    /// deadline, and only that.
    fn is_close_late(&mut self, now: Duration) -> bool {
        let timeouts = self.config.timeouts();
        let deadlines = self.deadlines.get_or_insert_with(|| begin(now, timeouts));
        deadlines.ping_at = NEVER;
        deadlines.pong_by = NEVER;
        deadlines.idle.disarm();
        if deadlines.close_by == NEVER {
            deadlines.close_by = after(now, timeouts.close, timeouts.close);
        }
        deadlines.close_by <= now
    }

    /// As [`Incoming::poll_timeout`], where nothing is read: the closing handshake
    /// alone cannot wait.
    pub(crate) fn poll_close(&self, outgoing: &Outgoing) -> Option<Duration> {
        let close = self.close_deadline();
        let is_unarmed = self.wants_close(close.unwrap_or(NEVER), outgoing);
        is_unarmed.then_some(Duration::ZERO).or(close)
    }

    /// As [`Incoming::handle_timeout`], where nothing is read.
    pub(crate) fn judge_close(
        &mut self,
        now: Duration,
        outgoing: &Outgoing,
    ) -> Result<(), Expired> {
        if !outgoing.closing().is_sent() {
            return Ok(());
        }
        let is_late = self.is_close_late(now);
        self.deadlines.get_or_insert_default().settle();
        if is_late { Err(Expired::Close) } else { Ok(()) }
    }

    /// Whether a frame or message under way should be watched.
    fn wants_read(&self) -> bool {
        self.is_unfinished() && self.config.timeouts().stall != NEVER
    }

    fn wants_close(&self, close_by: Duration, outgoing: &Outgoing) -> bool {
        outgoing.closing().is_sent() && close_by == NEVER && self.config.timeouts().close != NEVER
    }

    fn wants_any(&self, outgoing: &Outgoing) -> bool {
        let timeouts = self.config.timeouts();
        timeouts.ping_interval != NEVER
            || timeouts.idle != NEVER
            || self.wants_read()
            || self.wants_close(NEVER, outgoing)
    }
}

/// The deadlines of a connection that is told the time for the first time.
fn begin(now: Duration, timeouts: &Timeouts) -> Box<Deadlines> {
    let mut deadlines = Box::<Deadlines>::default();
    deadlines.ping_at = next_ping(now, timeouts.ping_interval);
    deadlines.idle.arm(now, timeouts.idle);
    deadlines
}

fn next_ping(now: Duration, interval: Duration) -> Duration {
    after(now, interval.max(SHORTEST), interval)
}

/// The shortest ping interval: none at all would be due again at once.
const SHORTEST: Duration = Duration::from_millis(1);
