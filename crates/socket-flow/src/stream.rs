use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The transport under a connection that [`connect`](crate::connect) opened.
///
/// What it is made of is not part of its type: TCP today, which leaves room for TLS, proxies and
/// Unix sockets without breaking a signature. To bring a stream of your own, use
/// [`ClientBuilder::connect_on`](crate::ClientBuilder::connect_on).
#[derive(Debug)]
pub struct ClientStream {
    tcp: TcpStream,
}

impl ClientStream {
    /// `TCP_NODELAY` is set by whoever opened the socket.
    pub(crate) fn new(tcp: TcpStream) -> Self {
        Self { tcp }
    }
}

/// The transport under a connection that a [`Listener`](crate::Listener) accepted.
///
/// What it is made of is not part of its type, see [`ClientStream`].
#[derive(Debug)]
pub struct ServerStream {
    tcp: TcpStream,
}

impl From<TcpStream> for ServerStream {
    /// Takes over an accepted socket and sets `TCP_NODELAY`: without it small replies wait for
    /// the peer's delayed acknowledgements.
    fn from(tcp: TcpStream) -> Self {
        // It fails where the peer is already gone, which the first read tells better.
        let _ = tcp.set_nodelay(true);
        Self { tcp }
    }
}

macro_rules! tcp_stream {
    ($stream:ty) => {
        impl $stream {
            /// The address of the other end.
            ///
            /// # Errors
            /// Where the system knows none, for instance because the connection is gone.
            pub fn peer_addr(&self) -> io::Result<SocketAddr> {
                self.tcp.peer_addr()
            }

            /// The address of this end.
            ///
            /// # Errors
            /// Where the system knows none.
            pub fn local_addr(&self) -> io::Result<SocketAddr> {
                self.tcp.local_addr()
            }
        }

        impl AsyncRead for $stream {
            #[inline]
            fn poll_read(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.tcp).poll_read(cx, buf)
            }
        }

        impl AsyncWrite for $stream {
            #[inline]
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &[u8],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.tcp).poll_write(cx, buf)
            }

            #[inline]
            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                Pin::new(&mut self.tcp).poll_write_vectored(cx, bufs)
            }

            #[inline]
            fn is_write_vectored(&self) -> bool {
                self.tcp.is_write_vectored()
            }

            #[inline]
            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Pin::new(&mut self.tcp).poll_flush(cx)
            }

            #[inline]
            fn poll_shutdown(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
            ) -> Poll<io::Result<()>> {
                Pin::new(&mut self.tcp).poll_shutdown(cx)
            }
        }
    };
}

tcp_stream!(ClientStream);
tcp_stream!(ServerStream);

#[cfg(test)]
mod tests {
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
        assert!(stream.tcp.nodelay().unwrap());
        assert_eq!(stream.peer_addr().unwrap(), client.local_addr().unwrap());
        assert_eq!(stream.local_addr().unwrap(), address);
        // Messages are gathered from several buffers without a copy.
        assert!(stream.is_write_vectored());
    }
}
