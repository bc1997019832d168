use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use socket_flow_connection::{Sender, WebSocket};

use crate::deadline::Deadline;
use crate::server::control::Control;
use crate::server::events::ConnectionId;
use crate::server::peer_addr::PeerAddr;
use crate::server::refuse::linger;
use crate::stream::ServerStream;

/// What a server does with an open connection.
///
/// The futures are what an idle connection costs, so they are blocks that use
/// in place what they capture, and what is rarely needed is boxed.
pub(crate) trait Session: Clone + Send + Sync + 'static {
    fn run(
        &self,
        ws: WebSocket<ServerStream>,
        peer: PeerAddr,
        request: Request<()>,
        control: Arc<Control>,
    ) -> Running;
}

/// A connection's task, from its 101 on.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands the connection to a function of the application's.
pub(crate) struct Handled<F>(pub(crate) Arc<F>);

impl<F> Clone for Handled<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F, R> Session for Handled<F>
where
    F: Fn(WebSocket<ServerStream>, Request<()>) -> R + Send + Sync + 'static,
    R: Future<Output: HandlerResult> + Send + 'static,
{
    fn run(
        &self,
        mut ws: WebSocket<ServerStream>,
        peer: PeerAddr,
        request: Request<()>,
        control: Arc<Control>,
    ) -> Running {
        let registered = Registered::new(control, ws.sender());
        let timeout = ws.config().timeouts().close;
        let left = ws.get_mut().leave();
        let handling = Box::pin((self.0)(ws, request));
        Box::pin(async move {
            if let Some(error) = handling.await.failure() {
                tracing::debug!(%peer, %error, "handler failed");
            }
            let since = registered.end().and_then(|sender| sender.ends_since());
            if let (Some(stream), Some(since)) = (left.into_stream(), since) {
                // Whatever the handler dropped: its last words arrive.
                let deadline = Deadline::since(since, timeout);
                Box::pin(linger(stream, deadline)).await;
            }
        })
    }
}

/// What a handler may return: nothing, or a `Result` whose error is logged at
/// level debug and otherwise ignored. See
/// [`ServerBuilder::serve_with`](crate::ServerBuilder::serve_with).
pub trait HandlerResult: Send {
    /// The error, if it is one.
    #[doc(hidden)]
    fn failure(&self) -> Option<&(dyn fmt::Display + Send + Sync)>;
}

impl HandlerResult for () {
    fn failure(&self) -> Option<&(dyn fmt::Display + Send + Sync)> {
        None
    }
}

impl<E: fmt::Display + Send + Sync> HandlerResult for Result<(), E> {
    fn failure(&self) -> Option<&(dyn fmt::Display + Send + Sync)> {
        self.as_ref()
            .err()
            .map(|error| error as &(dyn fmt::Display + Send + Sync))
    }
}

/// A connection that counts, and can be closed, while this lives.
pub(crate) struct Registered {
    pub(crate) control: Arc<Control>,
    pub(crate) id: ConnectionId,
}

impl Registered {
    pub(crate) fn new(control: Arc<Control>, sender: Sender) -> Self {
        let id = control.register(sender);
        Self { control, id }
    }

    /// It counts no more; its sender, the first time.
    pub(crate) fn end(&self) -> Option<Sender> {
        self.control.unregister(self.id)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let _sender = self.end();
    }
}
