//! Servers and clients that are given by what they write.

use http::Response;
use socket_flow::{AcceptError, Acceptor, ClientBuilder, ConnectError, WebSocket};
use tokio::io::DuplexStream;

use crate::support::{Peer, REQUEST, switching_protocols};

pub(crate) type Connected = Result<(WebSocket<DuplexStream>, Response<()>), ConnectError>;

/// Connects to a server that is given by what it does.
pub(crate) async fn connect_to<F: Future>(
    builder: ClientBuilder,
    server: impl FnOnce(Peer) -> F,
) -> (Connected, F::Output) {
    let (near, peer) = Peer::pair();
    tokio::join!(builder.connect_on(near), server(peer))
}

pub(crate) fn client() -> ClientBuilder {
    ClientBuilder::new("ws://server.example.com/chat")
}

/// Connects to a server that answers with this, made of a correct 101, and closes.
pub(crate) async fn connect_to_answer(
    builder: ClientBuilder,
    answer: impl FnOnce(String) -> String,
) -> Connected {
    connect_to(builder, async |mut peer: Peer| {
        let request = peer.head().await;
        peer.send(answer(switching_protocols(&request))).await;
    })
    .await
    .0
}

/// The 101 for [`REQUEST`], whose accept value is that of RFC 6455 §1.3.
pub(crate) const SWITCHING_PROTOCOLS: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// [`REQUEST`] without the headers that begin with this.
pub(crate) fn without(name: &str) -> String {
    REQUEST
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with(name))
        .collect()
}

/// [`REQUEST`] with one more header, or several lines of them.
pub(crate) fn with(lines: &str) -> String {
    let (head, _) = REQUEST.split_once("\r\n\r\n").unwrap();
    format!("{head}\r\n{lines}\r\n\r\n")
}

/// Sends this to a server with these settings; returns its error and all it wrote.
pub(crate) async fn refused(
    acceptor: &Acceptor,
    request: impl AsRef<[u8]>,
) -> (AcceptError, String) {
    let (near, mut peer) = Peer::pair();
    peer.send(request).await;
    // The end of our direction is what the server waits for.
    peer.shut_down().await;
    let (accepted, answer) = tokio::join!(acceptor.accept(near), peer.rest());
    (accepted.unwrap_err(), answer)
}
