use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::RETRY_AFTER;
use http::{HeaderValue, Request, Response, StatusCode};
use socket_flow_handshake::server::{RejectReason, Rejection};

use crate::server::acceptor::{Acceptor, Judged};
use crate::server::control::Control;
use crate::server::ended::{caught, poll_caught};
use crate::server::error::AcceptError;
use crate::server::peer_addr::PeerAddr;
use crate::server::pending::{Opened, Pending};
use crate::server::refuse::{Refused, internal_error};
use crate::server::request::Client;
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
    /// Opens a connection; where that is not to be, the client has its answer. The server may stop
    /// meanwhile: then a request that waits for a decision is answered with 503, an answer that is
    /// being written is finished, and all others are dropped.
    pub(crate) async fn open(
        &self,
        mut stream: ServerStream,
        peer: PeerAddr,
        control: &Control,
    ) -> Option<Opened<ServerStream>> {
        self.charge(&mut stream);
        match self.try_open(stream, peer, control).await {
            Ok(opened) => {
                let span = opened.ws.span();
                span.record("peer", tracing::field::display(peer));
                Some(opened)
            }
            Err(Some(error)) => {
                tracing::debug!(%peer, %error, "no connection");
                None
            }
            Err(None) => None,
        }
    }

    /// Answers what the application answers in plain HTTP, and any other request with 503.
    pub(crate) async fn turn_away(
        &self,
        mut stream: ServerStream,
        peer: PeerAddr,
        control: &Control,
    ) {
        self.charge(&mut stream);
        let judged = self.acceptor.judge(stream);
        let judged = control.unless_stopping(pin!(judged)).await;
        let refused = match judged {
            Some(Ok(Judged::Valid(pending))) => pending.into_refused(self.too_many()),
            Some(Ok(Judged::Invalid(mut refused))) => {
                if !self.responds(&mut refused, peer) {
                    refused.rejection = self.too_many();
                }
                *refused
            }
            Some(Err(_)) | None => return,
        };
        let error = refused.answer().await;
        tracing::debug!(%peer, %error, "no connection, too many connections");
    }

    /// The error is `None` where the server stopped.
    async fn try_open(
        &self,
        stream: ServerStream,
        peer: PeerAddr,
        control: &Control,
    ) -> Result<Opened<ServerStream>, Option<AcceptError>> {
        let judged = self.acceptor.judge(stream);
        let judged = control.unless_stopping(pin!(judged)).await;
        let mut pending = match judged.ok_or(None)?? {
            Judged::Valid(pending) => *pending,
            Judged::Invalid(mut refused) => {
                self.responds(&mut refused, peer);
                return Err(Some(refused.answer().await));
            }
        };
        describe(&mut pending.request, peer, &pending.client.stream);
        if !self.serves(pending.request()) {
            let not_found = RejectReason::Application(StatusCode::NOT_FOUND);
            return Err(Some(pending.into_refused(not_found.into()).answer().await));
        }
        if let Some(admit) = &self.admit {
            pending = self.admitted(admit, pending, peer, control).await?;
        }
        if pending.is_denied() {
            pending.client.stream.keep_little_unsent();
        }
        let opened = control.unless_stopping(pin!(pending.open())).await;
        Ok(opened.ok_or(None)??)
    }

    /// Has the application decide.
    async fn admitted(
        &self,
        admit: &Admit,
        mut pending: Pending<ServerStream>,
        peer: PeerAddr,
        control: &Control,
    ) -> Result<Pending<ServerStream>, Option<AcceptError>> {
        let (pace, deadline) = (pending.client.pace, pending.deadline);
        let slot = pending.client.stream.reclaim_on_drop();
        let admitted = {
            let deciding = pin!(deciding(admit, pending));
            let admitting = deadline.run(deciding);
            control.unless_stopping(pin!(admitting)).await
        };
        let rejection = match admitted {
            Some(Some(Some(admitted))) => return Ok(admitted),
            // The client's socket goes with it, where it takes too long.
            Some(None) => return Err(Some(AcceptError::Timeout)),
            Some(Some(None)) => {
                tracing::warn!(%peer, "admit panicked");
                internal_error()
            }
            None => self.unavailable("server is going down\n"),
        };
        // The request went with the decision; its stream comes back.
        let client = Client {
            stream: slot.take().ok_or(None)?,
            buf: BytesMut::new(),
            memory: None,
            pace,
        };
        Err(Some(Refused::new(client, None, rejection).answer().await))
    }

    fn charge(&self, stream: &mut ServerStream) {
        if let Some(budget) = self.acceptor.settings.config.memory() {
            stream.charge(budget);
        }
    }

    /// Has the application answer a request that asks for no WebSocket, or not as it should; whether
    /// it does.
    fn responds(&self, refused: &mut Refused<ServerStream>, peer: PeerAddr) -> bool {
        let (Some(respond), Some(request)) = (&self.respond, &mut refused.request) else {
            return false;
        };
        if !is_ordinary(refused.rejection.reason()) {
            return false;
        }
        describe(request, peer, &refused.client.stream);
        refused.rejection = match caught(|| respond(request)) {
            Some(Some(response)) => {
                Rejection::with_response(response).unwrap_or_else(|_| internal_error())
            }
            Some(None) => return false,
            None => {
                tracing::warn!(%peer, "respond panicked");
                internal_error()
            }
        };
        // What waits unsent in the kernel is not taken yet.
        refused.client.stream.keep_little_unsent();
        true
    }

    fn too_many(&self) -> Rejection {
        self.unavailable("too many connections\n")
    }

    /// RFC 9110 §15.6.4 and §10.2.3.
    fn unavailable(&self, body: &'static str) -> Rejection {
        let mut response = Response::new(Bytes::from_static(body.as_bytes()));
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        // Part of a second is a second more.
        let seconds = self
            .retry_after
            .as_secs()
            .saturating_add(u64::from(self.retry_after.subsec_nanos() > 0));
        let headers = response.headers_mut();
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        Rejection::with_response(response).unwrap_or_else(|_| internal_error())
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

/// Waits for the application's decision; `None` if it panicked.
async fn deciding(admit: &Admit, pending: Pending<ServerStream>) -> Option<Pending<ServerStream>> {
    let mut deciding = Deciding(Some(caught(|| admit(pending))?));
    poll_fn(|cx| match &mut deciding.0 {
        Some(deciding) => poll_caught(deciding.as_mut(), cx, |pending| pending),
        None => Poll::Ready(None),
    })
    .await
}

/// The application's future, which may panic when it is dropped as well.
struct Deciding<T>(Option<T>);

impl<T> Drop for Deciding<T> {
    fn drop(&mut self) {
        let deciding = self.0.take();
        if caught(|| drop(deciding)).is_none() {
            tracing::warn!("admit panicked");
        }
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
