//! How messages are put in.

use std::sync::atomic::Ordering;

use socket_flow_protocol::{Payload, SendError};
use tokio::sync::TryAcquireError;
use tokio::time::Instant;

use crate::sender::outbox::queue::{Enqueue, One};
use crate::sender::outbox::{Outbox, State};
use crate::sender::published::Published;
use crate::sync::MutexGuard;

impl Outbox {
    #[inline]
    pub(crate) fn try_send<P: Payload>(&self, payload: P, lossy: bool) -> Result<(), SendError<P>> {
        let sent = self.try_put(One { payload, lossy });
        sent.map_err(|error| error.map(|one| one.payload))
    }

    /// Puts a message in, if need be in place of the oldest lossy ones; how many
    /// those were.
    pub(crate) fn replace<P: Payload>(&self, payload: P) -> Result<usize, SendError<P>> {
        let lossy = true;
        let sent = self.put_newest(One { payload, lossy });
        sent.map_err(|error| error.map(|one| one.payload))
    }

    /// As [`replace`](Self::replace), for a published message.
    #[inline]
    pub(crate) fn replace_published(&self, message: &Published) -> Result<usize, SendError<()>> {
        let sent = self.put_newest(message);
        sent.map_err(|error| error.map(drop))
    }

    /// Puts a published message in if there is room.
    #[inline]
    pub(crate) fn try_publish(&self, message: &Published) -> Result<(), SendError<()>> {
        self.try_put(message).map_err(|error| error.map(drop))
    }

    #[inline]
    fn try_put<E: Enqueue>(&self, message: E) -> Result<(), SendError<E>> {
        let cost = self.room_for(message.payload_len());
        match self.room.try_acquire_many(cost) {
            Ok(room) => {
                room.forget();
                self.push(message, cost)
            }
            Err(TryAcquireError::NoPermits) => self.put_by_borrowing(message, cost),
            Err(TryAcquireError::Closed) => Err(SendError::Closed(message)),
        }
    }

    #[inline]
    fn put_newest<E: Enqueue>(&self, message: E) -> Result<usize, SendError<E>> {
        let cost = self.room_for(message.payload_len());
        let mut state = self.lock();
        let mut may_borrow = state.memory.is_some();
        loop {
            match self.room.try_acquire_many(cost) {
                Ok(room) => {
                    room.forget();
                    self.put(state, message, cost);
                    return Ok(0);
                }
                Err(TryAcquireError::NoPermits) if may_borrow => {
                    drop(state);
                    may_borrow = self.borrow_for(cost, true);
                    state = self.lock();
                }
                Err(TryAcquireError::NoPermits) => break,
                Err(TryAcquireError::Closed) => return Err(SendError::Closed(message)),
            }
        }
        if self.flushing.load(Ordering::Relaxed) || !message.put_over(&mut state.waiting, cost) {
            return self.put_over(state, message, cost);
        }
        self.announce(state);
        Ok(1)
    }

    /// Puts a message in the place of the oldest lossy ones.
    fn put_over<E: Enqueue>(
        &self,
        mut state: MutexGuard<'_, State>,
        message: E,
        cost: u32,
    ) -> Result<usize, SendError<E>> {
        let Some(oldest) = state.waiting.oldest(cost) else {
            return Err(SendError::Full(message));
        };
        state.are_dropped(oldest.count);
        state.waiting.drop_oldest(&oldest);
        message.put(&mut state.waiting, cost);
        self.charge_what_waits(&mut state);
        let left = oldest.room - cost;
        let left = match &mut state.crowd {
            Some(crowd) => crowd.pay(left),
            None => left,
        };
        self.announce(state);
        self.release_permits(left);
        Ok(oldest.count as usize)
    }

    /// Puts a message in whose room has been taken.
    pub(crate) fn push_one<P: Payload>(
        &self,
        payload: P,
        cost: u32,
        lossy: bool,
    ) -> Result<(), SendError<P>> {
        let sent = self.push(One { payload, lossy }, cost);
        sent.map_err(|error| error.map(|one| one.payload))
    }

    #[inline]
    pub(crate) fn push<E: Enqueue>(&self, message: E, cost: u32) -> Result<(), SendError<E>> {
        let state = self.lock();
        // A message that came later than the decision to close would be lost.
        if self.room.is_closed() {
            return Err(SendError::Closed(message));
        }
        self.put(state, message, cost);
        Ok(())
    }

    #[inline]
    fn put(&self, mut state: MutexGuard<'_, State>, message: impl Enqueue, cost: u32) {
        self.add(&mut state, message, cost);
        self.announce(state);
    }

    #[inline]
    pub(crate) fn add(&self, state: &mut State, message: impl Enqueue, cost: u32) {
        message.put(&mut state.waiting, cost);
        if self.room.available_permits() < state.pressed_below as usize {
            self.is_pressed(state);
        }
    }

    /// Half of the room is taken, or more. All of it may be, by a message that is
    /// larger.
    #[inline(never)]
    fn is_pressed(&self, state: &mut State) {
        let crowd = state.crowd.get_or_insert_default();
        crowd.pressed_since.get_or_insert_with(Instant::now);
        self.charge_what_waits(state);
    }
}
