use std::io;
use std::mem;
use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use socket_flow_protocol::Budget;
use tokio::io::Empty;
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::stream::delegate::delegate_io;
#[cfg(feature = "rustls")]
use crate::stream::lazy_tls::LazyTls;
use crate::stream::linger_slot::{LingerSlot, ReclaimOnDrop};
use crate::stream::socket::Socket;
#[cfg(feature = "rustls")]
use crate::tls::TlsInfo;

/// The transport under a connection that a [`Listener`](crate::Listener) accepted.
///
/// What it is made of is not part of its type, see [`ClientStream`](crate::ClientStream).
#[derive(Debug)]
pub struct ServerStream {
    inner: Inner,
    reclaim: ReclaimOnDrop<Self>,
}

#[derive(Debug)]
enum Inner {
    Plain(Socket),
    #[cfg(feature = "rustls")]
    Tls(Box<LazyTls>),
    /// The transport is in the [`LingerSlot`]: only ever seen by the destructor.
    Reclaimed(Empty),
}

impl ServerStream {
    /// Takes over an accepted socket, sets `TCP_NODELAY`, and speaks TLS on it.
    ///
    /// The TLS handshake belongs to the first read or write, so that it is done in the
    /// connection's own task and under the deadline of the opening handshake.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use socket_flow::ServerStream;
    /// use socket_flow::tls::{Identity, ServerTls};
    ///
    /// # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
    /// let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
    /// let config = Arc::new(ServerTls::new(identity).build()?);
    /// let listener = tokio::net::TcpListener::bind("[::]:443").await?;
    /// let (tcp, _peer) = listener.accept().await?;
    /// let ws = socket_flow::accept(ServerStream::encrypted(tcp, config)).await?;
    /// # drop(ws);
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "rustls")]
    pub fn encrypted(
        tcp: TcpStream,
        config: impl Into<Arc<tokio_rustls::rustls::ServerConfig>>,
    ) -> Self {
        Self::over_tls(Socket::tcp(tcp), config.into())
    }

    #[cfg(feature = "rustls")]
    pub(crate) fn over_tls(
        socket: Socket,
        config: Arc<tokio_rustls::rustls::ServerConfig>,
    ) -> Self {
        Self::new(Inner::Tls(Box::new(LazyTls::new(socket, config))))
    }

    pub(crate) fn plain(socket: Socket) -> Self {
        Self::new(Inner::Plain(socket))
    }

    fn new(inner: Inner) -> Self {
        Self {
            inner,
            reclaim: ReclaimOnDrop::nowhere(),
        }
    }

    /// Charges a budget for what TLS keeps, if it speaks TLS, as long as this lives.
    pub(crate) fn charge(&mut self, budget: &Budget) {
        #[cfg(feature = "rustls")]
        if let Inner::Tls(tls) = &mut self.inner {
            tls.charge(budget);
        }
        #[cfg(not(feature = "rustls"))]
        let _ = budget;
    }

    /// Lets the caller have the transport when this is dropped.
    pub(crate) fn reclaim_on_drop(&mut self) -> LingerSlot<Self> {
        let slot = LingerSlot::new();
        self.reclaim = slot.reclaim_on_drop();
        slot
    }

    /// Has the kernel ask for more only when it has sent nearly all it was given, so that what it
    /// takes shows how fast the client reads. Only where it can; it costs a fast client nothing.
    pub(crate) fn keep_little_unsent(&self) {
        if let Ok(socket) = self.socket() {
            socket.keep_little_unsent();
        }
    }

    /// The address of the other end. An IPv4 address on a socket of both families is shown as one.
    ///
    /// # Errors
    /// Where the system knows none, for instance because the connection is gone;
    /// [`io::ErrorKind::NotConnected`] during a TLS handshake;
    /// [`io::ErrorKind::Unsupported`] on a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket()?.peer_addr()
    }

    /// The address of this end, shown alike.
    ///
    /// # Errors
    /// Where the system knows none; [`io::ErrorKind::NotConnected`] during a TLS handshake;
    /// [`io::ErrorKind::Unsupported`] on a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket()?.local_addr()
    }

    /// What the TLS handshake agreed on; `None` without TLS, and before that handshake is
    /// complete. It is once [`Acceptor::read`](crate::Acceptor::read) has returned.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<TlsInfo> {
        match &self.inner {
            Inner::Plain(_) | Inner::Reclaimed(_) => None,
            Inner::Tls(tls) => tls.info(),
        }
    }

    fn socket(&self) -> io::Result<&Socket> {
        match &self.inner {
            Inner::Plain(socket) => Ok(socket),
            Inner::Reclaimed(_) => Err(io::ErrorKind::NotConnected.into()),
            #[cfg(feature = "rustls")]
            Inner::Tls(tls) => tls
                .socket()
                .ok_or_else(|| io::ErrorKind::NotConnected.into()),
        }
    }
}

impl From<TcpStream> for ServerStream {
    /// Takes over an accepted socket and sets `TCP_NODELAY`: without it small replies wait for
    /// the peer's delayed acknowledgements.
    fn from(tcp: TcpStream) -> Self {
        Self::plain(Socket::tcp(tcp))
    }
}

#[cfg(unix)]
impl From<UnixStream> for ServerStream {
    /// Takes over an accepted socket.
    fn from(unix: UnixStream) -> Self {
        Self::plain(Socket::Unix(unix))
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        let inner = &mut self.inner;
        self.reclaim
            .put(|| Self::new(mem::replace(inner, Inner::Reclaimed(tokio::io::empty()))));
    }
}

delegate_io!(ServerStream, this => this.inner, Inner {
    Plain,
    Reclaimed,
    #[cfg(feature = "rustls")]
    Tls,
});

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWrite;
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn accepted_sockets_send_small_messages_at_once() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (client, (tcp, _)) = (client.unwrap(), accepted.unwrap());
        assert!(!tcp.nodelay().unwrap());
        let stream = ServerStream::from(tcp);
        let Socket::Tcp(accepted) = stream.socket().unwrap() else {
            panic!("another socket");
        };
        assert!(accepted.nodelay().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        assert_eq!(stream.local_addr().unwrap(), address);
        // Messages are gathered from several buffers without a copy.
        assert!(stream.is_write_vectored());
    }
}
