use std::pin::pin;
use std::sync::Arc;
use std::{fmt, mem};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::head::encode_response;
use socket_flow_handshake::header::HeaderNames;
use socket_flow_handshake::server::{Acceptance, Rejection};
use socket_flow_protocol::{Config, Lease, Role};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::apart::Apart;
use crate::deadline::Deadline;
use crate::head_io::write_head;
use crate::invalid_header::InvalidHeader;
use crate::server::contexts::within_budget;
use crate::server::error::AcceptError;
use crate::server::head_memory::HeadMemory;
use crate::server::refuse::{Refused, internal_error};
use crate::server::request::Client;

/// A valid request that waits for its answer; see [`Acceptor::read`](crate::Acceptor::read).
///
/// [`accept`](Self::accept) or [`reject`](Self::reject) it, after as many lookups as it takes: the
/// client waits. The handshake's deadline goes on meanwhile. Dropping it closes the stream without
/// an answer.
#[must_use = "the client waits for an answer"]
pub struct Pending<S> {
    pub(super) client: Client<S>,
    pub(super) request: Request<()>,
    /// What was decided about it, and what the application changed of that.
    pub(super) acceptance: Acceptance,
    pub(super) config: Arc<Config>,
    pub(super) deadline: Deadline,
    pub(super) verdict: Verdict,
}

/// What the application has decided about a request.
pub(super) enum Verdict {
    Accept,
    /// The answer in place of the 101.
    Deny(Rejection),
    /// A header or a denial that cannot be sent: the client gets a 500.
    Mistake(AcceptError),
}

impl<S> Pending<S> {
    /// Whether the application has decided against it.
    pub(crate) fn is_denied(&self) -> bool {
        !matches!(self.verdict, Verdict::Accept)
    }

    /// Decides that it opens no connection.
    pub(crate) fn into_refused(self, rejection: Rejection) -> Refused<S> {
        Refused::new(self.client, Some(self.request), rejection)
    }

    /// The request: its path and query, and all its headers.
    pub fn request(&self) -> &Request<()> {
        &self.request
    }

    /// What is known about the request beside itself: a [`Server`](crate::Server)
    /// puts the [`PeerAddr`](crate::PeerAddr) here, and hands on to its handler,
    /// or in the event, what you add.
    pub fn extensions_mut(&mut self) -> &mut http::Extensions {
        self.request.extensions_mut()
    }

    /// The stream the request came on, to ask it for the peer's address.
    pub fn get_ref(&self) -> &S {
        &self.client.stream
    }

    /// Adds a header to the 101; the same name may be added again.
    ///
    /// What is no header, and what the handshake writes itself (`Connection`, `Upgrade`,
    /// `Sec-WebSocket-*` and the headers of a body), is reported by [`accept`](Self::accept).
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName>,
        V: TryInto<HeaderValue>,
    {
        let added = InvalidHeader::append(self.acceptance.headers_mut(), name, value);
        if let (Verdict::Accept, Err(error)) = (&self.verdict, added) {
            self.verdict = Verdict::Mistake(AcceptError::InvalidHeader(error));
        }
        self
    }

    /// Picks this subprotocol in place of the acceptor's choice. It is only answered where the
    /// client offered it (RFC 6455 §4.2.2); [`negotiated`](WebSocket::negotiated) tells.
    pub fn subprotocol(mut self, name: impl Into<String>) -> Self {
        self.acceptance = self.acceptance.subprotocol(&name.into());
        self
    }

    /// Decides against it: [`accept`](Self::accept) then sends this answer in
    /// place of the 101, as [`reject`](Self::reject) does. This is how
    /// [`ServerBuilder::admit`](crate::ServerBuilder::admit) refuses.
    pub fn deny(mut self, response: Response<impl Into<Bytes>>) -> Self {
        self.verdict = match Rejection::with_response(response.map(Into::into)) {
            Ok(rejection) => Verdict::Deny(rejection),
            Err(error) => Verdict::Mistake(AcceptError::InvalidRejection(error)),
        };
        self
    }

    /// Sets limits and timeouts of this connection in place of the acceptor's; how to compress
    /// stays as [`Acceptor::deflate`](crate::Acceptor::deflate) says.
    pub fn config(mut self, config: impl Into<Arc<Config>>) -> Self {
        let acceptors = mem::replace(&mut self.config, config.into());
        #[cfg(feature = "deflate")]
        {
            let settings = acceptors.deflate_settings();
            self.config = crate::deflate::configured(self.config, Some(settings));
        }
        #[cfg(not(feature = "deflate"))]
        drop(acceptors);
        self
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Pending<S> {
    /// Answers 101 and opens the connection. What the client sent behind its request, before it
    /// had the answer, is its first bytes.
    ///
    /// # Errors
    /// [`AcceptError::InvalidHeader`] and [`AcceptError::Rejected`] for headers that cannot be
    /// added; the client is then refused with 500. [`AcceptError::Rejected`] also after
    /// [`deny`](Self::deny). [`AcceptError::Timeout`] and
    /// [`AcceptError::Io`] where the answer could not be written.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream with it, which closes it.
    pub async fn accept(self) -> Result<WebSocket<S>, AcceptError> {
        Apart::new(self.open()).await.map(|opened| opened.ws)
    }

    /// Accepts it, and gives the request back as well.
    pub(crate) async fn open(mut self) -> Result<Opened<S>, AcceptError> {
        match mem::replace(&mut self.verdict, Verdict::Accept) {
            Verdict::Accept => {}
            Verdict::Deny(rejection) => return Err(self.into_refused(rejection).answer().await),
            Verdict::Mistake(error) => {
                // The mistake says more than that the answer did not arrive.
                let _ = self.into_refused(internal_error()).send().await;
                return Err(error);
            }
        }
        let expects_continue = self.acceptance.expects_continue();
        let (acceptance, contexts) = within_budget(self.acceptance, &self.config);
        let (response, negotiated) = match acceptance.answer() {
            Ok(answer) => answer,
            Err(rejection) => {
                let refused = Refused::new(self.client, Some(self.request), rejection);
                return Err(refused.answer().await);
            }
        };
        let mut head = encode_response(&response);
        if expects_continue {
            head = [CONTINUE, &head].concat().into();
        }
        let Client {
            mut stream,
            buf,
            memory,
            ..
        } = self.client;
        match self
            .deadline
            .run(pin!(write_head(&mut stream, &head)))
            .await
        {
            Some(written) => written?,
            None => return Err(AcceptError::Timeout),
        }
        tracing::debug!(
            subprotocol = negotiated.subprotocol().map(|_| true),
            "opening handshake complete"
        );
        let ws = WebSocket::from_parts(stream, buf, Role::Server, negotiated, self.config);
        // The connection is charged for them now.
        drop(contexts);
        Ok(Opened {
            ws,
            request: self.request,
            memory: memory.map(HeadMemory::into_request),
        })
    }

    /// Answers with a response of the caller's, and ends the stream as
    /// [`Acceptor::read`](crate::Acceptor::read) says.
    ///
    /// `Connection: close` and `Content-Length` are set whatever stood there, `Date` where it did not.
    ///
    /// # Errors
    /// [`AcceptError::InvalidRejection`] for a status below 200, in whose place 500 is sent;
    /// [`AcceptError::Timeout`] and [`AcceptError::Io`] where the answer could not be written.
    ///
    /// # Cancel safety
    /// Dropping the future drops the stream with it; the client may then get half an answer.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use socket_flow::{Acceptor, ClientBuilder, ConnectError};
    /// # let (near, stream) = tokio::io::duplex(1024);
    /// # let client = tokio::spawn(ClientBuilder::new("ws://pipe/").connect_on(near));
    /// let pending = Acceptor::new().read(stream).await?;
    /// let answer = http::Response::builder()
    ///     .status(503)
    ///     .header("retry-after", "30")
    ///     .body("come back later")?;
    /// pending.reject(answer).await?;
    /// # let Err(ConnectError::Rejected(rejected)) = client.await? else { panic!() };
    /// # assert_eq!(rejected.headers()["retry-after"], "30");
    /// # assert_eq!(rejected.body(), "come back later");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn reject(self, response: Response<impl Into<Bytes>>) -> Result<(), AcceptError> {
        match Rejection::with_response(response.map(Into::into)) {
            Ok(rejection) => self.into_refused(rejection).send().await,
            Err(error) => {
                let _ = self.into_refused(internal_error()).send().await;
                Err(AcceptError::InvalidRejection(error))
            }
        }
    }
}

/// A connection, and the request it began with.
pub(crate) struct Opened<S: AsyncWrite + Unpin> {
    pub(crate) ws: WebSocket<S>,
    pub(crate) request: Request<()>,
    /// What the request is charged, where there is a budget.
    pub(crate) memory: Option<Lease>,
}

/// RFC 9110 §7.8: comes before the 101 where the client waits for it.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

impl<S> fmt::Debug for Pending<S> {
    /// Shows no header value and no query: any of them may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pending")
            .field("path", &self.request.uri().path())
            .field("headers", &HeaderNames::new(self.request.headers()))
            .finish_non_exhaustive()
    }
}
