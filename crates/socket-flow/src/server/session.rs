use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::Request;
use socket_flow_connection::{Error, WebSocket};
use socket_flow_protocol::{CloseCode, CloseFrame, Utf8Bytes};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::race::{First, race};
use crate::server::control::Control;
use crate::server::events::{ConnectionId, ServerEvent};
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
        let registered = Registered::new(control, &mut ws);
        let left = ws.get_mut().leave();
        let handling = Box::pin((self.0)(ws, request));
        Box::pin(async move {
            if let Some(error) = handling.await.failure() {
                tracing::debug!(%peer, %error, "handler failed");
            }
            drop(registered);
            if let Some(stream) = left.into_stream() {
                // Whatever the handler dropped: its last words arrive.
                Box::pin(linger(stream)).await;
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

/// Tells the application in events.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) events: mpsc::Sender<ServerEvent>,
}

impl Session for Told {
    fn run(
        &self,
        mut ws: WebSocket<ServerStream>,
        peer: PeerAddr,
        request: Request<()>,
        control: Arc<Control>,
    ) -> Running {
        let registered = Registered::new(Arc::clone(&control), &mut ws);
        let id = registered.id;
        let open = ServerEvent::Open {
            id,
            peer,
            request: Box::new(request),
            sender: ws.sender(),
        };
        let told = self.clone();
        let open = Box::new(open);
        Box::pin(async move {
            let mut failure = None;
            if !told.tell(&mut ws, *open, &control, &mut failure).await {
                // The server is about to stop, and nobody hears of this one.
                let _ = Box::pin(ws.close(CloseCode::GOING_AWAY, "")).await;
                return;
            }
            let mut ending = Ending {
                told,
                control,
                id,
                is_told: false,
            };
            let result = loop {
                match ws.recv().await {
                    Ok(Some(message)) => {
                        let (told, control) = (&ending.told, &ending.control);
                        let message = ServerEvent::Message { id, message };
                        // A message without room is dropped: we are closing.
                        told.tell(&mut ws, message, control, &mut failure).await;
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let close = close_event(id, ws.close_frame().cloned(), failure.or(result));
            // Its socket is not held open until the application has time.
            drop(ws);
            drop(registered);
            Box::pin(ending.tell(close)).await;
        })
    }
}

fn close_event(id: ConnectionId, frame: Option<CloseFrame>, error: Option<Error>) -> ServerEvent {
    let (code, reason) = match (frame, &error) {
        (Some(frame), _) => (frame.code.as_u16(), frame.reason),
        (None, None) => (NO_STATUS, Utf8Bytes::default()),
        (None, Some(error)) => (error.close_code().unwrap_or(ABNORMAL), Utf8Bytes::default()),
    };
    ServerEvent::Close {
        id,
        code,
        reason,
        error,
    }
}

impl Told {
    /// Hands an event over, and sends meanwhile what the application has to
    /// say: it may be waiting for that. Whether there was room; it gives up once
    /// the server is to stop.
    async fn tell(
        &self,
        ws: &mut WebSocket<ServerStream>,
        event: ServerEvent,
        control: &Control,
        failure: &mut Option<Error>,
    ) -> bool {
        let event = match self.events.try_send(event) {
            Ok(()) => return true,
            Err(TrySendError::Closed(_)) => return false,
            Err(TrySendError::Full(event)) => event,
        };
        Box::pin(self.tell_late(ws, event, control, failure)).await
    }

    async fn tell_late(
        &self,
        ws: &mut WebSocket<ServerStream>,
        event: ServerEvent,
        control: &Control,
        failure: &mut Option<Error>,
    ) -> bool {
        let mut is_forwarding = true;
        loop {
            let forward = async {
                match is_forwarding {
                    true => ws.forward().await,
                    false => std::future::pending().await,
                }
            };
            let others = race(control.closing.cancelled(), forward);
            match race(self.events.reserve(), others).await {
                First::Left(Ok(room)) => {
                    room.send(event);
                    return true;
                }
                First::Left(Err(_)) => return false,
                // Whoever stops the server may be the one who reads events.
                First::Right(First::Left(())) => return false,
                First::Right(First::Right(result)) => {
                    is_forwarding = false;
                    *failure = result.err();
                }
            }
        }
    }
}

/// Sees to it that each `Open` is followed by a `Close`, also where the task
/// is dropped.
struct Ending {
    told: Told,
    control: Arc<Control>,
    id: ConnectionId,
    is_told: bool,
}

impl Ending {
    async fn tell(&mut self, event: ServerEvent) {
        self.is_told = true;
        match self.told.events.try_send(event) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(event)) => {
                let mut late = Late(&self.control, Some(event));
                let closing = self.control.closing.cancelled();
                if let First::Left(Ok(room)) = race(self.told.events.reserve(), closing).await {
                    if let Some(event) = late.1.take() {
                        room.send(event);
                    }
                }
            }
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        if !self.is_told {
            self.control.keep_late(ServerEvent::Close {
                id: self.id,
                code: ABNORMAL,
                reason: Utf8Bytes::default(),
                error: None,
            });
        }
    }
}

/// An event that is read late where it finds no room in time.
struct Late<'a>(&'a Control, Option<ServerEvent>);

impl Drop for Late<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.1.take() {
            self.0.keep_late(event);
        }
    }
}

/// A connection that counts, and can be closed, while this lives.
struct Registered {
    control: Arc<Control>,
    id: ConnectionId,
}

impl Registered {
    fn new(control: Arc<Control>, ws: &mut WebSocket<ServerStream>) -> Self {
        let id = control.register(ws.sender());
        Self { control, id }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.control.unregister(self.id);
    }
}

/// RFC 6455 §7.1.5: the Close carried no code.
const NO_STATUS: u16 = 1005;

/// RFC 6455 §7.1.5: there was no Close.
const ABNORMAL: u16 = 1006;
