use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, Response, StatusCode};
use socket_flow_connection::WebSocket;
use socket_flow_handshake::server::{RejectReason, Rejection};

use crate::server::acceptor::{Acceptor, Judged, Refused};
use crate::server::error::AcceptError;
use crate::server::peer_addr::PeerAddr;
use crate::server::pending::Pending;
use crate::server::refuse::internal_error;
use crate::stream::ServerStream;

/// Answers ordinary HTTP requests.
pub(crate) type Respond = Arc<dyn Fn(&Request<()>) -> Option<Response<Bytes>> + Send + Sync>;

/// Decides about requests for a WebSocket.
pub(crate) type Admit = Arc<dyn Fn(Pending<ServerStream>) -> Admitting + Send + Sync>;

pub(crate) type Admitting = Pin<Box<dyn Future<Output = Pending<ServerStream>> + Send>>;

/// How a server opens connections.
#[derive(Clone)]
pub(crate) struct Opening {
    pub(crate) acceptor: Acceptor,
    /// The paths of WebSockets; none means any.
    pub(crate) paths: Vec<String>,
    pub(crate) respond: Option<Respond>,
    pub(crate) admit: Option<Admit>,
    pub(crate) max_connections: usize,
    pub(crate) retry_after: Duration,
}

impl Opening {
    /// Opens a connection; where that is not to be, the client has its answer.
    pub(crate) async fn open(
        &self,
        stream: ServerStream,
        peer: PeerAddr,
    ) -> Option<(WebSocket<ServerStream>, Request<()>)> {
        match self.try_open(stream, peer).await {
            Ok((ws, request)) => {
                ws.span().record("peer", tracing::field::display(peer));
                Some((ws, request))
            }
            Err(error) => {
                tracing::debug!(%peer, %error, "no connection");
                None
            }
        }
    }

    /// Answers any request with 503.
    pub(crate) async fn turn_away(&self, stream: ServerStream, peer: PeerAddr) {
        tracing::debug!(%peer, "turned away, too many connections");
        let deadline = self.acceptor.deadline();
        let refused = match self.acceptor.judge(stream, deadline).await {
            Ok(Judged::Valid(pending)) => pending.into_refused(too_many(self.retry_after)),
            Ok(Judged::Invalid(refused)) => Refused {
                rejection: too_many(self.retry_after),
                ..*refused
            },
            Err(_) => return,
        };
        let _ = refused.answer().await;
    }

    async fn try_open(
        &self,
        stream: ServerStream,
        peer: PeerAddr,
    ) -> Result<(WebSocket<ServerStream>, Request<()>), AcceptError> {
        let deadline = self.acceptor.deadline();
        let mut pending = match self.acceptor.judge(stream, deadline).await? {
            Judged::Valid(pending) => *pending,
            Judged::Invalid(refused) => return Err(self.refuse(*refused, peer).await),
        };
        let (request, stream) = pending.request_and_stream();
        describe(request, peer, stream);
        if !self.serves(pending.request()) {
            let not_found = RejectReason::Application(StatusCode::NOT_FOUND);
            return Err(pending.into_refused(not_found.into()).answer().await);
        }
        if let Some(admit) = &self.admit {
            // The client's socket goes with it, where it takes too long.
            let admitted = deadline.run(admit(pending)).await;
            pending = admitted.ok_or(AcceptError::Timeout)?;
        }
        pending.open().await
    }

    /// Answers a request that asks for no WebSocket, or not as it should.
    async fn refuse(&self, mut refused: Refused<ServerStream>, peer: PeerAddr) -> AcceptError {
        if let (Some(respond), Some(request)) = (&self.respond, &mut refused.request) {
            if is_ordinary(refused.rejection.reason()) {
                describe(request, peer, &refused.stream);
                if let Some(response) = respond(request) {
                    refused.rejection =
                        Rejection::with_response(response).unwrap_or_else(|_| internal_error());
                }
            }
        }
        refused.answer().await
    }

    fn serves(&self, request: &Request<()>) -> bool {
        let path = request.uri().path();
        self.paths.is_empty() || self.paths.iter().any(|served| served == path)
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("acceptor", &self.acceptor)
            .field("paths", &self.paths)
            .field("responds", &self.respond.is_some())
            .field("admits", &self.admit.is_some())
            .field("max_connections", &self.max_connections)
            .field("retry_after", &self.retry_after)
            .finish()
    }
}

/// Puts what is known about a request beside itself into its extensions.
fn describe(request: &mut Request<()>, peer: PeerAddr, stream: &ServerStream) {
    let extensions = request.extensions_mut();
    extensions.insert(peer);
    #[cfg(feature = "rustls")]
    if let Some(tls) = stream.tls() {
        extensions.insert(tls);
    }
    #[cfg(not(feature = "rustls"))]
    let _ = stream;
}

/// Whether a request is refused because it is one for another kind of server.
fn is_ordinary(reason: &RejectReason) -> bool {
    matches!(
        reason,
        RejectReason::HttpVersion | RejectReason::Method | RejectReason::NoUpgrade
    )
}

/// RFC 9110 §15.6.4 and §10.2.3.
fn too_many(retry_after: Duration) -> Rejection {
    let mut response = Response::new(Bytes::from_static(b"too many connections\n"));
    *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    // Part of a second is a second more.
    let seconds = retry_after
        .as_secs()
        .saturating_add(u64::from(retry_after.subsec_nanos() > 0));
    let headers = response.headers_mut();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    Rejection::with_response(response).unwrap_or_else(|_| internal_error())
}
