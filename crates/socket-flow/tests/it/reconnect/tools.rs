//! A network of in-memory pipes, and a client that dials on it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow::{
    Acceptor, Backoff, ClientBuilder, DisconnectCause, ReconnectEvent, Reconnecting, WebSocket,
};
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

pub(crate) type Client = Reconnecting<DuplexStream>;

/// The server's end of the network.
pub(crate) struct Network {
    dialled: mpsc::UnboundedReceiver<DuplexStream>,
    /// How many of the next attempts are refused.
    pub(crate) refusals: Arc<AtomicUsize>,
}

impl Network {
    /// A client that is not polled yet; its delays are not drawn at random.
    pub(crate) fn new(backoff: Backoff) -> (Client, Self) {
        let (dials, dialled) = mpsc::unbounded_channel();
        let refusals = Arc::new(AtomicUsize::new(0));
        let refused = Arc::clone(&refusals);
        let client =
            ClientBuilder::new("ws://pipe/").reconnect_on(backoff.jitter(false), move || {
                let less = |left: usize| left.checked_sub(1);
                let is_refused = refused
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
                    .is_ok();
                let (near, far) = tokio::io::duplex(1 << 16);
                let sent = dials.send(far);
                async move {
                    match is_refused {
                        true => Err(io::ErrorKind::ConnectionRefused.into()),
                        false => sent.map(|()| near).map_err(io::Error::other),
                    }
                }
            });
        (client, Self { dialled, refusals })
    }

    pub(crate) async fn dialled(&mut self) -> DuplexStream {
        self.dialled.recv().await.unwrap()
    }

    pub(crate) async fn accept(&mut self) -> WebSocket<DuplexStream> {
        let stream = self.dialled().await;
        Acceptor::new().accept(stream).await.unwrap()
    }

    /// Both ends of the next connection.
    pub(crate) async fn open(&mut self, client: &mut Client) -> WebSocket<DuplexStream> {
        let (event, server) = tokio::join!(client.next(), self.accept());
        assert!(
            matches!(event, Some(ReconnectEvent::Connected(_))),
            "{event:?}"
        );
        server
    }
}

/// The next event, which must be the loss of the connection.
pub(crate) async fn disconnected(client: &mut Client) -> (DisconnectCause, Option<Duration>) {
    match client.next().await {
        Some(ReconnectEvent::Disconnected { cause, retry_in }) => (cause, retry_in),
        other => panic!("{other:?}"),
    }
}
