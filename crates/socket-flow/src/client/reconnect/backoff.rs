use std::time::Duration;

/// How a reconnecting client waits, and when it gives up; see
/// [`ClientBuilder::reconnect`](crate::ClientBuilder::reconnect).
///
/// The delay doubles from one failure to the next. Each is drawn at random
/// between half of it and all of it, so that the clients of a server that was
/// restarted do not all come back at once.
///
/// Where the server, or a proxy, asks for a delay by `Retry-After` (RFC 9110
/// §10.2.3), it is never shorter than that, and drawn at random up to a quarter
/// more, at least up to [`first_delay`](Self::first_delay) more: all its clients
/// were told the same. Of several the longest counts, and a date is counted from
/// the `Date` of the answer, where it has one.
///
/// ```
/// use std::time::Duration;
/// use socket_flow::Backoff;
///
/// let backoff = Backoff::default()
///     .first_delay(Duration::from_millis(100))
///     .max_delay(Duration::from_secs(10))
///     .attempts(20);
/// # let _ = backoff;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backoff {
    pub(super) first_delay: Duration,
    pub(super) max_delay: Duration,
    pub(super) max_retry_after: Duration,
    pub(super) stable_after: Duration,
    pub(super) attempts: usize,
    pub(super) jitter: bool,
}

impl Backoff {
    /// Sets the delay after the first failure. Default: 500 ms.
    #[must_use]
    pub fn first_delay(mut self, delay: Duration) -> Self {
        self.first_delay = delay;
        self
    }

    /// Sets the longest delay. Default: 30 s.
    #[must_use]
    pub fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// Sets the most of what a server asks for by `Retry-After` that is
    /// believed, so that none sends its clients away for good. Default: 1 h.
    #[must_use]
    pub fn max_retry_after(mut self, delay: Duration) -> Self {
        self.max_retry_after = delay;
        self
    }

    /// Sets how long a connection must have been open for the next failure to
    /// count as the first again. Default: 30 s.
    #[must_use]
    pub fn stable_after(mut self, period: Duration) -> Self {
        self.stable_after = period;
        self
    }

    /// Sets how many failures in a row are one too many. Default:
    /// [`usize::MAX`], it goes on for ever.
    #[must_use]
    pub fn attempts(mut self, count: usize) -> Self {
        self.attempts = count;
        self
    }

    /// Sets whether delays are drawn at random, those beyond a `Retry-After`
    /// too. Default: yes.
    #[must_use]
    pub fn jitter(mut self, jitter: bool) -> Self {
        self.jitter = jitter;
        self
    }

    /// The delay after this many failures in a row, from one on, and what the
    /// server asked for. `random` is uniform.
    pub(super) fn delay(&self, failures: usize, asked: Option<Duration>, random: u32) -> Duration {
        let own = self.own_delay(failures, random);
        let asked = asked.unwrap_or_default().min(self.max_retry_after);
        if asked.is_zero() {
            return own;
        }
        let spread = match self.jitter {
            true => share((asked / 4).max(self.first_delay), random),
            false => Duration::ZERO,
        };
        own.max(asked.saturating_add(spread))
    }

    fn own_delay(&self, failures: usize, random: u32) -> Duration {
        // Doubled beyond this it is over any limit that a clock knows.
        let doublings = u32::try_from(failures.saturating_sub(1)).map_or(31, |count| count.min(31));
        let whole = self
            .first_delay
            .saturating_mul(1 << doublings)
            .min(self.max_delay);
        if !self.jitter {
            return whole;
        }
        let half = whole / 2;
        half + share(whole - half, random)
    }
}

/// A part of the whole, as large as the random number.
fn share(whole: Duration, random: u32) -> Duration {
    let part = whole.as_secs_f64() * f64::from(random) / f64::from(u32::MAX);
    // Rounding may take the longest durations over what there is.
    Duration::try_from_secs_f64(part).map_or(whole, |part| part.min(whole))
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            max_retry_after: Duration::from_secs(3600),
            stable_after: Duration::from_secs(30),
            attempts: usize::MAX,
            jitter: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6455 §7.2.3.
    #[test]
    fn delays_double_up_to_their_limit() {
        let backoff = Backoff::default().jitter(false);
        let delays: Vec<_> = (1..=8)
            .map(|failures| backoff.delay(failures, None, 0).as_millis())
            .collect();
        assert_eq!(
            delays,
            [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]
        );
        assert_eq!(backoff.delay(usize::MAX, None, 0).as_secs(), 30);
        let endless = backoff.first_delay(Duration::MAX).max_delay(Duration::MAX);
        assert_eq!(endless.delay(9, None, 0), Duration::MAX);
    }

    /// RFC 6455 §7.2.3.
    #[test]
    fn jitter_takes_away_half_at_most_and_adds_nothing() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(2, None, 0).as_millis(), 500);
        assert_eq!(backoff.delay(2, None, u32::MAX).as_millis(), 1000);
        assert_eq!(backoff.delay(2, None, u32::MAX / 2).as_millis(), 750);
        let endless = Backoff::default()
            .first_delay(Duration::MAX)
            .max_delay(Duration::MAX);
        assert_eq!(endless.delay(1, None, u32::MAX), Duration::MAX);
        assert_eq!(
            backoff.first_delay(Duration::ZERO).delay(3, None, 7),
            Duration::ZERO
        );
    }

    /// RFC 9110 §10.2.3.
    #[test]
    fn what_the_server_asks_for_is_a_lower_bound_and_is_spread_beyond() {
        let backoff = Backoff::default();
        for (asked, random, millis) in [
            (60_000, 0, 60_000),
            (60_000, u32::MAX / 2, 67_500),
            (60_000, u32::MAX, 75_000),
            // A quarter of little is no spread.
            (1_000, u32::MAX, 1_500),
            (1, 0, 250),
            (0, 0, 250),
            (0, u32::MAX, 500),
            // The most that is believed, and its spread.
            (7_200_000, 0, 3_600_000),
            (7_200_000, u32::MAX, 4_500_000),
        ] {
            let delay = backoff.delay(1, Some(Duration::from_millis(asked)), random);
            // To the millisecond: `random` has no exact half.
            assert_eq!(
                (delay.as_secs_f64() * 1000.0).round() as u64,
                millis,
                "{asked}"
            );
        }
        // The delay of many failures may be the longer one.
        let delay = backoff.delay(9, Some(Duration::from_secs(2)), u32::MAX);
        assert_eq!(delay.as_secs(), 30);
        let steady = backoff.clone().jitter(false);
        assert_eq!(
            steady.delay(1, Some(Duration::from_secs(60)), 7).as_secs(),
            60
        );
        let endless = backoff.max_retry_after(Duration::MAX);
        assert_eq!(
            endless.delay(1, Some(Duration::MAX), u32::MAX),
            Duration::MAX
        );
    }

    proptest::proptest! {
        #[test]
        fn no_client_comes_back_sooner_than_it_was_asked(
            failures in 1usize..20,
            asked in 0u64..3_600_000,
            random: u32,
        ) {
            let asked = Duration::from_millis(asked);
            let delay = Backoff::default().delay(failures, Some(asked), random);
            proptest::prop_assert!(delay >= asked);
        }
    }
}
