use std::time::Duration;

use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{Config, Expired, ProtocolError};

use crate::simulation::clock::Clock;

/// When something last happened on a connection, and what may follow from it.
#[derive(Debug)]
pub(super) struct Times {
    clock: Clock,
    config: Config,
    pub(super) read: Duration,
    pub(super) written: Duration,
    /// When a message last came or went.
    pub(super) message: Duration,
    /// When a Close of ours was queued.
    pub(super) closing: Option<Duration>,
    /// The deadlines that have expired.
    expired: Vec<Expired>,
}

impl Times {
    pub(super) fn new(clock: &Clock, config: Config) -> Self {
        Self {
            clock: clock.clone(),
            config,
            read: clock.now(),
            written: clock.now(),
            message: clock.now(),
            closing: None,
            expired: Vec::new(),
        }
    }

    /// Looks at why the connection fails: a deadline is judged when it expires, not
    /// each time that somebody is told. Bytes may come in between.
    pub(super) fn watch(&mut self, failure: Option<&Failure>) {
        if let Some(Failure::Expired(expired)) = failure {
            if !self.expired.contains(expired) {
                self.expired.push(*expired);
                self.assert_passed(*expired);
            }
        }
    }

    /// A deadline has expired: it must have passed.
    fn assert_passed(&self, expired: Expired) {
        let (now, timeouts) = (self.clock.now(), self.config.timeouts());
        let (since, period) = match expired {
            Expired::Close => (self.closing.unwrap_or(now), timeouts.close),
            Expired::Pong => (self.read, timeouts.pong),
            Expired::Idle => (self.message, timeouts.idle),
            Expired::Read => (self.read, timeouts.stall),
            Expired::Write => (self.written, timeouts.stall),
            // Some bytes may leave all the time.
            Expired::Memory => (Duration::ZERO, self.patience()),
            other => panic!("a deadline of a new kind: {other:?}"),
        };
        assert!(now - since >= period, "{expired:?} expired too early");
    }

    fn patience(&self) -> Duration {
        let budget = self.config.memory().expect("a budget");
        budget.patience()
    }

    /// The application is told how the connection ended: the closing must have
    /// kept its deadlines. Nobody breaks the protocol here. Returns what the
    /// end is called in the figures.
    pub(super) fn judge(&mut self, end: &Result<(), Failure>) -> &'static str {
        self.watch(end.as_ref().err());
        if let Some(closing) = self.closing {
            // A failure during the closing handshake begins a second wait.
            let longest = self.config.timeouts().close * 2;
            let took = self.clock.now() - closing;
            assert!(took <= longest, "closing took {took:?}");
        }
        match end {
            Ok(()) => CLEAN,
            Err(Failure::Memory(_) | Failure::Expired(Expired::Memory)) => "memory-ends",
            Err(Failure::Abnormal(_)) => "abnormal-ends",
            Err(Failure::Io(_)) => "broken-ends",
            Err(Failure::Protocol(error)) => {
                let limit = self.config.limits().message;
                assert_eq!(*error, ProtocolError::MessageTooBig { limit });
                "too-big"
            }
            Err(Failure::Expired(Expired::Close)) => "close-timeouts",
            Err(Failure::Expired(Expired::Pong)) => "pong-timeouts",
            Err(Failure::Expired(Expired::Idle)) => "idle-timeouts",
            Err(Failure::Expired(Expired::Read)) => "read-timeouts",
            Err(Failure::Expired(_)) => "write-timeouts",
            Err(Failure::Unsent(_)) => "unsent-closes",
        }
    }
}

/// An end after a complete closing handshake.
pub(super) const CLEAN: &str = "clean-ends";
