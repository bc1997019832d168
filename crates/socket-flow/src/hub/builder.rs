use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::hub::{Hub, SlowPolicy};

/// The settings of a [`Hub`].
///
/// ```
/// use std::time::Duration;
///
/// use socket_flow::{Hub, SlowPolicy};
///
/// let hub = Hub::builder()
///     .policy(SlowPolicy::Close)
///     .slow(Duration::from_secs(10))
///     .backlog(256 << 10)
///     .build()?;
/// # Ok::<_, socket_flow::HubError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct HubBuilder {
    pub(super) policy: SlowPolicy,
    pub(super) turn: Duration,
    pub(super) slow: Duration,
    pub(super) backlog: usize,
}

impl HubBuilder {
    pub(super) fn new(policy: SlowPolicy) -> Self {
        Self {
            policy,
            turn: Duration::from_millis(100),
            slow: Duration::from_secs(5),
            backlog: 1 << 20,
        }
    }

    /// What is done with a member that is slow; [`SlowPolicy::Close`] by
    /// default.
    #[must_use]
    pub fn policy(self, policy: SlowPolicy) -> Self {
        Self { policy, ..self }
    }

    /// For how long at most a message waits until the connections whose queues
    /// are full have had a turn; 100 ms by default. It is for all members
    /// together, and a handler that sleeps costs it once: not again before its
    /// connection has taken something over.
    #[must_use]
    pub fn turn(self, turn: Duration) -> Self {
        Self { turn, ..self }
    }

    /// For [`SlowPolicy::Wait`], how long a message waits for room, for all
    /// members together; for [`SlowPolicy::Close`], within which time one
    /// queue's worth of bytes has to leave a queue that was too full. 5 s by
    /// default.
    #[must_use]
    pub fn slow(self, slow: Duration) -> Self {
        Self { slow, ..self }
    }

    /// For [`SlowPolicy::Close`], how many bytes more than fit its queue are
    /// kept for a member, each message counted as in the queue: as its payload
    /// and 64 bytes. 1 MiB by default. What is kept are references to one
    /// message for all members; 0 closes a member whose queue is still full
    /// after its turn.
    #[must_use]
    pub fn backlog(self, bytes: usize) -> Self {
        Self {
            backlog: bytes,
            ..self
        }
    }

    /// A hub without members.
    ///
    /// # Errors
    ///
    /// Where `turn` or `slow` is zero: every full queue would be slow then.
    pub fn build(self) -> Result<Hub, HubError> {
        if self.turn.is_zero() {
            return Err(HubError::ZeroTurn);
        }
        if self.slow.is_zero() {
            return Err(HubError::ZeroSlow);
        }
        Ok(Hub::with(self))
    }
}

/// Settings that no [`Hub`] can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HubError {
    /// [`HubBuilder::turn`] is zero.
    ZeroTurn,
    /// [`HubBuilder::slow`] is zero.
    ZeroSlow,
}

impl fmt::Display for HubError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ZeroTurn => "a hub that waits no time for a turn",
            Self::ZeroSlow => "a hub for which everyone is slow at once",
        })
    }
}

impl Error for HubError {}
