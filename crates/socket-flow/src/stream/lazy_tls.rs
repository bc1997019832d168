use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, TlsAcceptor};

use crate::stream::socket::Socket;
use crate::tls::TlsInfo;

/// A server's TLS whose handshake is driven by whoever first reads or writes.
///
/// ```text
///   Handshake ──▶ Open
///       └───────▶ Failed    the socket is closed, the error was returned once
/// ```
pub(crate) enum LazyTls {
    Handshake(Accept<Socket>),
    Open(TlsStream<Socket>),
    Failed,
}

impl LazyTls {
    pub(crate) fn new(socket: Socket, config: Arc<ServerConfig>) -> Self {
        Self::Handshake(TlsAcceptor::from(config).accept(socket))
    }

    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Handshake(accept) => accept.get_ref(),
            Self::Open(tls) => Some(tls.get_ref().0),
            Self::Failed => None,
        }
    }

    pub(crate) fn info(&self) -> Option<TlsInfo> {
        match self {
            Self::Open(tls) => {
                let (_, session) = tls.get_ref();
                Some(TlsInfo::new(session, session.server_name()))
            }
            Self::Handshake(_) | Self::Failed => None,
        }
    }

    /// The open stream, once the handshake is through.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<Socket>>>> {
        if let Self::Handshake(accept) = self {
            *self = match ready!(Pin::new(accept).poll(cx)) {
                Ok(tls) => Self::Open(tls),
                Err(error) => {
                    *self = Self::Failed;
                    return Poll::Ready(Err(error));
                }
            };
        }
        Poll::Ready(match self {
            Self::Open(tls) => Ok(Pin::new(tls)),
            Self::Handshake(_) | Self::Failed => Err(io::ErrorKind::NotConnected.into()),
        })
    }
}

impl AsyncRead for LazyTls {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(cx))?.poll_read(cx, buf)
    }
}

impl AsyncWrite for LazyTls {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(cx))?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Handshake(accept) => match accept.get_mut() {
                Some(tcp) => Pin::new(tcp).poll_shutdown(cx),
                None => Poll::Ready(Ok(())),
            },
            Self::Open(tls) => Pin::new(tls).poll_shutdown(cx),
            Self::Failed => Poll::Ready(Ok(())),
        }
    }
}

impl std::fmt::Debug for LazyTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Handshake(_) => "Handshake",
            Self::Open(_) => "Open",
            Self::Failed => "Failed",
        })
    }
}
