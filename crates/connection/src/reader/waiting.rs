//! What a connection waits for when there is nothing to read: its deadlines,
//! and what senders hand in.

use std::task::{Poll, Waker, ready};

use socket_flow_protocol::Expired;
use tokio::io::AsyncWrite;

use crate::ending::Ending;
use crate::error::{ABNORMAL, Error};
use crate::read_buf;
use crate::reader::{Phase, Reader};
use crate::writer::Writer;

impl Reader {
    /// A read found nothing: gives memory back and looks at what else there
    /// is to wait for. Ready when the loop is to go round again.
    #[inline(always)]
    pub(super) fn poll_idle<W>(
        &mut self,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<()>
    where
        W: AsyncWrite + Unpin,
    {
        // First what may lie in the input's memory.
        self.incoming.release();
        read_buf::settle(&mut self.input);
        let is_armed =
            self.timer.is_waiting(read_waker) && self.incoming.is_quiet(&writer.outgoing);
        // Armed for the next deadline, or an earlier one that is no more: a
        // connection that waits for every message need not ask for them every
        // time.
        if !is_armed {
            if let Poll::Ready(expired) = self.poll_deadlines(writer, read_waker, write_waker) {
                self.expire(expired, writer);
                return Poll::Ready(());
            }
        }
        writer.poll_outbox(read_waker)
    }

    /// Arms and judges all deadlines; ready with the one that expired.
    #[inline(never)]
    fn poll_deadlines<W>(
        &mut self,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Expired>
    where
        W: AsyncWrite + Unpin,
    {
        loop {
            let incoming = self.incoming.poll_timeout(&writer.outgoing);
            let at = match (incoming, writer.outgoing.poll_timeout()) {
                (Some(incoming), Some(outgoing)) => incoming.min(outgoing),
                (Some(at), None) | (None, Some(at)) => at,
                (None, None) => return Poll::Pending,
            };
            if !at.is_zero() {
                let Some(at) = writer.epoch.checked_add(at) else {
                    return Poll::Pending;
                };
                ready!(self.timer.poll(at, read_waker));
            }
            let now = writer.epoch.elapsed();
            let result = self
                .incoming
                .handle_timeout(now, &mut writer.outgoing)
                .and_then(|()| writer.outgoing.handle_timeout(now));
            if let Err(expired) = result {
                return Poll::Ready(expired);
            }
            // A ping may be due.
            let _ = writer.poll_write(write_waker);
        }
    }

    /// The deadlines while a message is held back and nothing is read.
    pub(super) fn poll_blocked<W>(
        &mut self,
        writer: &mut Writer<W>,
        read_waker: &Waker,
        write_waker: &Waker,
    ) -> Poll<Expired>
    where
        W: AsyncWrite + Unpin,
    {
        if writer.closing().is_sent() {
            return self.poll_deadlines(writer, read_waker, write_waker);
        }
        // The peer's pong, or the rest of its frame, may wait unread: only
        // the blocked write itself can be late.
        writer.poll_blocked(&mut self.timer, read_waker)
    }

    #[cold]
    pub(super) fn expire<W: AsyncWrite + Unpin>(
        &mut self,
        expired: Expired,
        writer: &mut Writer<W>,
    ) {
        match expired {
            // Nobody is there to read a Close, or to send anything: one
            // attempt at writing it, and no waiting.
            Expired::Pong | Expired::Close | Expired::Write => {
                let _ = writer.poll_write(Waker::noop());
                writer.outgoing.abandon();
                writer.event("connection timed out", ABNORMAL);
                // A write that failed is why nothing came any more.
                let error = writer
                    .take_error()
                    .map_or(Error::Timeout(expired), Error::Io);
                let ending = Ending::over(error);
                self.phase = Phase::Ending(Box::new(ending));
            }
            _ => self.fail(Error::Timeout(expired), writer),
        }
    }
}
