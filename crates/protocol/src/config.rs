use std::time::Duration;

use crate::budget::Budget;
use crate::deflate::Deflate;

/// Turns a timeout off.
pub const NEVER: Duration = Duration::MAX;

/// The settings of a connection.
///
/// Every setting has a safe default; [`usize::MAX`] lifts a size limit and
/// [`NEVER`] a timeout. The setters take and return the value, so that a
/// configuration reads as one expression.
///
/// ```
/// use std::time::Duration;
/// use socket_flow_protocol::Config;
///
/// let config = Config::default()
///     .max_message(64 << 20)
///     .ping_interval(Duration::from_secs(5));
/// assert_eq!(config.limits().message, 64 << 20);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    limits: Limits,
    timeouts: Timeouts,
    deflate: Deflate,
    budget: Option<Budget>,
}

impl Config {
    /// The default settings, the same as [`Config::default`].
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The largest message accepted from the peer, in bytes; see
    /// [`Limits::message`].
    #[must_use]
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.limits.message = bytes;
        self
    }

    /// The fill of the write queue from which it takes no more messages, in
    /// bytes; see [`Limits::high_water`].
    #[must_use]
    pub fn high_water(mut self, bytes: usize) -> Self {
        self.limits.high_water = bytes;
        self
    }

    /// How many pongs may wait to be written; see [`Limits::pongs`].
    #[must_use]
    pub fn max_pongs(mut self, count: usize) -> Self {
        self.limits.pongs = count;
        self
    }

    /// The largest frame sent, in payload bytes; see [`Limits::fragment`].
    #[must_use]
    pub fn fragment(mut self, bytes: usize) -> Self {
        self.limits.fragment = bytes;
        self
    }

    /// How long the closing handshake may take; see [`Timeouts::close`].
    #[must_use]
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.close = timeout;
        self
    }

    /// How often a ping is sent; see [`Timeouts::ping_interval`].
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.timeouts.ping_interval = interval;
        self
    }

    /// How long the peer may stay silent after a ping; see
    /// [`Timeouts::pong`].
    #[must_use]
    pub fn pong_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.pong = timeout;
        self
    }

    /// How long a connection may carry no message; see [`Timeouts::idle`].
    #[must_use]
    pub fn idle_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.idle = timeout;
        self
    }

    /// How long a frame or a write may make no progress; see
    /// [`Timeouts::stall`].
    #[must_use]
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.timeouts.stall = timeout;
        self
    }

    /// How to compress where permessage-deflate is agreed on; this alone
    /// does not negotiate it. Default: [`Deflate::balanced`].
    #[must_use]
    pub fn deflate(mut self, deflate: Deflate) -> Self {
        self.deflate = deflate;
        self
    }

    /// What the connections with this configuration may hold together; see
    /// [`Budget`]. Default: no budget, each connection has its
    /// [`limits`](Config::with_limits).
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = Some(budget);
        self
    }

    pub(crate) fn raise_high_water(&mut self) {
        self.limits.high_water = self.limits.high_water.max(1);
    }

    /// Replaces all limits at once.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Replaces all timeouts at once.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// The limits in force.
    #[inline]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How to compress.
    #[inline]
    pub fn deflate_settings(&self) -> &Deflate {
        &self.deflate
    }

    /// The memory that connections share, if it is limited.
    #[inline]
    pub fn memory(&self) -> Option<&Budget> {
        self.budget.as_ref()
    }

    /// The timeouts in force.
    #[inline]
    pub fn timeouts(&self) -> &Timeouts {
        &self.timeouts
    }
}

/// What a connection may hold, in bytes unless said otherwise.
/// [`usize::MAX`] means no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The largest message accepted, after reassembly. A frame that would
    /// take its message over the limit is refused with 1009 on its header,
    /// before its payload is awaited. Default: 16 MiB.
    pub message: usize,
    /// Once the write queue holds this much, [`queue`](crate::Outgoing::queue)
    /// gives further messages back. The queue therefore holds at most this
    /// plus one message. Default: 64 KiB.
    pub high_water: usize,
    /// How many pongs may wait in the write queue. Beyond it, and whenever
    /// the queue is over its high-water mark, only the newest ping is
    /// answered (RFC 6455 §5.5.3). Counted in frames, from 1 to 255; other
    /// numbers count as the nearest of these.
    /// Default: 16.
    pub pongs: usize,
    /// Messages longer than this are sent as several frames of at most this
    /// payload. `0` counts as 1. Default: no limit, every message is one
    /// frame.
    pub fragment: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: 16 << 20,
            high_water: 64 << 10,
            pongs: 16,
            fragment: usize::MAX,
        }
    }
}

/// How long a connection waits for what. [`NEVER`] turns a timeout off.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the moment our Close is queued until the connection has ended:
    /// the peer's Close, and the end of the transport. Default: 5 s.
    pub close: Duration,
    /// How often a ping is sent; at most once a millisecond. Default: 20 s.
    pub ping_interval: Duration,
    /// How long after a ping the peer may send nothing at all before it
    /// counts as gone. Any byte proves it alive: a pong behind a large
    /// message on a slow link is not late. Default: 20 s.
    pub pong: Duration,
    /// How long a connection may carry no message in either direction before
    /// it is closed with 1001. Pings and pongs do not count. It is looked at
    /// four times in this period, so it ends up to a quarter later.
    /// Default: [`NEVER`].
    pub idle: Duration,
    /// How long a frame under way, or a blocked write, may go without a
    /// single byte. It is looked at four times in this period, so it ends up
    /// to a quarter later. Default: 30 s.
    pub stall: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            close: Duration::from_secs(5),
            ping_interval: Duration::from_secs(20),
            pong: Duration::from_secs(20),
            idle: NEVER,
            stall: Duration::from_secs(30),
        }
    }
}
