use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::server::control::Alive;

/// A running server: its address, its connections, its end.
///
/// Clones are the same server. It runs until [`shutdown`](Self::shutdown), or
/// until nothing can reach it any more: the last handle is dropped, and with
/// [`serve`](crate::ServerBuilder::serve) its events too. Then all connections
/// are closed with 1001, within 5 s.
#[derive(Clone, Debug)]
#[must_use = "the server stops when its last handle is dropped"]
pub struct ServerHandle {
    alive: Arc<Alive>,
    local_addr: Option<SocketAddr>,
}

impl ServerHandle {
    pub(crate) fn new(alive: Arc<Alive>, local_addr: Option<SocketAddr>) -> Self {
        Self { alive, local_addr }
    }

    /// The address it listens on, with the port the system chose.
    ///
    /// # Errors
    /// [`io::ErrorKind::Unsupported`] on a Unix socket, which has none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr
            .ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// How many connections are open; opening handshakes do not count.
    pub fn connections(&self) -> usize {
        self.alive.control().connections()
    }

    /// Stops the server: it accepts nothing more, sends a Close with 1001 to
    /// everyone after what is queued, and waits for the closing handshakes.
    /// A request that waits for [`admit`](crate::ServerBuilder::admit) gets 503,
    /// and answers in plain HTTP that have begun are finished. After `grace` it
    /// drops the connections that are left.
    ///
    /// A second call waits for the same end, which it can bring forward. The 5 s
    /// of a server whose events were dropped give way to `grace`.
    ///
    /// # Cancel safety
    /// The server stops also where the future is dropped.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use socket_flow::{Server, ServerStream, WebSocket};
    ///
    /// let handle = Server::bind("127.0.0.1:0")
    ///     .serve_with(|mut ws: WebSocket<ServerStream>, _request| async move {
    ///         while let Some(message) = ws.recv().await? {
    ///             ws.queue(message)?;
    ///         }
    ///         Ok::<_, socket_flow::Error>(())
    ///     })
    ///     .await?;
    /// let (mut ws, _) = socket_flow::connect(&format!("ws://{}", handle.local_addr()?)).await?;
    ///
    /// let stopping = tokio::spawn(async move { handle.shutdown(Duration::from_secs(5)).await });
    /// assert_eq!(ws.recv().await?, None);
    /// assert_eq!(ws.close_frame().map(|frame| frame.code.as_u16()), Some(1001));
    /// assert_eq!(stopping.await?.dropped, 0);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn shutdown(&self, grace: Duration) -> ShutdownOutcome {
        self.alive.control().stop(grace);
        self.closed().await
    }

    /// Waits until the server has stopped: all its connections are closed, all
    /// its tasks ended.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn closed(&self) -> ShutdownOutcome {
        let control = self.alive.control();
        control.closed.cancelled().await;
        ShutdownOutcome {
            dropped: control.dropped(),
        }
    }
}

/// How a server ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownOutcome {
    /// Connections that had not ended when the grace period was over, and were
    /// dropped. Opening handshakes, and answers in plain HTTP, do not count.
    pub dropped: usize,
}
