use std::fmt;
use std::sync::Arc;

use bytes::BytesMut;
use http::{Request, Response};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::server::{self, Rejection};
use socket_flow_protocol::{Config, Lease, Negotiated, Role};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::acceptor::Acceptor;
use crate::server::contexts::within_budget;

impl Acceptor {
    /// Accepts a request that an HTTP server of yours has read: the 101 for it to send, and what
    /// becomes a connection on the stream that it then hands over.
    ///
    /// It decides as [`accept`](Self::accept) does, by the same settings; the head limits and the
    /// deadline of the handshake are those of the HTTP server. Only HTTP/1.1 is accepted.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use bytes::BytesMut;
    /// use http::Request;
    /// use socket_flow::Acceptor;
    ///
    /// # let (_client, stream) = tokio::io::duplex(1024);
    /// let request = Request::get("/chat")
    ///     .header("host", "example.com")
    ///     .header("upgrade", "websocket")
    ///     .header("connection", "Upgrade")
    ///     .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    ///     .header("sec-websocket-version", "13")
    ///     .body(())?;
    /// let (response, upgrade) = Acceptor::new().upgrade(&request)?;
    /// assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    /// // The server sends the response, and hands its stream over.
    /// let ws = upgrade.open(stream, BytesMut::new());
    /// # drop(ws);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A [`Rejection`], whose [`response`](Rejection::response) the server sends instead.
    pub fn upgrade<B>(&self, request: &Request<B>) -> Result<(Response<()>, Upgrade), Rejection> {
        let settings = &self.settings;
        let acceptance = server::decide(request, &settings.choices)?;
        let (acceptance, contexts) = within_budget(acceptance, &settings.config);
        let (response, negotiated) = acceptance.answer()?;
        let upgrade = Upgrade {
            negotiated,
            config: Arc::clone(&settings.config),
            _contexts: contexts,
        };
        Ok((response, upgrade))
    }
}

/// A request that an HTTP server of yours answers with 101: see [`Acceptor::upgrade`].
#[must_use = "the client waits for a connection"]
pub struct Upgrade {
    negotiated: Negotiated,
    config: Arc<Config>,
    /// Charged until the connection is.
    _contexts: Option<Lease>,
}

impl Upgrade {
    /// What is agreed on with the 101.
    pub fn negotiated(&self) -> &Negotiated {
        &self.negotiated
    }

    /// The connection, on the stream on which the 101 is sent. `read` holds what was read after
    /// the request and is not in the stream any more.
    pub fn open<S>(self, stream: S, read: BytesMut) -> WebSocket<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        WebSocket::from_parts(stream, read, Role::Server, self.negotiated, self.config)
    }
}

impl fmt::Debug for Upgrade {
    /// A subprotocol may hold a token, so none is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade")
            .field("deflate", &self.negotiated.deflate())
            .finish_non_exhaustive()
    }
}
