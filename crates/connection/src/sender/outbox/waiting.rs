//! How senders wait for room in a queue that is full.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use socket_flow_protocol::{Payload, SendError};
use tokio::sync::Notify;
use tokio::task::coop::unconstrained;

use crate::sender::outbox::memory::Asking;
use crate::sender::outbox::stall::Stall;
use crate::sender::outbox::{Late, Outbox};

impl Outbox {
    /// Puts a message in once there is room, unless nothing is taken over for
    /// too long.
    pub(crate) async fn send<P: Payload>(&self, payload: P) -> Result<(), SendError<P>> {
        let cost = self.room_for(payload.bytes().len());
        let mut asking = Asking::new(self, cost);
        let mut room = pin!(self.room.acquire_many(cost));
        let mut stall = Stall::new(self);
        let room = poll_fn(|cx| {
            loop {
                if let Poll::Ready(room) = room.as_mut().poll(cx) {
                    return Poll::Ready(Some(room));
                }
                if !asking.ask() {
                    return stall.poll(cx).map(|()| None);
                }
            }
        });
        match room.await {
            Some(Ok(room)) => {
                room.forget();
                self.is_fed();
                self.push_one(payload, cost, false)
            }
            Some(Err(_)) => Err(SendError::Closed(payload)),
            None => Err(SendError::Stalled(payload)),
        }
    }

    /// Puts a message in once there is room, unless the connection is, or was
    /// meanwhile, as late as that: then the queue is full.
    pub(crate) async fn send_unless<P: Payload>(
        &self,
        late: Late,
        payload: P,
        lossy: bool,
    ) -> Result<(), SendError<P>> {
        let cost = self.room_for(payload.bytes().len());
        let mut asking = Asking::new(self, cost);
        // One publisher waits for many members: together they are not bound by
        // what a task may do in one turn, and each of them tells the truth.
        let mut room = pin!(unconstrained(self.room.acquire_many(cost)));
        let told = self.lateness();
        let mut notified = pin!(told.notified());
        notified.as_mut().enable();
        let room = poll_fn(|cx| {
            loop {
                if let Poll::Ready(room) = room.as_mut().poll(cx) {
                    return Poll::Ready(Some(room));
                }
                if !asking.ask() {
                    break;
                }
            }
            while self.lock().late < late {
                if pin!(unconstrained(notified.as_mut())).poll(cx).is_pending() {
                    return Poll::Pending;
                }
                notified.set(told.notified());
                notified.as_mut().enable();
                if late == Late::Turn {
                    break;
                }
            }
            Poll::Ready(None)
        });
        match room.await {
            Some(Ok(room)) => {
                room.forget();
                self.push_one(payload, cost, lossy)
            }
            Some(Err(_)) => Err(SendError::Closed(payload)),
            None => Err(SendError::Full(payload)),
        }
    }

    /// Tells those who wait that the connection is late.
    pub(crate) fn is_late(&self, late: Late) {
        let mut state = self.lock();
        if state.late >= late {
            return;
        }
        state.late = late;
        let told = state.crowd.as_ref().map(|crowd| crowd.late());
        drop(state);
        if let Some(told) = told {
            told.notify_waiters();
        }
    }

    fn lateness(&self) -> Arc<Notify> {
        self.lock().crowd.get_or_insert_default().late()
    }
}
