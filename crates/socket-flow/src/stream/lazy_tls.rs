use std::future::Future;
use std::io::{self, IoSlice};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket_flow_protocol::{Budget, Lease, Purpose};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{Accept, FallibleAccept, TlsAcceptor};

use crate::stream::socket::Socket;
use crate::tls::{BUDGET_SHARE, TlsInfo};

/// A server's TLS whose handshake is driven by whoever first reads or writes.
///
/// ```text
///   Waiting ──▶ Handshake ──▶ Open
///                   └───────▶ Failed
/// ```
pub(crate) struct LazyTls {
    state: State,
    /// What it is charged of a budget.
    memory: Option<Lease>,
}

enum State {
    Waiting(Accept<Socket>),
    Handshake(FallibleAccept<Socket>),
    Open(TlsStream<Socket>),
    /// The error was returned once. The socket is kept, because closing it with unread bytes in
    /// it could destroy the alert on its way; what is read from it is data to nobody.
    Failed(Socket),
    /// Between two of these; never seen.
    Moving,
}

impl LazyTls {
    pub(crate) fn new(socket: Socket, config: Arc<ServerConfig>) -> Self {
        Self {
            state: State::Waiting(TlsAcceptor::from(config).accept(socket)),
            memory: None,
        }
    }

    /// Charges [`BUDGET_SHARE`] for as long as this lives, whether there is room or not.
    pub(crate) fn charge(&mut self, budget: &Budget) {
        let memory = self.memory.insert(budget.lease(Purpose::Tls));
        memory.set(BUDGET_SHARE);
    }

    pub(crate) fn socket(&self) -> Option<&Socket> {
        match &self.state {
            State::Waiting(accept) => accept.get_ref(),
            State::Open(tls) => Some(tls.get_ref().0),
            State::Failed(socket) => Some(socket),
            State::Handshake(_) | State::Moving => None,
        }
    }

    pub(crate) fn info(&self) -> Option<TlsInfo> {
        match &self.state {
            State::Open(tls) => {
                let (_, session) = tls.get_ref();
                Some(TlsInfo::new(session, session.server_name()))
            }
            _ => None,
        }
    }
}

impl State {
    /// The open stream, once the handshake is through.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Pin<&mut TlsStream<Socket>>>> {
        if let Self::Waiting(_) = self {
            *self = match mem::replace(self, Self::Moving) {
                Self::Waiting(accept) => Self::Handshake(accept.into_fallible()),
                other => other,
            };
        }
        if let Self::Handshake(accept) = self {
            *self = match ready!(Pin::new(accept).poll(cx)) {
                Ok(tls) => Self::Open(tls),
                Err((error, socket)) => {
                    *self = Self::Failed(socket);
                    return Poll::Ready(Err(error));
                }
            };
        }
        Poll::Ready(match self {
            Self::Open(tls) => Ok(Pin::new(tls)),
            _ => Err(io::ErrorKind::NotConnected.into()),
        })
    }

    /// Reads and throws away until the peer closes.
    fn poll_drain(socket: &mut Socket, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = [0; 4096];
        for _ in 0..DRAINED_AT_ONCE {
            let mut part = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut part))?;
            if part.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
        }
        // A task that woke itself would come before those whose sockets were not looked at.
        let _ = pin!(tokio::task::yield_now()).poll(cx);
        Poll::Pending
    }
}

impl AsyncRead for LazyTls {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Failed(socket) => State::poll_drain(socket, cx),
            state => ready!(state.poll_open(cx))?.poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for LazyTls {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let tls = ready!(self.get_mut().state.poll_open(cx))?;
        if buf.is_empty() {
            // It asks whether the peer is still there, which the socket alone knows.
            return Pin::new(tls.get_mut().get_mut().0).poll_write(cx, buf);
        }
        tls.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.get_mut().state.poll_open(cx))?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.get_mut().state.poll_open(cx))?.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().state {
            State::Open(tls) => Pin::new(tls).poll_shutdown(cx),
            State::Failed(socket) => Pin::new(socket).poll_shutdown(cx),
            // Nothing was said: dropping the socket ends it.
            State::Waiting(_) | State::Handshake(_) | State::Moving => Poll::Ready(Ok(())),
        }
    }
}

impl std::fmt::Debug for LazyTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.state {
            State::Waiting(_) => "Waiting",
            State::Handshake(_) => "Handshake",
            State::Open(_) => "Open",
            State::Failed(_) => "Failed",
            State::Moving => "Moving",
        })
    }
}

/// Reads thrown away before other tasks get their turn.
const DRAINED_AT_ONCE: usize = 64;
