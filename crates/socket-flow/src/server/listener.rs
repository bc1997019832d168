use std::io;
use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ServerConfig;

use crate::stream::ServerStream;

/// A TCP socket that hands out [`ServerStream`]s.
///
/// It does not shake hands: that is [`accept`](crate::accept)'s work, in a task of its own, so
/// that a silent client keeps nobody else waiting.
///
/// ```no_run
/// # async fn serve() -> std::io::Result<()> {
/// let listener = socket_flow::Listener::bind("127.0.0.1:9001").await?;
/// loop {
///     let (stream, peer) = listener.accept().await;
///     tokio::spawn(async move {
///         match socket_flow::accept(stream).await {
///             Ok(_ws) => { /* talk */ }
///             Err(error) => eprintln!("{peer}: {error}"),
///         }
///     });
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Listener {
    tcp: TcpListener,
    #[cfg(feature = "rustls")]
    tls: Option<Arc<ServerConfig>>,
}

impl Listener {
    /// Listens on the first of the addresses that can be bound; port 0 lets the system choose.
    ///
    /// # Errors
    /// No address can be resolved or bound.
    ///
    /// # Cancel safety
    /// Nothing is bound when the future is dropped before it is ready.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<Self> {
        TcpListener::bind(addr).await.map(Self::from)
    }

    /// Speaks TLS on every connection: [`ServerTls`](crate::tls::ServerTls) makes common
    /// configurations, rustls any.
    ///
    /// [`accept`](Self::accept) does not wait for the TLS handshake: that belongs to the first
    /// read of the stream, and so to the deadline of whoever accepts a WebSocket on it.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<ServerConfig>>) -> Self {
        self.tls = Some(config.into());
        self
    }

    /// Waits for the next connection and sets `TCP_NODELAY` on it.
    ///
    /// It does not fail: a connection that died before it was accepted is skipped, and where the
    /// process or the system is out of resources (`EMFILE` and its like) it waits 100 ms before it
    /// tries again, for nothing else would help and returning would only make a busy loop.
    ///
    /// # Cancel safety
    /// No connection is lost when the future is dropped.
    pub async fn accept(&self) -> (ServerStream, SocketAddr) {
        loop {
            match self.tcp.accept().await {
                Ok((tcp, peer)) => return (self.stream(tcp), peer),
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "cannot accept connections");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// The address it listens on, with the port the system chose.
    ///
    /// # Errors
    /// Where the system knows none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }

    fn stream(&self, tcp: TcpStream) -> ServerStream {
        #[cfg(feature = "rustls")]
        if let Some(config) = &self.tls {
            return ServerStream::encrypted(tcp, Arc::clone(config));
        }
        tcp.into()
    }
}

impl From<TcpListener> for Listener {
    /// Takes over a listening socket, for options this type does not know.
    fn from(tcp: TcpListener) -> Self {
        Self {
            tcp,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

/// Long enough to cost nothing, short enough that no client notices.
const PAUSE: Duration = Duration::from_millis(100);
