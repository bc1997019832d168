//! What a connection that is dropped leaves, and says.

use socket_flow_protocol::CloseCode;
use socket_flow_protocol::driver::Sending;
use tokio::time::Instant;
use tracing::Span;

use crate::sender::outbox::Outbox;

/// What a connection leaves, beside its transport.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) sending: Sending,
    pub(crate) epoch: Instant,
    pub(crate) span: Option<Box<Span>>,
}

/// What the senders' queue says of a connection that is dropped.
impl Outbox {
    pub(crate) fn await_estate(&self) {
        self.lock().is_awaited = true;
    }

    /// A connection that is dropped from now on leaves nothing, and says the first
    /// code that was told. Tells whether it left something before.
    pub(crate) fn stop_awaiting(&self, code: CloseCode) -> bool {
        let mut state = self.lock();
        state.is_awaited = false;
        state.drop_code.get_or_insert(code);
        state.estate.is_some()
    }

    /// What a connection that is dropped says.
    pub(crate) fn drop_code(&self) -> Option<CloseCode> {
        self.lock().drop_code
    }

    /// The connection is dropped: takes what it leaves, where that is waited for
    /// and the connection has not ended. Whether it did.
    pub(crate) fn inherit(&self, estate: impl FnOnce() -> Estate) -> bool {
        let mut state = self.lock();
        let inherits = state.is_awaited && !state.has_ended();
        if inherits {
            state.estate = Some(Box::new(estate()));
            state.drop_code = panic_code().or(state.drop_code);
        }
        inherits
    }

    pub(crate) fn take_estate(&self) -> Option<Box<Estate>> {
        self.lock().estate.take()
    }

    /// Since when the connection ends; `None` where it does not, or no more.
    pub(crate) fn ends_since(&self) -> Option<Instant> {
        let state = self.lock();
        state
            .shut_at
            .as_deref()
            .copied()
            .filter(|_| !state.has_ended())
    }
}

/// The code of a connection that is dropped by a panic. It comes before any other (RFC 6455 §7.4.1).
pub(crate) fn panic_code() -> Option<CloseCode> {
    std::thread::panicking().then_some(CloseCode::INTERNAL_ERROR)
}
