//! How senders that wait learn that what they handed in was sent.

use std::task::Waker;

use socket_flow_protocol::SendError;
use tokio::io::AsyncWrite;

use crate::writer::Writer;

impl<S: AsyncWrite + Unpin> Writer<S> {
    #[cold]
    #[inline(never)]
    pub(super) fn answer_flushes(&mut self, waker: &Waker) {
        let Some(outbox) = self.outbox.clone() else {
            return;
        };
        if let Some(cause) = self.loss() {
            let mut cause = Some(cause);
            for flush in outbox.answer_flushes(|flushes, _| flushes.take_where(|_| true)) {
                let cause = cause.take().or_else(|| self.loss());
                flush.tell(Err(cause.unwrap_or(SendError::Closed(()).into())));
            }
            return;
        }
        let (end, written) = (self.sending.queued_to(), self.sending.written());
        let is_compressing = self.sending.is_compressing();
        let mut is_written = false;
        outbox.answer_flushes(|flushes, taken| {
            // What is compressed by turns was taken over last, and its end is not
            // known yet.
            let queued = taken.wrapping_sub(is_compressing.into());
            flushes.are_queued(queued, end);
            is_written = flushes.are_written(written);
            Vec::new()
        });
        // The driver flushes once the queue is empty, which may not come.
        if is_written && (self.sending.is_flushed() || self.poll_flush_io(waker)) {
            for flush in outbox.answer_flushes(|flushes, _| flushes.sent(written)) {
                flush.tell(Ok(()));
            }
        }
    }
}
