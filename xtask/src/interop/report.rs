//! What the programs say about each connection, a line of JSON each.

use serde::Deserialize;

use crate::interop::negotiation::Agreed;

/// What a client says about one exchange.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ClientReport {
    pub(crate) id: String,
    /// Nothing where the connection was not opened.
    pub(crate) opened: Option<Opened>,
    /// The status of an answer that refused the connection.
    pub(crate) refused: Option<u16>,
    /// How many messages came back as they were sent.
    pub(crate) messages: usize,
    pub(crate) pongs: Vec<String>,
    /// The Close that was received.
    pub(crate) close: Option<Close>,
    /// What came through the socket, the handshake included; only their ends count it.
    pub(crate) wire_bytes: Option<usize>,
    pub(crate) error: Option<String>,
}

/// What a client was told by the handshake.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Opened {
    /// The server's `Sec-WebSocket-Extensions`.
    pub(crate) answer: String,
    pub(crate) deflate: Option<Agreed>,
    pub(crate) subprotocol: Option<String>,
}

/// What a server says about one connection.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ServerReport {
    pub(crate) case: String,
    /// The client's `Sec-WebSocket-Extensions`.
    pub(crate) offer: String,
    /// Its own.
    pub(crate) answer: String,
    pub(crate) deflate: Option<Agreed>,
    pub(crate) subprotocol: Option<String>,
    /// How many messages were received.
    pub(crate) messages: usize,
    /// SHA-1 over all of them, each behind a line with its kind and length.
    pub(crate) sha1: String,
    pub(crate) pongs: Vec<String>,
    pub(crate) close: Option<Close>,
    /// What came through the socket, the handshake included; only their ends count it.
    pub(crate) wire_bytes: Option<usize>,
    pub(crate) error: Option<String>,
}

/// A listener that a server has opened.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Listener {
    pub(crate) listener: usize,
    pub(crate) port: u16,
}

/// A Close frame; the code is 1005 where it carried none.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Close {
    pub(crate) code: u16,
    pub(crate) reason: String,
}
