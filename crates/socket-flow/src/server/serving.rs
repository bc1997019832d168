//! The task that owns a server: it accepts, and owns the tasks of all
//! connections.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use socket_flow_protocol::SetAside;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout_at;

use crate::race::{First, race};
use crate::server::control::{Control, Deadline};
use crate::server::listener::Listener;
use crate::server::opening::Opening;
use crate::server::peer_addr::PeerAddr;
use crate::server::session::Session;
use crate::stream::ServerStream;

/// Accepts until the server is to stop, then sees all connections to their
/// end.
pub(crate) async fn run<S: Session>(
    listener: Listener,
    opening: Arc<Opening>,
    control: Arc<Control>,
    session: S,
    set_aside: Option<SetAside>,
) {
    // Also where the runtime drops this task: nobody must wait for ever.
    let _closed = control.closed.clone().drop_guard();
    // Dropped before that: whoever hears of the end may start the next server.
    let _set_aside = set_aside;
    let mut tasks = JoinSet::new();
    loop {
        let next = next(&mut tasks, &listener);
        let next = control.unless_stopping(pin!(next)).await;
        match next {
            None => break,
            Some(Next::Ended(result)) => report(result),
            Some(Next::Accepted(stream, peer)) => {
                let is_full = tasks.len() >= opening.max_connections;
                if is_full && tasks.len() - opening.max_connections >= MAX_REFUSALS {
                    tracing::debug!(%peer, "dropped, too many connections");
                    continue;
                }
                let opening = Arc::clone(&opening);
                let control = Arc::clone(&control);
                let session = session.clone();
                // Boxed, so that an open connection does not carry the memory of
                // its handshake along.
                let opens = control.opens();
                let opened = Box::pin(async move {
                    let _opens = opens;
                    if is_full {
                        opening.turn_away(stream, peer, &control).await;
                        return None;
                    }
                    let opened = opening.open(stream, peer, &control).await?;
                    Some(session.run(opened, peer, control))
                });
                tasks.spawn(async move {
                    if let Some(running) = opened.await {
                        running.await;
                    }
                });
            }
        }
    }
    drop(listener);
    // What a session holds of its own must not keep others waiting.
    drop(session);
    control.close_all();
    let dropped = drain(&mut tasks, &control).await;
    control.set_dropped(dropped);
}

enum Next {
    Ended(Result<(), JoinError>),
    Accepted(ServerStream, PeerAddr),
}

async fn next(tasks: &mut JoinSet<()>, listener: &Listener) -> Next {
    let mut accepting = pin!(listener.accept());
    poll_fn(|cx| {
        // Those that ended first, so that they do not count any more.
        if let Poll::Ready(Some(result)) = tasks.poll_join_next(cx) {
            return Poll::Ready(Next::Ended(result));
        }
        let accepted = accepting.as_mut().poll(cx);
        accepted.map(|(stream, peer)| Next::Accepted(stream, peer))
    })
    .await
}

/// Waits for all tasks until the deadline; how many it had to drop.
async fn drain(tasks: &mut JoinSet<()>, control: &Control) -> usize {
    let mut passed = pin!(passed(control.deadline.subscribe()));
    loop {
        match race(pin!(tasks.join_next()), passed.as_mut()).await {
            First::Left(None) => return 0,
            First::Left(Some(result)) => report(result),
            First::Right(()) => break,
        }
    }
    let left = tasks.len().saturating_sub(control.openings());
    tasks.shutdown().await;
    left
}

/// Waits for the deadline, which may be set, or moved, meanwhile.
async fn passed(mut deadline: watch::Receiver<Option<Deadline>>) {
    loop {
        let end = deadline
            .borrow_and_update()
            .and_then(|deadline| deadline.end);
        let changed = deadline.changed();
        match end {
            Some(end) => {
                if timeout_at(end, changed).await.is_err() {
                    return;
                }
            }
            None => {
                let _ = changed.await;
            }
        }
    }
}

fn report(result: Result<(), JoinError>) {
    if let Err(error) = result {
        // A panic of the application's concerns its own connection only, and its words are the panic
        // hook's affair.
        tracing::warn!(panicked = error.is_panic(), "a connection's task failed");
    }
}

/// How many clients beyond the limit are answered at once; more are dropped.
const MAX_REFUSALS: usize = 64;
