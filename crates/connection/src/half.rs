use std::any::Any;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Splits a transport: a `TcpStream` into halves that share nothing but the
/// socket, anything else behind tokio's lock.
pub(crate) fn split<S>(io: S) -> (ReadSide<S>, WriteSide<S>)
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let mut io = Some(io);
    let tcp = (&mut io as &mut dyn Any)
        .downcast_mut::<Option<TcpStream>>()
        .and_then(Option::take);
    match (tcp, io) {
        (Some(tcp), _) => {
            let (read, write) = tcp.into_split();
            (ReadSide::Tcp(read), WriteSide::Tcp(write))
        }
        (None, Some(io)) => {
            let (read, write) = tokio::io::split(io);
            (ReadSide::Other(read), WriteSide::Other(write))
        }
        (None, None) => unreachable!("io was set above, and only a TcpStream is taken"),
    }
}

/// The read half of a transport.
#[derive(Debug)]
pub(crate) enum ReadSide<S> {
    Tcp(OwnedReadHalf),
    Other(ReadHalf<S>),
}

impl<S: AsyncRead + Unpin> AsyncRead for ReadSide<S> {
    #[inline]
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_read(cx, buf),
            Self::Other(half) => Pin::new(half).poll_read(cx, buf),
        }
    }
}

/// The write half of a transport.
#[derive(Debug)]
pub(crate) enum WriteSide<S> {
    Tcp(OwnedWriteHalf),
    Other(WriteHalf<S>),
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteSide<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_write(cx, buf),
            Self::Other(half) => Pin::new(half).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_write_vectored(cx, bufs),
            Self::Other(half) => Pin::new(half).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(half) => half.is_write_vectored(),
            Self::Other(half) => half.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_flush(cx),
            Self::Other(half) => Pin::new(half).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(half) => Pin::new(half).poll_shutdown(cx),
            Self::Other(half) => Pin::new(half).poll_shutdown(cx),
        }
    }
}
