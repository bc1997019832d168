//! What a hub asks of its members, and a server of its connections: for crates of
//! this workspace.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow_protocol::{Prepared, SendError};

use crate::sender::outbox::{Late, is_reached};
use crate::sender::{Published, Sender};

/// What is waited for where a member's queue is full.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums)] // hidden
pub enum Patience {
    /// One turn of the task that runs the connection.
    Turn,
    /// Room.
    Room,
}

impl From<Patience> for Late {
    fn from(patience: Patience) -> Self {
        match patience {
            Patience::Turn => Self::Turn,
            Patience::Room => Self::Room,
        }
    }
}

impl Sender {
    /// Promises room for a reply of this cost, beside what is `promised`, if it is
    /// there.
    #[doc(hidden)]
    pub fn try_promise(&self, promised: &AtomicUsize, cost: usize) -> bool {
        let all = promised.fetch_add(cost, Ordering::Relaxed) + cost;
        let has_room = self.outbox.has_room_for_replies(promised, all);
        if !has_room {
            self.promise_ended(promised, cost);
        }
        has_room
    }

    /// Promises it, also where it is not there.
    #[doc(hidden)]
    pub fn promise(&self, promised: &AtomicUsize, cost: usize) {
        let before = promised.fetch_add(cost, Ordering::Relaxed);
        self.outbox.promises_changed(promised, before + cost);
    }

    /// What was promised is over: the reply is in the queue, if there is one.
    #[doc(hidden)]
    pub fn promise_ended(&self, promised: &AtomicUsize, cost: usize) {
        let before = promised.fetch_sub(cost, Ordering::Release);
        self.outbox.promises_changed(promised, before);
    }

    /// How many messages were handed in so far; it wraps around.
    #[doc(hidden)]
    pub fn handed_in(&self) -> u32 {
        self.outbox.lock().handed_in()
    }

    /// Whether so many messages have been taken over.
    #[doc(hidden)]
    pub fn has_taken_over(&self, handed_in: u32) -> bool {
        is_reached(handed_in, self.outbox.lock().waiting.taken)
    }

    /// Whether there is anything to wait for: how many messages were taken
    /// over so far. None: the connection has let it pass since it last took
    /// one over; a turn also where it has not run for that long already, since
    /// half of the room was taken.
    #[doc(hidden)]
    pub fn awaited(&self, patience: Patience, turn: Duration) -> Option<u32> {
        let state = self.outbox.lock();
        let crowd = state.crowd.as_ref();
        let since = crowd.and_then(|crowd| crowd.pressed_since);
        let has_passed = since.is_some_and(|since| since.elapsed() >= turn);
        let is_late = state.late >= patience.into() || (patience == Patience::Turn && has_passed);
        (!is_late).then_some(state.waiting.taken)
    }

    /// Hands a message in once there is room, in the order of those who wait;
    /// [`SendError::Full`] where the connection lets pass what is waited for.
    /// A newer message may take the place of one that is `lossy`.
    #[doc(hidden)]
    pub async fn send_in_turn(
        self,
        message: Prepared,
        patience: Patience,
        lossy: bool,
    ) -> Result<(), SendError<()>> {
        let late = patience.into();
        let sent = self.outbox.send_unless(late, &message, lossy).await;
        sent.map_err(|error| error.map(drop))
    }

    /// It was waited for long enough. Unless the connection took a message over
    /// meanwhile, it is waited for no more until it does.
    #[doc(hidden)]
    pub fn let_pass(&self, taken: u32, patience: Patience) {
        let state = self.outbox.lock();
        let waits = state.late < patience.into() && state.waiting.taken == taken;
        drop(state);
        if waits {
            self.outbox.is_late(patience.into());
        }
    }

    /// As [`try_send`](Self::try_send), for a message that a newer one may take
    /// the place of.
    #[doc(hidden)]
    #[inline]
    pub fn try_publish(&self, message: &Published) -> Result<(), SendError<()>> {
        self.outbox.try_publish(message)
    }

    /// As [`send_newest`](Self::send_newest).
    #[doc(hidden)]
    #[inline]
    pub fn publish_newest(&self, message: &Published) -> Result<usize, SendError<()>> {
        self.outbox.replace_published(message)
    }

    /// Hands a message in although there is no room for it, as long as what
    /// there is no room for has up to `backlog` bytes and a queue's worth of
    /// messages leaves `within` this time.
    ///
    /// # Errors
    ///
    /// [`SendError::Full`] where that is over: then the connection begins to
    /// close with 1013, after what was handed in.
    #[doc(hidden)]
    pub fn exceed<'a>(
        &self,
        message: &'a Prepared,
        backlog: usize,
        within: Duration,
    ) -> Result<(), SendError<&'a Prepared>> {
        self.outbox.exceed(message, backlog, within)
    }
}
