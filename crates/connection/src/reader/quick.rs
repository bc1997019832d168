//! The fast path: a message that comes alone, or is first to be handed out after a read.
//!
//! A small message that is whole in the input goes the one round that takes, without asking the
//! driver for each step. It does what [`Receiving::next`] would say, and leaves everything else to
//! it.
//!
//! [`Receiving::next`]: socket_flow_protocol::driver::Receiving::next

use std::task::Poll;

use socket_flow_protocol::Found;
use socket_flow_protocol::driver::Turn;
use tokio::io::AsyncWrite;

use crate::error::Error;
use crate::reader::{Call, Reader, Wants};
use crate::source::Source;
use crate::writer::Writer;

impl Reader {
    /// The next message at once, if it is a small one that has arrived and
    /// nothing has to be written or taken over first. `None`: poll for it.
    #[inline(always)]
    pub(crate) fn quick<W: AsyncWrite + Unpin>(&mut self, writer: &Writer<W>) -> Option<Found> {
        if !self.receiving.has_input() || (writer.sending.is_watched() && writer.has_handed_in()) {
            return None;
        }
        self.receiving.quick(&writer.sending)
    }

    /// As [`quick`](Self::quick), and takes over first what senders have handed
    /// in.
    #[inline(always)]
    pub(super) fn quick_after_taking_over<W: AsyncWrite + Unpin>(
        &mut self,
        writer: &mut Writer<W>,
    ) -> Option<Found> {
        if !writer.has_handed_in() || writer.take_over() {
            return None;
        }
        self.receiving.quick(&writer.sending)
    }

    /// What is wanted next: writes what is queued and reads once; the rest is
    /// the driver's.
    ///
    /// It is inlined where it is called, for it runs twice for each message
    /// that comes alone.
    #[inline(always)]
    pub(crate) fn poll_found<R, W>(
        &mut self,
        wants: Wants,
        source: &mut R,
        writer: &mut Writer<W>,
    ) -> Poll<Result<Option<Found>, Error>>
    where
        R: Source<W>,
        W: AsyncWrite + Unpin,
    {
        let mut are_reads_blocked = false;
        // A blocked write needs a deadline, and holds messages back.
        if self.receiving.is_idle(&writer.sending)
            && writer.poll_output(source.write_waker()).is_ready()
        {
            match source.poll_read(writer, &mut self.receiving.room()) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    if let Some(found) = self.receiving.quick_after_read(count) {
                        return Poll::Ready(Ok(Some(found)));
                    }
                }
                Poll::Pending => {
                    let is_armed = self.receiving.rest(&writer.sending)
                        && self.timer.is_waiting(source.read_waker());
                    if is_armed && writer.poll_outbox(source.read_waker()).is_pending() {
                        return Poll::Pending;
                    }
                    are_reads_blocked = true;
                }
                read => {
                    let sending = &mut writer.sending;
                    self.receiving.read(sending, &mut Turn::new(), read);
                }
            }
        }
        let call = Call {
            wants,
            are_reads_blocked,
        };
        self.poll_next(call, source, writer)
    }
}
