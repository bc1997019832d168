use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::buffer_count;

/// What memory of a [`Budget`](crate::Budget) is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Purpose {
    /// The share of each open connection.
    Connections,
    /// What was read and is not parsed, and messages that are put together.
    Receiving,
    /// The contexts of compression that are kept from message to message.
    Contexts,
    /// What waits to be written, and what is compressed for it.
    Sending,
    /// What senders have handed in.
    Senders,
    /// What the application is told in events and has not read.
    Events,
    /// Handshakes that are not complete.
    Handshakes,
    /// What TLS keeps for each connection.
    Tls,
}

impl Purpose {
    /// Whether it is charged for each open connection, always as much.
    pub(super) fn is_share(self) -> bool {
        matches!(self, Self::Connections | Self::Tls)
    }
}

/// How much of a [`Budget`](crate::Budget) is used, in bytes, and by what.
///
/// The numbers are read one after the other: while others work, they may not add
/// up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// All there is.
    pub limit: usize,
    /// All that is used. It is above the limit while the oldest message that
    /// waited takes what it needs, or where the application queues large
    /// messages.
    pub used: usize,
    /// The shares of open connections.
    pub connections: usize,
    /// What is kept free for the shares of connections to come.
    pub set_aside: usize,
    /// What was read and is not parsed, and messages that are put together.
    pub receiving: usize,
    /// The contexts of compression that are kept from message to message.
    pub contexts: usize,
    /// What waits to be written, and what is compressed for it.
    pub sending: usize,
    /// What senders have handed in.
    pub senders: usize,
    /// What the application is told in events and has not read.
    pub events: usize,
    /// Handshakes that are not complete.
    pub handshakes: usize,
    /// What TLS keeps for each connection.
    pub tls: usize,
    /// The buffers that threads read into and write from. They serve every
    /// connection of the process and count against each budget.
    pub buffers: usize,
    /// How many messages and requests wait for memory now.
    pub waiting: usize,
    /// How many connections were closed for want of memory since the beginning.
    pub closed: u64,
    /// How many handshakes were refused for want of memory.
    pub refused: u64,
    /// How many connections opened with less compression than was asked for.
    pub reduced: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    by_purpose: [AtomicUsize; PURPOSES],
    pub(super) closed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) reduced: AtomicU64,
}

impl Counters {
    pub(super) fn add(&self, purpose: Purpose, bytes: usize) {
        if let Some(counter) = self.by_purpose.get(purpose as usize) {
            counter.fetch_add(bytes, Ordering::SeqCst);
        }
    }

    pub(super) fn subtract(&self, purpose: Purpose, bytes: usize) {
        if let Some(counter) = self.by_purpose.get(purpose as usize) {
            counter.fetch_sub(bytes, Ordering::SeqCst);
        }
    }

    /// What is used for this, in bytes.
    pub(super) fn bytes(&self, purpose: Purpose) -> usize {
        let counter = self.by_purpose.get(purpose as usize);
        counter.map_or(0, |counter| counter.load(Ordering::SeqCst))
    }

    /// What the counters know.
    pub(super) fn read(&self) -> Usage {
        Usage {
            connections: self.bytes(Purpose::Connections),
            receiving: self.bytes(Purpose::Receiving),
            contexts: self.bytes(Purpose::Contexts),
            sending: self.bytes(Purpose::Sending),
            senders: self.bytes(Purpose::Senders),
            events: self.bytes(Purpose::Events),
            handshakes: self.bytes(Purpose::Handshakes),
            tls: self.bytes(Purpose::Tls),
            buffers: buffer_count::held(),
            closed: self.closed.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            reduced: self.reduced.load(Ordering::Relaxed),
            ..Usage::default()
        }
    }
}

const PURPOSES: usize = Purpose::Tls as usize + 1;
