use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use crate::writer::Writer;

/// Where the bytes come from: the transport next to the writer, or a read
/// half of its own.
pub(crate) trait Source<W: AsyncWrite + Unpin> {
    /// Whether a message is held back while the write queue is full: so that
    /// whoever queues one reply for each message never finds it full. Not
    /// where someone else feeds the queue and may do so for ever.
    fn holds(&self) -> bool;

    fn poll_read<B: BufMut>(
        &mut self,
        writer: &mut Writer<W>,
        waker: &Waker,
        buf: &mut B,
    ) -> Poll<io::Result<usize>>;
}

/// One transport for both directions, which the writer holds.
pub(crate) struct Joined {
    pub(crate) holds: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Source<S> for Joined {
    #[inline]
    fn holds(&self) -> bool {
        self.holds
    }

    #[inline(always)]
    fn poll_read<B: BufMut>(
        &mut self,
        writer: &mut Writer<S>,
        waker: &Waker,
        buf: &mut B,
    ) -> Poll<io::Result<usize>> {
        poll_read_buf(
            Pin::new(writer.io_mut()),
            &mut Context::from_waker(waker),
            buf,
        )
    }
}
