use std::sync::Arc;

use socket_flow_protocol::CloseCode;
use tokio::io::AsyncWrite;
use tokio::time::Instant;
use tracing::Span;

use crate::sender::outbox::{Estate, Outbox};
use crate::writer::Writer;

/// Who is left what a connection still has to send when it is dropped, its Close
/// included: a server's task, which has the time, and knows the code.
#[derive(Debug)]
pub struct Heir(Arc<Outbox>);

impl Heir {
    pub(crate) fn new(outbox: Arc<Outbox>) -> Self {
        outbox.await_estate();
        Self(outbox)
    }

    /// The sending half of a connection that was dropped, to be ended on its
    /// transport. Gives the transport back where there is nothing to send any
    /// more, or where the connection still lives.
    pub fn writer<S: AsyncWrite + Unpin>(&self, io: S) -> Result<Writer<S>, S> {
        match self.0.take_estate() {
            Some(estate) => Ok(Writer::inherited(io, *estate, Arc::clone(&self.0))),
            None => Err(io),
        }
    }

    /// Waits no more: a connection that is dropped from now on says this code by
    /// itself. Tells whether it was dropped before; its transport follows then.
    pub fn stop(&self, code: CloseCode) -> bool {
        self.0.stop_awaiting(code)
    }

    /// The code that the connection is to say, where one is known: that of
    /// [`stop`](Self::stop), or 1011 where a panic dropped the connection.
    pub fn drop_code(&self) -> Option<CloseCode> {
        self.0.drop_code()
    }

    /// Since when the connection ends; see
    /// [`Sender::ends_since`](crate::Sender::ends_since).
    pub fn ends_since(&self) -> Option<Instant> {
        self.0.ends_since()
    }
}

impl Drop for Heir {
    fn drop(&mut self) {
        // Without its transport nothing of it can be sent.
        if self.0.stop_awaiting(CloseCode::GOING_AWAY) && self.0.take_estate().is_some() {
            self.0.discard();
            self.0.leave();
        }
    }
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    fn inherited(io: S, estate: Estate, outbox: Arc<Outbox>) -> Self {
        let mut writer = Self::new(io, estate.sending, Span::none());
        writer.span = estate.span;
        writer.epoch = estate.epoch;
        writer.outbox = Some(outbox);
        writer
    }

    /// Leaves what is to be sent to the heir of the connection, where one waits
    /// for it and the connection has not ended.
    pub(crate) fn bequeath(&mut self) -> bool {
        let Some(outbox) = &self.outbox else {
            return false;
        };
        outbox.inherit(|| Estate {
            sending: self.sending.take(),
            epoch: self.epoch,
            span: self.span.take(),
        })
    }
}
