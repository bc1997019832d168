use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

/// Where the transport of a connection goes when whoever has the connection drops it.
///
/// A handler may drop its connection at any time, and a destructor cannot wait. So the destructor of the
/// [`ServerStream`](crate::ServerStream) puts the transport here, and the task of the server takes it out, to write the last
/// frames and to read until the client is done: a socket that is closed with unread bytes in it resets
/// the connection, which destroys what was sent last.
#[derive(Debug)]
pub(crate) struct LingerSlot<S>(Arc<Mutex<Slot<S>>>);

/// The stream's end of a [`LingerSlot`]; the transport is dropped where that is gone.
#[derive(Debug)]
pub(super) struct ReclaimOnDrop<S>(Weak<Mutex<Slot<S>>>);

#[derive(Debug)]
struct Slot<S> {
    stream: Option<Box<S>>,
    waker: Option<Waker>,
}

impl<S> LingerSlot<S> {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Slot {
            stream: None,
            waker: None,
        })))
    }

    pub(super) fn reclaim_on_drop(&self) -> ReclaimOnDrop<S> {
        ReclaimOnDrop(Arc::downgrade(&self.0))
    }

    /// The transport, if the connection was dropped by now.
    pub(crate) fn take(&self) -> Option<S> {
        lock(&self.0).stream.take().map(|stream| *stream)
    }

    /// The transport, once the connection is dropped.
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<S> {
        let mut slot = lock(&self.0);
        if let Some(stream) = slot.stream.take() {
            return Poll::Ready(*stream);
        }
        match &mut slot.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl<S> ReclaimOnDrop<S> {
    pub(super) fn nowhere() -> Self {
        Self(Weak::new())
    }

    /// Puts what `stream` makes into the slot, if anyone waits there.
    pub(super) fn put(&self, stream: impl FnOnce() -> S) {
        let Some(slot) = self.0.upgrade() else {
            return;
        };
        let waker = {
            let mut slot = lock(&slot);
            slot.stream = Some(Box::new(stream()));
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

fn lock<S>(slot: &Mutex<Slot<S>>) -> MutexGuard<'_, Slot<S>> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
