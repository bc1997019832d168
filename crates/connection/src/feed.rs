//! How a connection takes over what its senders hand in.

use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::io::AsyncWrite;

use crate::error::Error;
use crate::outbox::{Next, Outbox};
use crate::sender::Sender;
use crate::writer::Writer;

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// A handle for sending on this connection from other tasks.
    pub fn sender(&mut self) -> Sender {
        let is_over = self.closing().is_sent();
        let capacity = self.outgoing.config().limits().high_water;
        let outbox = self
            .outbox
            .get_or_insert_with(|| Arc::new(Outbox::new(capacity)));
        if is_over {
            outbox.shut();
        }
        Sender::new(Arc::clone(outbox))
    }

    /// Takes over and writes; ready when all of it is written.
    #[inline(always)]
    pub(crate) fn poll_output(&mut self, waker: &Waker) -> Poll<()> {
        if self.outbox.is_none() {
            return self.poll_write(waker);
        }
        loop {
            let is_more = self.take_outbox();
            let written = self.poll_write(waker);
            if !is_more || written.is_pending() {
                return written;
            }
        }
    }

    /// Takes over until the write queue is full; whether that is why it
    /// stopped.
    #[inline]
    pub(crate) fn take_outbox(&mut self) -> bool {
        match &self.outbox {
            Some(outbox) if outbox.is_filled() => self.take_outbox_slow(),
            _ => false,
        }
    }

    #[inline(never)]
    fn take_outbox_slow(&mut self) -> bool {
        let Some(outbox) = self.outbox.clone() else {
            return false;
        };
        let mut freed = 0;
        let is_full = loop {
            if self.outgoing.closing().is_sent() {
                outbox.shut();
                break false;
            }
            if self.outgoing.is_unfinished() {
                // Nothing but a Close may stand inside a message; whoever
                // ends it goes on here.
                if let Some(frame) = outbox.take_close() {
                    let _ = self.start_close(frame.code, &frame.reason);
                }
                break false;
            }
            if !outbox.is_filled() {
                break false;
            }
            if self.outgoing.is_full() {
                break true;
            }
            // One at a time, so that nobody waits for the lock while a
            // message is compressed.
            match outbox.next() {
                (Next::Send(parcel), cost) => {
                    freed += cost;
                    // It is neither full nor closed, and between messages.
                    let _ = self.outgoing.queue(parcel);
                }
                (Next::Close(frame), _) => {
                    // Its reason was found to be short enough.
                    let _ = self.start_close(frame.code, &frame.reason);
                }
                (Next::Nothing, _) => break false,
            }
        };
        outbox.free(freed);
        is_full
    }

    /// Takes over all there is, for a Close of ours follows: whoever was told
    /// that a message is handed in finds it in front of that. No more is taken
    /// meanwhile, so it is what fits the outbox at most.
    pub(crate) fn take_last_of_outbox(&mut self) {
        let Some(outbox) = self.outbox.clone() else {
            return;
        };
        outbox.refuse();
        // Inside a message nothing but a Close may stand.
        while !self.outgoing.is_unfinished() {
            match outbox.next() {
                (Next::Send(parcel), _) => {
                    let _ = self.outgoing.queue_promised(parcel);
                }
                (Next::Close(frame), _) => {
                    // It came first. Its reason was found to be short enough.
                    let _ = self.outgoing.close(frame.code, &frame.reason);
                    return;
                }
                (Next::Nothing, _) => return,
            }
        }
    }

    /// Waits for something to take over; not while there is no room for it,
    /// for then it is the write that is waited for.
    #[inline]
    pub(crate) fn poll_outbox(&mut self, waker: &Waker) -> Poll<()> {
        match &self.outbox {
            Some(outbox) if !self.outgoing.is_full() && !self.closing().is_sent() => {
                outbox.poll_filled(self.outgoing.is_unfinished(), waker)
            }
            _ => Poll::Pending,
        }
    }

    /// Whether something waits that could be taken over now.
    pub(crate) fn has_outbox_waiting(&self) -> bool {
        !self.outgoing.is_unfinished()
            && self
                .outbox
                .as_ref()
                .is_some_and(|outbox| outbox.is_filled())
    }

    /// Lets nobody wait for a connection that sends no more messages.
    pub(crate) fn shut_outbox(&mut self) {
        if let Some(outbox) = &self.outbox {
            outbox.shut();
        }
    }

    pub(crate) fn poll_forward(&mut self, waker: &Waker) -> Poll<Result<(), Error>> {
        loop {
            let written = self.poll_output(waker);
            if self.poll_outbox(waker).is_ready() {
                continue;
            }
            if written.is_pending() {
                return self.poll_stall(waker).map(Err);
            }
            if let Some(error) = self.take_error() {
                return Poll::Ready(Err(error.into()));
            }
            if self.closing().is_sent() {
                return Poll::Ready(Ok(()));
            }
            return Poll::Pending;
        }
    }
}
