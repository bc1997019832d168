use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use crate::writer::Writer;

/// Where the bytes come from, the transport next to the writer or a read half
/// of its own, and who is woken.
pub(crate) trait Source<W: AsyncWrite + Unpin> {
    /// Whether a message is held back while the write queue is full: so that
    /// whoever queues one reply for each message never finds it full. Not
    /// where someone else feeds the queue and may do so for ever.
    fn holds(&self) -> bool;

    /// Woken when there is something to read, or a deadline has passed.
    fn read_waker(&self) -> &Waker;

    /// Woken when the transport takes bytes again.
    fn write_waker(&self) -> &Waker;

    fn poll_read<B: BufMut>(
        &mut self,
        writer: &mut Writer<W>,
        buf: &mut B,
    ) -> Poll<io::Result<usize>>;
}

/// One transport for both directions, which the writer holds.
pub(crate) struct Joined<'a> {
    pub(crate) holds: bool,
    pub(crate) read_waker: &'a Waker,
    pub(crate) write_waker: &'a Waker,
}

impl<'a> Joined<'a> {
    /// All in one task.
    #[inline]
    pub(crate) fn new(holds: bool, waker: &'a Waker) -> Self {
        Self {
            holds,
            read_waker: waker,
            write_waker: waker,
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Source<S> for Joined<'_> {
    #[inline]
    fn holds(&self) -> bool {
        self.holds
    }

    #[inline]
    fn read_waker(&self) -> &Waker {
        self.read_waker
    }

    #[inline]
    fn write_waker(&self) -> &Waker {
        self.write_waker
    }

    #[inline(always)]
    fn poll_read<B: BufMut>(
        &mut self,
        writer: &mut Writer<S>,
        buf: &mut B,
    ) -> Poll<io::Result<usize>> {
        let cx = &mut Context::from_waker(self.read_waker);
        poll_read_buf(Pin::new(writer.io_mut()), cx, buf)
    }
}
