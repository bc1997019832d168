use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::SEC_WEBSOCKET_PROTOCOL;
use http::{HeaderValue, Request};
use socket_flow_protocol::{Budget, Lease, NEVER, Purpose};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// What a handshake is charged to the budget that its connection will draw from.
///
/// The share of a connection is charged from the start, and a usual request fits it: no newcomer
/// waits for memory. A larger one takes no byte before there is room for it.
pub(crate) struct HeadMemory {
    _share: Lease,
    /// What it takes beyond that.
    lease: Lease,
    /// What the request takes of both, once it was read.
    request: usize,
    /// How long it may wait yet.
    patience: Duration,
    /// Whether it waits, or waited in vain.
    is_waiting: bool,
}

impl HeadMemory {
    pub(crate) fn new(budget: &Budget) -> Self {
        let mut share = budget.lease(Purpose::Connections);
        share.set(Budget::SHARE);
        Self {
            _share: share,
            lease: budget.lease(Purpose::Handshakes),
            request: 0,
            patience: budget.patience(),
            is_waiting: false,
        }
    }

    /// Makes sure of so many bytes in all, and waits for them as long as the patience of the budget
    /// lasts; whether they are there. It waits in the line, after messages and after heads that came
    /// before.
    ///
    /// # Cancel safety
    /// Nothing is lost when the future is dropped; the handshake counts as refused.
    pub(crate) async fn reserve(&mut self, bytes: usize) -> bool {
        if self.try_reserve(bytes) {
            return true;
        }
        let bytes = beyond_share(bytes);
        let mut newcomer = self.lease.budget().newcomer();
        let called = Arc::new(Notify::new());
        loop {
            let call = Arc::clone(&called);
            if newcomer.take(&mut self.lease, bytes, move || call.notify_one()) {
                self.is_waiting = false;
                return true;
            }
            self.is_waiting = true;
            if self.patience.is_zero() {
                return false;
            }
            let start = Instant::now();
            let _ = timeout(self.patience.min(LOOK), called.notified()).await;
            if self.patience != NEVER {
                self.patience = self.patience.saturating_sub(start.elapsed());
            }
        }
    }

    /// Makes sure of so many bytes in all, if they are there and nobody waits for them.
    pub(crate) fn try_reserve(&mut self, bytes: usize) -> bool {
        let bytes = beyond_share(bytes);
        let is_free = || !self.lease.budget().is_waited_for();
        bytes <= self.lease.bytes() || (is_free() && self.lease.try_set(bytes))
    }

    /// This is what is held from now on: a request, and what was read after it.
    pub(crate) fn settle(&mut self, request: usize, rest: usize) {
        self.request = request;
        self.lease.set(beyond_share(request + rest));
    }

    /// What the request takes, now that its connection is charged the share.
    pub(crate) fn into_request(mut self) -> Lease {
        // It is there already.
        self.lease.set(self.request);
        self.lease.split(self.request)
    }
}

impl Drop for HeadMemory {
    fn drop(&mut self) {
        if self.is_waiting {
            self.lease.budget().count_refused();
        }
    }
}

impl fmt::Debug for HeadMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadMemory")
            .field("beyond_share", &self.lease.bytes())
            .finish_non_exhaustive()
    }
}

fn beyond_share(bytes: usize) -> usize {
    bytes.saturating_sub(Budget::SHARE)
}

/// How much memory a request takes whose head has this many bytes, and what is decided about it.
pub(crate) fn request_memory(request: &Request<()>, head: usize) -> usize {
    let headers = request.headers();
    let repeated = headers.len() - headers.keys_len();
    // The subprotocols it offers are copied, so that the decision can still be another one.
    let offered = headers.get_all(SEC_WEBSOCKET_PROTOCOL);
    let offered: usize = offered.iter().map(HeaderValue::len).sum();
    head + headers.capacity() * LINE + repeated.next_power_of_two() * REPEATED_LINE + offered
}

/// Whether a request is as small as those of browsers are: one that never waits.
pub(crate) fn is_usual(head: usize, memory: usize) -> bool {
    head <= Budget::SHARE && memory <= MOST_OF_USUAL
}

/// What a `HeaderMap` takes for a line: hash, name, value and links, and its place in the table,
/// a third larger.
const LINE: usize = 104 + 8;

/// What it takes for a line whose name stood there before: a value and links.
const REPEATED_LINE: usize = 72;

/// The memory of a request of 24 lines and 1,300 bytes.
const MOST_OF_USUAL: usize = 2 * Budget::SHARE;

/// The buffer of a thread that is freed calls nobody who waits.
const LOOK: Duration = Duration::from_secs(1);
