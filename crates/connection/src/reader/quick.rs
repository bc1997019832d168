//! The quick way: small messages, and nothing else in between.
//!
//! Whoever talks in small messages, one at a time, waits for each of them. The
//! quick way goes the one round that takes without looking at what cannot be
//! there, and leaves everything else to the loop in [`Reader`], which does the
//! same things in the same order.

use std::task::{Poll, Waker};

use socket_flow_protocol::Found;
use tokio::io::AsyncWrite;

use crate::reader::Reader;
use crate::source::Source;
use crate::writer::Writer;

impl Reader {
    /// The next message at once, if it is a small one that has arrived and
    /// nothing has to be written first. `None` tells nothing.
    #[inline(always)]
    pub(crate) fn quick<W: AsyncWrite + Unpin>(&mut self, writer: &Writer<W>) -> Option<Found> {
        if self.input.is_empty() || !self.is_receiving() || writer.outgoing.is_pressed() {
            return None;
        }
        self.incoming.quick(&mut self.input)
    }

    /// Writes what is queued, reads once, and waits if there was nothing.
    /// `None` tells nothing: ask the loop.
    ///
    /// It is inlined where it is awaited, for it runs twice for each message
    /// that comes alone.
    #[inline(always)]
    pub(super) fn poll_quick<R, W>(
        &mut self,
        source: &mut R,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Option<Found>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        if !self.is_receiving() || !self.incoming.is_idle(&self.input) {
            return Poll::Ready(None);
        }
        // A blocked write needs a deadline, and holds messages back.
        if writer.poll_output(write_waker).is_pending() {
            return Poll::Ready(None);
        }
        match self.poll_input(source, writer, read_waker) {
            Poll::Ready(Ok(count)) if count > 0 => {
                Poll::Ready(self.incoming.quick(&mut self.input))
            }
            Poll::Ready(result) => {
                self.note_read(result, writer);
                Poll::Ready(None)
            }
            Poll::Pending => self
                .poll_idle(writer, read_waker, write_waker)
                .map(|()| None),
        }
    }
}
