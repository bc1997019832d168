//! Who waits for a full queue, and how its connection keeps up.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use socket_flow_protocol::driver::cost;
use socket_flow_protocol::{Payload, SendError};
use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::sender::outbox::flushes::Flushes;
use crate::sender::outbox::queue::One;
use crate::sender::outbox::{Outbox, State};
use crate::sync::Caller;
use crate::timer::Timer;

/// What a connection has let pass since it last took a message over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Late {
    /// Nothing: its turn may still come.
    #[default]
    No,
    /// A turn: it had one and its write queue was full, or it had none for as
    /// long as one is waited for.
    Turn,
    /// All the time that is waited for room.
    Room,
}

/// What a queue needs once it is full: made then, and dropped when the queue
/// is empty and nobody waits.
#[derive(Debug, Default)]
pub(crate) struct Crowd {
    /// Tells those who wait that [`Late`] has changed for the worse.
    late: Arc<Notify>,
    /// How many wait for something to be taken over, and measure the time.
    pub(crate) measuring: u32,
    /// When something was last taken over, while they do.
    pub(crate) progress: Option<Instant>,
    /// How much is in the queue beyond its room.
    pub(crate) owed: u32,
    slow: Option<Slow>,
    /// Since when half of the room is taken and nothing was taken over. Once
    /// that is as long as a turn is waited for, the connection has had its turn.
    pub(crate) pressed_since: Option<Instant>,
    /// The task that runs the connection, once it has left something behind.
    owner: Option<Caller>,
    /// Whether that task hands messages in itself: it would wait for room that
    /// only its next call makes.
    pub(crate) is_fed_by_owner: bool,
    /// Those who wait until what was handed in is sent.
    pub(crate) flushes: Flushes,
}

/// A connection with more in its queue than fits.
#[derive(Debug)]
struct Slow {
    /// Since when less than a queue's worth has left.
    since: Instant,
    /// How much has left since then.
    left: u32,
    /// How long that may take.
    within: Duration,
    /// Wakes the connection once it has taken longer.
    timer: Timer,
}

impl From<Flushes> for Crowd {
    fn from(flushes: Flushes) -> Self {
        Self {
            flushes,
            ..Self::default()
        }
    }
}

impl Crowd {
    pub(crate) fn late(&self) -> Arc<Notify> {
        Arc::clone(&self.late)
    }

    /// A message was taken over that costs so much: how much room that gives
    /// back.
    pub(crate) fn took(&mut self, cost: u32, capacity: u32) -> u32 {
        if self.measuring > 0 {
            self.progress = Some(Instant::now());
        }
        self.pressed_since = None;
        if let Some(slow) = &mut self.slow {
            slow.left = slow.left.saturating_add(cost);
            if slow.left >= capacity {
                slow.left = 0;
                slow.since = Instant::now();
            }
        }
        self.pay(cost)
    }

    /// So much has left the queue: how much room that gives back.
    pub(crate) fn pay(&mut self, cost: u32) -> u32 {
        let paid = self.owed.min(cost);
        self.owed -= paid;
        cost - paid
    }

    /// The queue is empty: its connection has caught up. Whether nobody needs
    /// this any more.
    pub(crate) fn caught_up(&mut self) -> bool {
        self.slow = None;
        self.is_fed_by_owner = false;
        self.measuring == 0 && self.flushes.is_empty() && Arc::strong_count(&self.late) == 1
    }

    /// Something was left behind, for want of room, by whoever runs the
    /// connection.
    pub(crate) fn is_left_by(&mut self, owner: Option<Caller>) {
        self.owner = owner;
    }

    /// Something was handed in by someone who waits for room where there is none.
    pub(crate) fn is_fed_by(&mut self, caller: Option<Caller>) {
        self.is_fed_by_owner |= caller.is_some() && caller == self.owner;
    }

    /// There is more in the queue than fits, from now on at the latest.
    /// Whether that is new.
    pub(crate) fn is_behind(&mut self, within: Duration) -> bool {
        let is_new = self.slow.is_none();
        self.slow.get_or_insert_with(|| Slow {
            since: Instant::now(),
            left: 0,
            within,
            timer: Timer::default(),
        });
        is_new
    }

    /// Whether less than a queue's worth has left for too long.
    pub(crate) fn is_too_slow(&self) -> bool {
        let slow = self.slow.as_ref();
        slow.is_some_and(|slow| slow.since.elapsed() >= slow.within)
    }

    /// The same; if not yet, the waker is woken when it is.
    pub(crate) fn poll_too_slow(&mut self, waker: &Waker) -> bool {
        let Some(slow) = &mut self.slow else {
            return false;
        };
        // Whoever runs a connection without a runtime has turned its deadlines
        // off.
        let Some(at) = slow.since.checked_add(slow.within) else {
            return false;
        };
        Handle::try_current().is_ok() && slow.timer.poll(at, waker).is_ready()
    }
}

impl Outbox {
    /// Puts a message in although there is no room for it, unless the queue
    /// were `backlog` bytes too long then, or less than a queue's worth has
    /// left `within` this time: then the connection begins to close, after
    /// what waits, and the message comes back as from a full queue.
    pub(crate) fn exceed<P: Payload>(
        &self,
        payload: P,
        backlog: usize,
        within: Duration,
    ) -> Result<(), SendError<P>> {
        let cost = cost(payload.bytes().len());
        let mut state = self.lock();
        if self.room.is_closed() {
            return Err(SendError::Closed(payload));
        }
        let crowd = state.crowd.get_or_insert_default();
        let owed = crowd.owed.checked_add(cost);
        let owed = owed.filter(|owed| *owed as usize <= backlog);
        let Some(owed) = owed.filter(|_| !crowd.is_too_slow()) else {
            self.end_slow(&mut state);
            self.announce(state);
            return Err(SendError::Full(payload));
        };
        crowd.owed = owed;
        if crowd.is_behind(within) {
            // Whoever runs the connection has a time to keep from now on.
            state.awaits_close = false;
        }
        let lossy = false;
        self.add(&mut state, One { payload, lossy }, cost);
        self.charge_what_waits(&mut state);
        self.announce(state);
        Ok(())
    }

    /// Something is left behind, for want of room in the write queue, by whoever
    /// runs the connection.
    pub(crate) fn is_left_by(&self, owner: Option<Caller>) {
        let mut state = self.lock();
        if !state.waiting.is_empty() {
            let sender = state.sender;
            let crowd = state.crowd.get_or_insert_default();
            crowd.is_left_by(owner);
            crowd.is_fed_by(sender);
        }
    }

    /// Something is handed in by someone who waits for room.
    pub(crate) fn is_fed(&self) {
        let mut state = self.lock();
        state.sender = Caller::current();
        let sender = state.sender;
        if let Some(crowd) = &mut state.crowd {
            crowd.is_fed_by(sender);
        }
    }

    /// Whether some of what waits comes from whoever runs the connection.
    pub(crate) fn is_fed_by_owner(&self) -> bool {
        let state = self.lock();
        state
            .crowd
            .as_ref()
            .is_some_and(|crowd| crowd.is_fed_by_owner)
    }
}

impl State {
    /// What is left of the crowd once nothing more is taken over: those who wait
    /// until what was taken over is sent.
    pub(crate) fn flushes(&mut self) -> Option<Box<Crowd>> {
        let flushes = self.crowd.as_mut()?.flushes.taken_over(self.waiting.taken);
        (!flushes.is_empty()).then(|| Box::new(Crowd::from(flushes)))
    }
}
