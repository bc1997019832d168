//! What has arrived, and what is wrong with it, over all connections.

use crate::board::{Board, Counter, Held};
use crate::ledger::{Fault, Ledger};

/// The counters of a program's messages.
#[derive(Clone, Debug)]
pub struct Books {
    received: Counter,
    pushed: Counter,
    pushing: Counter,
    lost: Counter,
    repeated: Counter,
    torn: Counter,
}

impl Books {
    /// The board's.
    pub fn on(board: &Board) -> Self {
        Self {
            received: board.counter("received"),
            pushed: board.counter("pushed"),
            pushing: board.counter("pushing"),
            lost: board.counter("lost"),
            repeated: board.counter("repeated"),
            torn: board.counter("torn"),
        }
    }

    /// Enters a message into a connection's ledger; whether nothing is wrong with it.
    #[allow(clippy::print_stderr)] // a program's output
    pub fn enter(&self, ledger: &mut Ledger, message: &[u8]) -> bool {
        self.received.add(1);
        let Err(fault) = ledger.enter(message) else {
            return true;
        };
        match fault {
            Fault::Lost { count } => self.lost.add(count),
            Fault::Repeated { .. } => self.repeated.add(1),
            Fault::Torn | Fault::Foreign { .. } => self.torn.add(1),
        }
        eprintln!("{fault:?} in {ledger:?}");
        false
    }

    /// Enters a message that nobody looks into.
    pub fn count(&self) {
        self.received.add(1);
    }

    /// Enters a message that was sent without being asked for.
    pub fn count_pushed(&self) {
        self.pushed.add(1);
    }

    /// A number for a connection that is sent messages, and what counts it.
    pub fn push(&self) -> (u64, Held) {
        (self.pushing.get(), self.pushing.hold())
    }

    /// Enters messages that never came, though both ends closed in order.
    pub fn missing(&self, count: u64) {
        self.lost.add(count);
    }
}
