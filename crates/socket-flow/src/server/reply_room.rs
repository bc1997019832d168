use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use socket_flow_connection::Sender;
use tokio::sync::Notify;

/// The room for replies to a connection's messages in the queue of its senders.
///
/// Each message that becomes an event is promised the room of a reply of its
/// size, until the application has finished with the event: by then the reply
/// is in the queue, if there is one. So an application that replies to each
/// message before it reads the next event always finds room.
pub(crate) struct ReplyRoom(Arc<Promised>);

struct Promised {
    sender: Sender,
    /// Invariant: the sum of what the living promises hold. Only the
    /// connection's task adds to it.
    bytes: AtomicUsize,
    /// Told each time a promise ends.
    ended: Notify,
}

/// The room for one reply. It ends when this is dropped.
pub(crate) struct Promise {
    promised: Arc<Promised>,
    bytes: usize,
}

impl ReplyRoom {
    pub(crate) fn new(sender: Sender) -> Self {
        Self(Arc::new(Promised {
            sender,
            bytes: AtomicUsize::new(0),
            ended: Notify::new(),
        }))
    }

    /// Promises the room for a reply with a payload of this many bytes, if it
    /// is there.
    pub(crate) fn try_promise(&self, payload: usize) -> Option<Promise> {
        let bytes = self.0.sender.cost(payload);
        let is_promised = self.0.sender.try_promise(&self.0.bytes, bytes);
        is_promised.then(|| self.promised(bytes))
    }

    /// Promises it, also where it is not there.
    pub(crate) fn promise(&self, payload: usize) -> Promise {
        let bytes = self.0.sender.cost(payload);
        self.0.sender.promise(&self.0.bytes, bytes);
        self.promised(bytes)
    }

    fn promised(&self, bytes: usize) -> Promise {
        Promise {
            promised: Arc::clone(&self.0),
            bytes,
        }
    }

    /// Promises the room once it is there. It looks each time it is polled, for the
    /// room also grows when the connection, in the same task, takes messages over.
    ///
    /// Other senders may fill the room for ever. Where no reply is owed, a message
    /// waits no longer than for those that were handed in before it.
    pub(crate) async fn wait(&self, payload: usize) -> Promise {
        let mut ended = pin!(self.0.ended.notified());
        let mut before = None;
        poll_fn(|cx| {
            loop {
                // Memory that was only looked at may be gone when the reply comes.
                if let Some(promise) = self.try_promise(payload) {
                    return Poll::Ready(promise);
                }
                if self.had_turn(&mut before) {
                    return Poll::Ready(self.promise(payload));
                }
                if ended.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                ended.set(self.0.ended.notified());
            }
        })
        .await
    }

    /// Whether no reply is owed, and all that was handed in when that was found
    /// out, replies included, is taken over.
    fn had_turn(&self, before: &mut Option<u32>) -> bool {
        let sender = &self.0.sender;
        if before.is_none() && self.0.bytes.load(Ordering::Acquire) == 0 {
            *before = Some(sender.handed_in());
        }
        before.is_some_and(|before| sender.has_taken_over(before))
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        let Promised { sender, bytes, .. } = &*self.promised;
        sender.promise_ended(bytes, self.bytes);
        self.promised.ended.notify_one();
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use bytes::BytesMut;
    use futures_util::task::noop_waker;
    use socket_flow_connection::{Negotiated, Role, WebSocket};
    use socket_flow_protocol::{Budget, Config, Purpose};

    use super::*;

    /// Cause: the room for a reply was only looked at, and the memory for it was gone when the
    /// reply came.
    #[test]
    fn room_that_is_waited_for_stays_until_the_reply_comes() {
        let budget = Budget::new(64 << 20);
        let config = Config::new().budget(budget.clone());
        let (stream, _peer) = tokio::io::duplex(1 << 10);
        let agreed = Negotiated::default();
        let mut ws = WebSocket::from_parts(stream, BytesMut::new(), Role::Server, agreed, config);
        let sender = ws.sender();
        let replies = ReplyRoom::new(sender.clone());
        let mut hog = budget.lease(Purpose::Events);
        let first = replies.try_promise(3_000).unwrap();

        hog.set(64 << 20);
        assert!(replies.try_promise(3_000).is_none());
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        let mut wait = pin!(replies.wait(3_000));
        assert!(wait.as_mut().poll(&mut cx).is_pending());
        hog.set(0);
        let Poll::Ready(second) = wait.as_mut().poll(&mut cx) else {
            panic!("there is room");
        };
        hog.set(64 << 20);
        for promise in [first, second] {
            sender.try_send(vec![7; 3_000]).unwrap();
            drop(promise);
        }
    }
}
