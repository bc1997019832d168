use std::io;
use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::stream::delegate::delegate_io;
#[cfg(feature = "rustls")]
use crate::stream::lazy_tls::LazyTls;
use crate::stream::socket::Socket;
#[cfg(feature = "rustls")]
use crate::tls::TlsInfo;

/// The transport under a connection that a [`Listener`](crate::Listener) accepted.
///
/// What it is made of is not part of its type, see [`ClientStream`](crate::ClientStream).
#[derive(Debug)]
pub struct ServerStream {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Plain(Socket),
    #[cfg(feature = "rustls")]
    Tls(Box<LazyTls>),
}

impl ServerStream {
    /// Takes over an accepted socket, sets `TCP_NODELAY`, and speaks TLS on it.
    ///
    /// The TLS handshake belongs to the first read or write, so that it is done in the
    /// connection's own task and under the deadline of the opening handshake.
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
        Self {
            inner: Inner::Tls(Box::new(LazyTls::new(socket, config))),
        }
    }

    pub(crate) fn plain(socket: Socket) -> Self {
        Self {
            inner: Inner::Plain(socket),
        }
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// Where the system knows none, for instance because the connection is gone;
    /// [`io::ErrorKind::Unsupported`] on a Unix socket.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket()?.peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Where the system knows none; [`io::ErrorKind::Unsupported`] on a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket()?.local_addr()
    }

    /// What the TLS handshake agreed on; `None` without TLS, and before that handshake is
    /// complete. It is once [`Acceptor::read`](crate::Acceptor::read) has returned.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<TlsInfo> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Tls(tls) => tls.info(),
        }
    }

    fn socket(&self) -> io::Result<&Socket> {
        match &self.inner {
            Inner::Plain(socket) => Ok(socket),
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

delegate_io!(ServerStream, this => this.inner, Inner {
    Plain,
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
