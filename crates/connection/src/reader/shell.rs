use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::io::poll_read_buf;

use crate::half::{ReadSide, WriteSide};
use crate::writer::Writer;

/// What the driver is run with in one poll: where bytes come from, where they
/// go, who is woken, and what the caller wants.
pub(crate) struct Shell<'a, R, W: AsyncWrite + Unpin> {
    pub(crate) source: R,
    pub(crate) writer: &'a mut Writer<W>,
    pub(crate) wants: Wants,
    /// Whether a message is held back while the write queue is full: so that a
    /// caller that queues one reply for each message never finds it full. Not
    /// where another task feeds the queue and may do so for ever.
    pub(crate) holds: bool,
    /// Woken when there is something to read, or a deadline has passed.
    pub(crate) read_waker: &'a Waker,
    /// Woken when the transport takes bytes again.
    pub(crate) write_waker: &'a Waker,
}

impl<'a, S: AsyncWrite + Unpin> Shell<'a, Joined, S> {
    /// All in one task.
    #[inline(always)]
    pub(crate) fn joined(
        writer: &'a mut Writer<S>,
        wants: Wants,
        holds: bool,
        waker: &'a Waker,
    ) -> Self {
        Self {
            source: Joined,
            writer,
            wants,
            holds,
            read_waker: waker,
            write_waker: waker,
        }
    }
}

impl<R: Source<W>, W: AsyncWrite + Unpin> Shell<'_, R, W> {
    #[inline(always)]
    pub(super) fn poll_read<B: BufMut>(&mut self, buf: &mut B) -> Poll<io::Result<usize>> {
        let io = Pin::new(self.source.io(self.writer));
        poll_read_buf(io, &mut Context::from_waker(self.read_waker), buf)
    }
}

/// What a call is to be handed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wants {
    /// Data messages.
    Message,
    /// Control frames as well.
    Event,
    /// Nothing: a message is kept for later.
    Nothing,
}

/// Where bytes come from.
pub(crate) trait Source<W: AsyncWrite + Unpin> {
    type Io: AsyncRead + Unpin;

    fn io<'a>(&'a mut self, writer: &'a mut Writer<W>) -> &'a mut Self::Io;
}

/// The writer's transport, for both directions.
pub(crate) struct Joined;

impl<S: AsyncRead + AsyncWrite + Unpin> Source<S> for Joined {
    type Io = S;

    #[inline(always)]
    fn io<'a>(&'a mut self, writer: &'a mut Writer<S>) -> &'a mut S {
        writer.io_mut()
    }
}

/// A read half of its own.
impl<S: AsyncRead + AsyncWrite + Unpin> Source<WriteSide<S>> for &mut ReadSide<S> {
    type Io = ReadSide<S>;

    #[inline(always)]
    fn io<'a>(&'a mut self, _: &'a mut Writer<WriteSide<S>>) -> &'a mut ReadSide<S> {
        self
    }
}
