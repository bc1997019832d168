use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::Request;
use socket_flow_connection::{Sender, WebSocket};

use crate::race::{First, race};
use crate::server::control::Control;
use crate::server::ended::{Ended, Legacy, caught, poll_caught};
use crate::server::event::ConnectionId;
use crate::server::peer_addr::PeerAddr;
use crate::server::pending::Opened;
use crate::stream::ServerStream;

/// What a server does with an open connection.
///
/// The futures are what an idle connection costs, so they are blocks that use
/// in place what they capture, and what is rarely needed is boxed.
pub(crate) trait Session: Clone + Send + Sync + 'static {
    fn run(&self, opened: Opened<ServerStream>, peer: PeerAddr, control: Arc<Control>) -> Running;
}

/// A connection's task, from its 101 on.
pub(crate) type Running = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Hands the connection to a function of the application's.
pub(crate) struct HandlerSession<F>(pub(crate) Arc<F>);

impl<F> Clone for HandlerSession<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F, R> Session for HandlerSession<F>
where
    F: Fn(WebSocket<ServerStream>, Request<()>) -> R + Send + Sync + 'static,
    R: Future<Output: HandlerResult> + Send + 'static,
{
    fn run(&self, opened: Opened<ServerStream>, peer: PeerAddr, control: Arc<Control>) -> Running {
        let Opened {
            mut ws,
            request,
            memory,
        } = opened;
        // From here on the request is the application's.
        drop(memory);
        let registered = Registered::new(control, ws.sender());
        let legacy = Legacy::of(&mut ws);
        let state = match caught(|| Box::pin((self.0)(ws, request))) {
            Some(handling) => State::Running { handling, legacy },
            // The function may panic as well as what it returns.
            None => {
                drop(registered.end());
                State::Ending(Box::pin(legacy.settle(panicked(peer))))
            }
        };
        Box::pin(Handling {
            state,
            registered,
            peer,
        })
    }
}

/// Runs a handler, and ends the connection that it dropped.
struct Handling<R> {
    state: State<R>,
    registered: Registered,
    peer: PeerAddr,
}

enum State<R> {
    Running {
        handling: Pin<Box<R>>,
        legacy: Legacy,
    },
    Ending(Running),
    Over,
}

impl<R> Future for Handling<R>
where
    R: Future<Output: HandlerResult> + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let peer = self.peer;
        let next = match &mut self.state {
            State::Running { handling, legacy } => {
                match poll_handler(handling.as_mut(), peer, cx) {
                    Poll::Ready(ended) => First::Left(ended),
                    Poll::Pending => First::Right(ready!(legacy.poll_dropped(cx))),
                }
            }
            State::Ending(ending) => return ending.as_mut().poll(cx),
            State::Over => return Poll::Ready(()),
        };
        if let State::Running { handling, legacy } = mem::replace(&mut self.state, State::Over) {
            let ending: Running = match next {
                First::Left(ended) => {
                    // It may have held the connection until now.
                    let is_dropped = caught(|| drop(handling)).is_some();
                    let ended = if is_dropped { ended } else { panicked(peer) };
                    Box::pin(legacy.settle(ended))
                }
                First::Right(stream) => Box::pin(end_beside(handling, legacy, stream, peer)),
            };
            drop(self.registered.end());
            self.state = State::Ending(ending);
        }
        self.poll(cx)
    }
}

/// Ends a connection whose handler goes on without it.
async fn end_beside<R>(
    mut handling: Pin<Box<R>>,
    legacy: Legacy,
    stream: ServerStream,
    peer: PeerAddr,
) where
    R: Future<Output: HandlerResult>,
{
    let mut ending = Box::pin(legacy.end(stream, Ended::Done.close_code()));
    let mut handling = poll_fn(|cx| poll_handler(handling.as_mut(), peer, cx));
    match race(&mut ending, &mut handling).await {
        First::Left(()) => {
            handling.await;
        }
        First::Right(_) => ending.await,
    }
}

/// Polls a handler to its end, which is told.
fn poll_handler<R>(handling: Pin<&mut R>, peer: PeerAddr, cx: &mut Context<'_>) -> Poll<Ended>
where
    R: Future<Output: HandlerResult>,
{
    // What it returns is shown to the log and dropped, which may panic as well.
    let ended = |result: R::Output| match result.failure() {
        Some(error) => {
            tracing::debug!(%peer, %error, "handler failed");
            Ended::Failed
        }
        None => Ended::Done,
    };
    poll_caught(handling, cx, ended).map(|ended| ended.unwrap_or_else(|| panicked(peer)))
}

/// Its words are the panic hook's affair.
fn panicked(peer: PeerAddr) -> Ended {
    tracing::warn!(%peer, "handler panicked");
    Ended::Panicked
}

/// What a handler may return: nothing, or a `Result` whose error is logged at
/// level debug and closes the connection with 1011. See
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
