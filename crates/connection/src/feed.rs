//! How a connection takes over what its senders hand in.

use std::sync::Arc;
use std::task::{Poll, Waker};

use socket_flow_protocol::driver::Accepts;
use tokio::io::AsyncWrite;

use crate::outbox::{Outbox, Taking};
use crate::sender::Sender;
use crate::writer::Writer;

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// A handle for sending on this connection from other tasks.
    pub fn sender(&mut self) -> Sender {
        let is_over = self.closing().is_sent();
        let capacity = self.sending.outgoing().config().limits().high_water;
        let outbox = self
            .outbox
            .get_or_insert_with(|| Arc::new(Outbox::new(capacity)));
        if is_over {
            outbox.shut();
        }
        self.sending.expect_handed_in();
        Sender::new(Arc::clone(outbox))
    }

    /// Takes over until the write queue is full; whether that is why it
    /// stopped.
    pub(crate) fn take_over(&mut self) -> bool {
        let mut taking = Taking::of(&self.outbox);
        let is_more = self.sending.take_over(&mut taking);
        if let Some(code) = taking.close_code() {
            self.event("close queued", code.as_u16());
        }
        is_more
    }

    /// Whether senders have handed something in that was not taken over.
    #[inline]
    pub(crate) fn has_handed_in(&self) -> bool {
        let outbox = self.outbox.as_deref();
        outbox.is_some_and(Outbox::is_filled)
    }

    /// Waits for something to take over; not while there is no room for it,
    /// for then it is the write that is waited for.
    #[inline(always)]
    pub(crate) fn poll_outbox(&mut self, waker: &Waker) -> Poll<()> {
        let Some(outbox) = &self.outbox else {
            return Poll::Pending;
        };
        match self.sending.accepts() {
            Accepts::Nothing => Poll::Pending,
            accepts => outbox.poll_filled(accepts == Accepts::Close, waker),
        }
    }

    /// Tells senders that the connection has ended, its transport included.
    pub(crate) fn end_outbox(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.end();
        }
    }

    /// Whether something waits that could be taken over now.
    pub(crate) fn has_outbox_waiting(&self) -> bool {
        !self.sending.outgoing().is_unfinished() && self.has_handed_in()
    }
}
