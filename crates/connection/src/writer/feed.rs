//! How a connection takes over what its senders hand in.

use std::sync::Arc;
use std::task::{Poll, Waker};

use socket_flow_protocol::CloseCode;
use socket_flow_protocol::driver::Accepts;
use tokio::io::AsyncWrite;
use tokio::task::coop;

use crate::sender::Sender;
use crate::sender::outbox::{Late, Outbox, Taking};
use crate::sync::Caller;
use crate::writer::Writer;

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// A handle for sending on this connection from other tasks.
    pub fn sender(&mut self) -> Sender {
        let is_over = self.closing().is_sent();
        let config = self.sending.outgoing().config();
        let (capacity, stall) = (config.limits().high_water, config.timeouts().stall);
        let outbox = self
            .outbox
            .get_or_insert_with(|| Arc::new(Outbox::new(capacity, stall, config.memory())));
        if is_over {
            outbox.discard();
        }
        self.sending.expect_handed_in();
        Sender::new(Arc::clone(outbox))
    }

    /// Takes over until the write queue is full; whether that is why it
    /// stopped.
    pub(crate) fn take_over(&mut self) -> bool {
        let mut taking = Taking::of(&self.outbox);
        let mut is_more = self.sending.take_over(&mut taking);
        if is_more
            && self
                .outbox
                .as_ref()
                .is_some_and(|outbox| outbox.has_close())
        {
            // Its deadline begins when it is queued, so a peer that reads
            // little cannot put the end off. It is the last of what waits; the
            // code here is never sent.
            let _ = self.sending.start_close(CloseCode::NORMAL, "", &mut taking);
            is_more = false;
        }
        if let Some(code) = taking.close_code() {
            self.event("close queued", code.as_u16());
        }
        drop(taking);
        if is_more && self.has_handed_in() {
            self.leave_behind();
        }
        is_more
    }

    #[cold]
    fn leave_behind(&self) {
        if let Some(outbox) = &self.outbox {
            outbox.is_left_by(Caller::current());
        }
    }

    /// Whether whoever runs the connection answers through its senders, and has
    /// handed in more than there is room for.
    pub(crate) fn answers_through_senders(&self) -> bool {
        let outbox = self.outbox.as_ref();
        outbox.is_some_and(|outbox| outbox.is_filled() && outbox.is_fed_by_owner())
    }

    /// Whether senders have handed something in that was not taken over.
    #[inline]
    pub(crate) fn has_handed_in(&self) -> bool {
        let outbox = self.outbox.as_deref();
        outbox.is_some_and(Outbox::is_filled)
    }

    /// Waits for something to take over; while there is no room for messages,
    /// for a Close.
    #[inline(always)]
    pub(crate) fn poll_outbox(&mut self, waker: &Waker) -> Poll<()> {
        self.tell_flushes(waker);
        let Some(outbox) = &self.outbox else {
            return Poll::Pending;
        };
        match self.sending.accepts() {
            Accepts::Nothing => self.poll_close_beyond(waker),
            accepts => outbox.poll_filled(accepts, waker),
        }
    }

    #[inline(never)]
    fn poll_close_beyond(&mut self, waker: &Waker) -> Poll<()> {
        self.had_turn();
        match &self.outbox {
            Some(outbox) if !self.closing().is_sent() => {
                outbox.poll_filled(Accepts::Nothing, waker)
            }
            _ => Poll::Pending,
        }
    }

    /// The transport takes nothing now. Where that is why nothing is taken
    /// over, those who publish learn that this was the connection's turn.
    pub(crate) fn had_turn(&self) {
        if let Some(outbox) = &self.outbox {
            // A task that has used its budget up has its turn yet to come.
            if self.sending.accepts() == Accepts::Nothing && coop::has_budget_remaining() {
                outbox.is_late(Late::Turn);
            }
        }
    }

    /// Tells senders that the connection has ended, its transport included.
    pub(crate) fn end_outbox(&mut self) {
        if let Some(outbox) = &self.outbox {
            outbox.end(self.sending.loss().is_none());
        }
    }

    /// Whether something waits that could be taken over now.
    pub(crate) fn has_outbox_waiting(&self) -> bool {
        !self.sending.outgoing().is_unfinished() && self.has_handed_in()
    }
}
