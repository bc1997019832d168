//! How connections ended, counted by cause.

use socket_flow::Error;

use crate::board::{Board, Counter};

/// The counters, one for each way a connection ends.
#[derive(Clone, Debug)]
pub struct Causes {
    clean: Counter,
    abnormal: Counter,
    timeout: Counter,
    protocol: Counter,
    other: Counter,
}

impl Causes {
    /// The board's.
    pub fn on(board: &Board) -> Self {
        Self {
            clean: board.counter("ended_clean"),
            abnormal: board.counter("ended_1006"),
            timeout: board.counter("ended_timeout"),
            protocol: board.counter("ended_protocol"),
            other: board.counter("ended_other"),
        }
    }

    /// Counts an end. A transport that fails is an abnormal closure as much as one that ends (RFC
    /// 6455 §7.1.5).
    pub fn count(&self, end: Result<(), &Error>) {
        match end {
            Ok(()) => self.clean.add(1),
            Err(Error::Timeout(_)) => self.timeout.add(1),
            Err(Error::Protocol(_)) => self.protocol.add(1),
            Err(error) if error.close_code() == Some(ABNORMAL) => self.abnormal.add(1),
            Err(_) => self.other.add(1),
        }
    }
}

/// RFC 6455 §7.1.5: there was no Close.
pub const ABNORMAL: u16 = 1006;
