use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket_flow_connection::Sender;
use socket_flow_protocol::CloseCode;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::server::events::{ConnectionId, ServerEvent};

/// What a server's handle, its tasks and its events share.
#[derive(Debug)]
pub(crate) struct Control {
    /// Cancelled when the server is to stop.
    pub(crate) closing: CancellationToken,
    /// Cancelled when nothing of the server is left.
    pub(crate) closed: CancellationToken,
    /// Until when connections may take to close; only ever brought forward.
    pub(crate) deadline: watch::Sender<Option<Instant>>,
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
    late: VecDeque<ServerEvent>,
    /// Connections that were dropped at the end of the grace period.
    dropped: usize,
}

impl Control {
    /// What connections get where nobody says how long.
    pub(crate) const GRACE: Duration = Duration::from_secs(5);

    pub(crate) fn new() -> Self {
        Self {
            closing: CancellationToken::new(),
            closed: CancellationToken::new(),
            deadline: watch::Sender::new(None),
            registry: Mutex::default(),
        }
    }

    /// Begins to stop. A later call can only shorten the time.
    pub(crate) fn stop(&self, grace: Duration) {
        let end = Instant::now().checked_add(grace);
        self.deadline.send_if_modified(|deadline| {
            let is_earlier = match (*deadline, end) {
                (None, Some(_)) => true,
                (Some(deadline), Some(end)) => end < deadline,
                (_, None) => false,
            };
            if is_earlier {
                *deadline = end;
            }
            is_earlier
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

    pub(crate) fn unregister(&self, id: ConnectionId) {
        // Dropped outside the lock.
        let _sender = self.lock().connections.remove(&id);
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

    /// Keeps an event that found no room for when all others are read.
    pub(crate) fn keep_late(&self, event: ServerEvent) {
        self.lock().late.push_back(event);
    }

    pub(crate) fn take_late(&self) -> Option<ServerEvent> {
        self.lock().late.pop_front()
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
        self.0.stop(Control::GRACE);
    }
}
