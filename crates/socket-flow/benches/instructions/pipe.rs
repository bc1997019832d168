//! A connection whose peer is in memory, polled by hand: no runtime is counted, only the stream's
//! copy into the read buffer is, which a socket's kernel would do.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use socket_flow_connection::{Config, Negotiated, Role, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::runtime::{Builder, Runtime};

/// A peer that sends a round of bytes, and sends it again once it was asked in vain, for ever.
///
/// `N` only tells types apart. What a connection does is generated for each type of stream, and
/// the compiler inlines most of it where it has one caller, as in a program that does one thing.
/// So what calls the same things has a type of its own, in a file of its own: then a new cell
/// hardly changes the others' counts.
pub(crate) struct Pipe<const N: usize> {
    pub(crate) round: Vec<u8>,
    at: usize,
    pub(crate) written: usize,
}

impl<const N: usize> Pipe<N> {
    pub(crate) fn new(round: Vec<u8>) -> Self {
        Self {
            round,
            at: 0,
            written: 0,
        }
    }

    /// Sends the round again, though nobody has asked in vain.
    pub(crate) fn rewind(&mut self) {
        self.at = 0;
    }
}

impl<const N: usize> AsyncRead for Pipe<N> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.round[self.at..];
        if rest.is_empty() {
            self.at = 0;
            return Poll::Pending;
        }
        // No more than a socket's buffer holds.
        let count = rest.len().min(buf.remaining()).min(128 << 10);
        buf.put_slice(&rest[..count]);
        self.at += count;
        Poll::Ready(Ok(()))
    }
}

impl<const N: usize> AsyncWrite for Pipe<N> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.written += buf.len();
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let count = bufs.iter().map(|buf| buf.len()).sum();
        self.written += count;
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A server's connection, to a peer that sends `round`.
pub(crate) fn open<const N: usize>(round: Vec<u8>, negotiated: Negotiated) -> WebSocket<Pipe<N>> {
    open_with(round, negotiated, Config::new())
}

/// The same, with this configuration.
pub(crate) fn open_with<const N: usize>(
    round: Vec<u8>,
    negotiated: Negotiated,
    config: Config,
) -> WebSocket<Pipe<N>> {
    WebSocket::from_parts(
        Pipe::new(round),
        BytesMut::new(),
        Role::Server,
        negotiated,
        config,
    )
}

/// To enter: its clock is there for timers; it never runs.
pub(crate) fn clock() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime")
}

/// Polls to the end: the stream is always ready when it is asked twice.
#[inline] // generated next to what it polls, so that no cell's depends on another's
pub(crate) fn finish<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
