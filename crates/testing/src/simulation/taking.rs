//! What others hand in, and what it costs to compress a message.

use socket_flow_connection::{Outlet, Sender};
use socket_flow_protocol::driver::{Handed, HandedIn};
use socket_flow_protocol::{Compression, Payload};

use crate::simulation::clock::COMPRESSED;
use crate::simulation::plan::THRESHOLD;

/// The work to compress a message, if it is compressed.
pub(super) fn compressed(is_agreed: bool, len: usize, compression: Compression) -> usize {
    let is_compressed = match compression {
        Compression::Auto => len >= THRESHOLD,
        Compression::Always => true,
        Compression::Never => false,
    };
    len * COMPRESSED * usize::from(is_compressed && is_agreed)
}

/// What others have handed in, as it is taken over.
pub(super) struct Seen<H> {
    inner: H,
    /// The messages that are compressed for this connection alone.
    seen: Vec<(usize, Compression)>,
}

impl<H> Seen<H> {
    pub(super) fn of(inner: H) -> Self {
        let seen = Vec::new();
        Self { inner, seen }
    }

    pub(super) fn end(self) -> Vec<(usize, Compression)> {
        self.seen
    }
}

impl<H: HandedIn> HandedIn for Seen<H> {
    fn next(&mut self, only_close: bool) -> Option<Handed> {
        let handed = self.inner.next(only_close)?;
        if let Handed::Message(message) = &handed {
            if message.prepared().is_none() {
                self.seen.push((message.len(), message.compression()));
            }
        }
        Some(handed)
    }

    fn refuse(&mut self) {
        self.inner.refuse();
    }

    fn close(&mut self) {
        self.inner.close();
    }
}

pub(super) fn handed_in(senders: &mut Option<(Sender, Outlet)>) -> impl HandedIn + '_ {
    senders.as_mut().map(|(_, outlet)| outlet.handed_in())
}

/// A longer message is compressed by turns.
pub(super) const AT_ONCE: usize = 64 << 10;
