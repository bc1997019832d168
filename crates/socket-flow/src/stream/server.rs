use std::io;
use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;

use tokio::net::TcpStream;

use crate::stream::delegate::delegate_io;
#[cfg(feature = "rustls")]
use crate::stream::lazy_tls::LazyTls;
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
    Tcp(TcpStream),
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
        set_nodelay(&tcp);
        Self {
            inner: Inner::Tls(Box::new(LazyTls::new(tcp, config.into()))),
        }
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// Where the system knows none, for instance because the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp()?.peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Where the system knows none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp()?.local_addr()
    }

    /// What the TLS handshake agreed on; `None` without TLS, and before that handshake is
    /// complete. It is once [`Acceptor::read`](crate::Acceptor::read) has returned.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<TlsInfo> {
        match &self.inner {
            Inner::Tcp(_) => None,
            Inner::Tls(tls) => tls.info(),
        }
    }

    fn tcp(&self) -> io::Result<&TcpStream> {
        match &self.inner {
            Inner::Tcp(tcp) => Ok(tcp),
            #[cfg(feature = "rustls")]
            Inner::Tls(tls) => tls.tcp().ok_or_else(|| io::ErrorKind::NotConnected.into()),
        }
    }
}

impl From<TcpStream> for ServerStream {
    /// Takes over an accepted socket and sets `TCP_NODELAY`: without it small replies wait for
    /// the peer's delayed acknowledgements.
    fn from(tcp: TcpStream) -> Self {
        set_nodelay(&tcp);
        Self {
            inner: Inner::Tcp(tcp),
        }
    }
}

delegate_io!(ServerStream, this => this.inner, Inner {
    Tcp,
    #[cfg(feature = "rustls")]
    Tls,
});

fn set_nodelay(tcp: &TcpStream) {
    // It fails where the peer is already gone, which the first read tells better.
    let _ = tcp.set_nodelay(true);
}

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
        assert!(stream.tcp().unwrap().nodelay().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        assert_eq!(stream.local_addr().unwrap(), address);
        // Messages are gathered from several buffers without a copy.
        assert!(stream.is_write_vectored());
    }
}
