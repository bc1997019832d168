use std::time::Duration;

use crate::config::NEVER;

/// The clock's place in the core: deadlines as durations on the caller's time
/// line, which starts wherever the caller likes and never goes back.
///
/// Nothing here is touched per message. Traffic sets a flag; the next expiry
/// looks at it.
#[derive(Debug)]
pub(crate) struct Deadlines {
    /// The earliest of all the others.
    pub(crate) next: Duration,
    /// When the next ping is due.
    pub(crate) ping_at: Duration,
    /// Until when the peer must have sent something; `NEVER` while no ping
    /// is outstanding.
    pub(crate) pong_by: Duration,
    /// Until when the closing handshake must be over; `NEVER` before our
    /// Close.
    pub(crate) close_by: Duration,
    /// Whether messages pass.
    pub(crate) idle: Watch,
    /// Whether a frame or message under way makes progress.
    pub(crate) read: Watch,
}

impl Deadlines {
    /// Finds the next moment anything is due; called whenever one of the
    /// others has changed.
    pub(crate) fn settle(&mut self) {
        self.next = self
            .ping_at
            .min(self.pong_by)
            .min(self.close_by)
            .min(self.idle.at)
            .min(self.read.at);
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            next: NEVER,
            ping_at: NEVER,
            pong_by: NEVER,
            close_by: NEVER,
            idle: Watch::default(),
            read: Watch::default(),
        }
    }
}

/// What arrived, one bit for each deadline that asks.
#[derive(Debug, Default)]
pub(crate) struct Activity(pub(crate) u8);

impl Activity {
    pub(crate) const PONG: u8 = 1;
    pub(crate) const READ: u8 = 2;
    pub(crate) const IDLE: u8 = 4;
    /// What bytes are to those deadlines, and what a message is.
    pub(crate) const BYTES: u8 = Self::PONG | Self::READ;
    pub(crate) const MESSAGE: u8 = Self::BYTES | Self::IDLE;

    /// Whether something arrived since the deadline `bit` last asked.
    pub(crate) fn take(&mut self, bit: u8) -> bool {
        let set = self.0 & bit != 0;
        self.0 &= !bit;
        set
    }
}

/// Watches for silence by looking four times in a period whether something
/// happened since the last look. It never reads a clock in between, at the
/// price of noticing up to a quarter of the period late.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The next look; `NEVER` while unarmed.
    pub(crate) at: Duration,
    /// Looks in a row that found nothing.
    silent: u8,
}

impl Watch {
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.at != NEVER
    }

    /// Starts to watch; `NEVER` as the period leaves it unarmed.
    pub(crate) fn arm(&mut self, now: Duration, period: Duration) {
        self.at = after(now, period / LOOKS, period);
        self.silent = 0;
    }

    pub(crate) fn disarm(&mut self) {
        *self = Self::default();
    }

    /// Looks, if it is time to: whether the whole period passed without
    /// progress.
    pub(crate) fn look(&mut self, now: Duration, period: Duration, progress: bool) -> bool {
        self.silent = if progress { 0 } else { self.silent + 1 };
        if u32::from(self.silent) >= LOOKS {
            self.disarm();
            return true;
        }
        self.at = after(now, period / LOOKS, period);
        false
    }
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            at: NEVER,
            silent: 0,
        }
    }
}

/// `now` and `delay` later; `NEVER` when `period` is, and only then.
pub(crate) fn after(now: Duration, delay: Duration, period: Duration) -> Duration {
    if period == NEVER {
        NEVER
    } else {
        now.saturating_add(delay).min(LAST)
    }
}

/// The last moment there is: one that is not `NEVER`, so that what waits for it
/// is armed.
const LAST: Duration = NEVER.saturating_sub(Duration::from_nanos(1));

/// Looks in a period. What a look sees came before it, so this many silent
/// ones in a row are never less than a period of silence.
const LOOKS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_secs(40);

    /// The looks until expiry when only those in `progress` find something.
    fn expires_at(progress: &[bool]) -> Option<Duration> {
        let mut watch = Watch::default();
        watch.arm(Duration::ZERO, PERIOD);
        for &progress in progress {
            let now = watch.at;
            if watch.look(now, PERIOD, progress) {
                return Some(now);
            }
        }
        None
    }

    #[test]
    fn silence_expires_within_a_quarter_after_the_period() {
        assert_eq!(expires_at(&[false; 9]), Some(Duration::from_secs(40)));
        // Progress after the look at 0 s and before that at 10 s, then
        // nothing: 40 to 50 s later.
        let once = [true, false, false, false, false, false];
        assert_eq!(expires_at(&once), Some(Duration::from_secs(50)));
    }

    #[test]
    fn progress_once_in_a_period_keeps_it_alive() {
        let now_and_then = [false, false, false, true].repeat(20);
        assert_eq!(expires_at(&now_and_then), None);
    }

    #[test]
    fn never_is_never_armed() {
        let mut watch = Watch::default();
        watch.arm(Duration::from_secs(3), NEVER);
        assert!(!watch.is_armed());
    }

    #[test]
    fn the_end_of_time_does_not_overflow() {
        assert_eq!(after(NEVER, PERIOD, PERIOD), LAST);
        assert_eq!(after(LAST, PERIOD, NEVER), NEVER);
    }
}
