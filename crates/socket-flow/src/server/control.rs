use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket_flow_connection::Sender;
use socket_flow_protocol::CloseCode;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::race::{First, race};
use crate::server::event::{ConnectionId, ServerEvent};

/// What a server's handle, its tasks and its events share.
#[derive(Debug)]
pub(crate) struct Control {
    /// Cancelled when the server is to stop.
    pub(crate) closing: CancellationToken,
    /// Cancelled when nothing of the server is left.
    pub(crate) closed: CancellationToken,
    /// Until when connections may take to close, once that is known.
    pub(crate) deadline: watch::Sender<Option<Deadline>>,
    /// Clients that are not connected yet, or are only answered.
    openings: AtomicUsize,
    registry: Mutex<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    /// The number of the last connection.
    last: u64,
    connections: HashMap<ConnectionId, Sender>,
    /// Whether new connections are closed at once.
    is_closing: bool,
    /// Events that found no room while the server stopped, one for each
    /// connection at most.
    undelivered: VecDeque<ServerEvent>,
    /// Connections that were dropped at the end of the grace period.
    dropped: usize,
}

impl Control {
    pub(crate) fn new() -> Self {
        Self {
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            deadline: watch::Sender::new(None),
            openings: AtomicUsize::new(0),
            registry: Mutex::default(),
        }
    }

    /// Runs this, which is pinned as for [`race`], unless the server is to stop.
    pub(crate) async fn unless_stopping<F: Future + Unpin>(&self, work: F) -> Option<F::Output> {
        match race(pin!(self.closing.cancelled()), work).await {
            First::Left(()) => None,
            First::Right(output) => Some(output),
        }
    }

    /// Counts a client that has no connection yet, until this is dropped.
    pub(crate) fn opens(self: &Arc<Self>) -> Opens {
        self.openings.fetch_add(1, Ordering::Relaxed);
        Opens(Arc::clone(self))
    }

    pub(crate) fn openings(&self) -> usize {
        self.openings.load(Ordering::Relaxed)
    }

    /// Begins to stop, or brings the end forward.
    pub(crate) fn stop(&self, grace: Duration) {
        self.stop_by(Deadline {
            end: Instant::now().checked_add(grace),
            is_asked_for: true,
        });
    }

    /// Begins to stop because nobody is left; whoever asks for it nevertheless
    /// may say how long it takes.
    pub(crate) fn abandon(&self) {
        self.stop_by(Deadline {
            end: Instant::now().checked_add(GRACE),
            is_asked_for: false,
        });
    }

    fn stop_by(&self, new: Deadline) {
        self.deadline.send_if_modified(|deadline| {
            let is_taken = deadline.is_none_or(|old| new.replaces(old));
            if is_taken {
                *deadline = Some(new);
            }
            is_taken
        });
        self.closing.cancel();
    }

    /// Counts a connection in.
    pub(crate) fn register(&self, sender: Sender) -> ConnectionId {
        let mut registry = self.lock();
        registry.last += 1;
        let id = ConnectionId(registry.last);
        if registry.is_closing {
            going_away(&sender);
        }
        registry.connections.insert(id, sender);
        id
    }

    /// Counts a connection out; its sender, to be dropped outside the lock.
    pub(crate) fn unregister(&self, id: ConnectionId) -> Option<Sender> {
        self.lock().connections.remove(&id)
    }

    /// Closes all connections, also those that are just being opened.
    pub(crate) fn close_all(&self) {
        let mut registry = self.lock();
        registry.is_closing = true;
        for sender in registry.connections.values() {
            going_away(sender);
        }
    }

    pub(crate) fn connections(&self) -> usize {
        self.lock().connections.len()
    }

    /// Keeps an event that found no room until all others are read.
    pub(crate) fn keep_undelivered(&self, event: ServerEvent) {
        self.lock().undelivered.push_back(event);
    }

    pub(crate) fn take_undelivered(&self) -> Option<ServerEvent> {
        self.lock().undelivered.pop_front()
    }

    pub(crate) fn set_dropped(&self, dropped: usize) {
        self.lock().dropped = dropped;
    }

    pub(crate) fn dropped(&self) -> usize {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // Nothing panics under the lock.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A client that has no connection yet.
#[derive(Debug)]
pub(crate) struct Opens(Arc<Control>);

impl Drop for Opens {
    fn drop(&mut self) {
        self.0.openings.fetch_sub(1, Ordering::Relaxed);
    }
}

/// When a server that stops drops the connections that are left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Deadline {
    /// `None` is never.
    pub(crate) end: Option<Instant>,
    /// Whether somebody said so.
    is_asked_for: bool,
}

impl Deadline {
    fn replaces(self, old: Self) -> bool {
        match (self.is_asked_for, old.is_asked_for) {
            (true, false) => true,
            (false, _) => false,
            (true, true) => self
                .end
                .is_some_and(|end| old.end.is_none_or(|old| end < old)),
        }
    }
}

fn going_away(sender: &Sender) {
    // The reason is short.
    let _ = sender.close(CloseCode::GOING_AWAY, "server is going down");
}

/// Held by everything that can reach a server: with the last of it the server
/// stops.
#[derive(Debug)]
pub(crate) struct Alive(Arc<Control>);

impl Alive {
    pub(crate) fn new(control: Arc<Control>) -> Self {
        Self(control)
    }

    pub(crate) fn control(&self) -> &Arc<Control> {
        &self.0
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// What connections get where nobody says how long.
const GRACE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    /// How many seconds are left; `None` where there is no end.
    fn left(control: &Control) -> Option<u64> {
        let end = control.deadline.borrow().unwrap().end?;
        Some((end - Instant::now()).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_for_the_end_says_how_long_it_takes_at_most() {
        let control = Control::new();
        assert!(control.deadline.borrow().is_none());
        control.abandon();
        assert_eq!(left(&control), Some(5));
        control.stop(Duration::from_secs(60));
        assert_eq!(left(&control), Some(60), "what was asked for counts");
        control.abandon();
        assert_eq!(left(&control), Some(60));
        control.stop(Duration::from_secs(7));
        assert_eq!(left(&control), Some(7));
        control.stop(Duration::from_secs(8));
        assert_eq!(left(&control), Some(7), "it is only brought forward");

        let control = Control::new();
        control.stop(Duration::MAX);
        assert_eq!(left(&control), None);
        control.abandon();
        assert_eq!(left(&control), None);
        control.stop(Duration::from_secs(9));
        assert_eq!(left(&control), Some(9));
        assert!(control.closing.is_cancelled());
    }
}
