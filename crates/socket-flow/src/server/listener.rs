use std::io;
use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use tokio::net::UnixListener;
use tokio::net::{TcpListener, ToSocketAddrs};
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ServerConfig;

use crate::server::listening::Listening;
use crate::server::peer_addr::PeerAddr;
use crate::stream::{ServerStream, Socket};
#[cfg(feature = "rustls")]
use crate::tls::alpn;

/// A listening socket that hands out [`ServerStream`]s: TCP, or a Unix socket.
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
    socket: Listening,
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

    /// What a budget is charged for the TLS of each connection.
    pub(crate) fn tls_share(&self) -> usize {
        #[cfg(feature = "rustls")]
        if self.tls.is_some() {
            return crate::tls::BUDGET_SHARE;
        }
        0
    }

    /// Speaks TLS on every connection: [`ServerTls`](crate::tls::ServerTls) makes common
    /// configurations, rustls any.
    ///
    /// [`accept`](Self::accept) does not wait for the TLS handshake: that belongs to the first
    /// read of the stream, and so to the deadline of whoever accepts a WebSocket on it.
    ///
    /// A configuration that is shared with an HTTP server may offer `h2` by ALPN. `h2` is left out
    /// here, and `http/1.1` offered where nothing is left: whoever asks for a page then does not agree
    /// on HTTP/2, which is not spoken.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, config: impl Into<Arc<ServerConfig>>) -> Self {
        self.tls = Some(alpn::for_server(config.into()));
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
    pub async fn accept(&self) -> (ServerStream, PeerAddr) {
        let (socket, peer) = persist(|| self.socket.accept()).await;
        (self.stream(socket), peer)
    }

    /// The address it listens on, with the port the system chose.
    ///
    /// # Errors
    /// Where the system knows none; [`io::ErrorKind::Unsupported`] on a Unix socket.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn new(socket: Listening) -> Self {
        Self {
            socket,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    fn stream(&self, socket: Socket) -> ServerStream {
        #[cfg(feature = "rustls")]
        if let Some(config) = &self.tls {
            return ServerStream::over_tls(socket, Arc::clone(config));
        }
        ServerStream::plain(socket)
    }
}

impl From<TcpListener> for Listener {
    /// Takes over a listening socket, for options this type does not know.
    fn from(tcp: TcpListener) -> Self {
        Self::new(Listening::Tcp(tcp))
    }
}

#[cfg(unix)]
impl From<UnixListener> for Listener {
    /// Takes over a listening socket. Its file stays when it is dropped.
    fn from(unix: UnixListener) -> Self {
        Self::new(Listening::Unix(unix))
    }
}

/// Accepts, however often it takes.
async fn persist<T, F>(mut accept: impl FnMut() -> F) -> T
where
    F: Future<Output = io::Result<T>>,
{
    let mut is_known = false;
    loop {
        match accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                if !is_known {
                    tracing::warn!(%error, "cannot accept connections");
                    is_known = true;
                }
                tokio::time::sleep(PAUSE).await;
            }
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

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    /// Accepts with these results, the last first; how long it took, in ms.
    async fn accept(mut results: Vec<io::Result<u8>>) -> (u8, u128, usize) {
        let start = Instant::now();
        let accepted = persist(|| std::future::ready(results.pop().unwrap())).await;
        (accepted, start.elapsed().as_millis(), results.len())
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_out_of_descriptors_tries_again_after_a_pause_each_time() {
        const EMFILE: i32 = 24;
        const ENFILE: i32 = 23;
        let exhausted = |code| Err(io::Error::from_raw_os_error(code));
        let results = vec![
            Ok(2),
            Ok(1),
            exhausted(ENFILE),
            exhausted(EMFILE),
            exhausted(EMFILE),
        ];
        assert_eq!(accept(results).await, (1, 300, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_died_before_it_was_accepted_costs_no_pause() {
        let aborted = || Err(io::ErrorKind::ConnectionAborted.into());
        assert_eq!(accept(vec![Ok(1), aborted(), aborted()]).await, (1, 0, 0));
    }
}
