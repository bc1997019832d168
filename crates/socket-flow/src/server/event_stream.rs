use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tokio::sync::mpsc;

use crate::server::control::{Alive, Control};
use crate::server::event::{Queued, ServerEvent};
use crate::server::reply_room::Promise;

/// The events of a server, a stream; see
/// [`ServerBuilder::serve`](crate::ServerBuilder::serve).
///
/// It ends once the server has stopped and all its connections are closed.
/// Dropping it stops the server, for nobody would hear of its connections any
/// more: they are closed with 1001.
#[derive(Debug)]
pub struct Events {
    events: mpsc::Receiver<Queued>,
    /// The room for a reply to the event that was handed out last.
    unfinished: Option<Promise>,
    control: Arc<Control>,
    /// The server runs on while only the events are left.
    _alive: Arc<Alive>,
}

impl Events {
    pub(crate) fn new(events: mpsc::Receiver<Queued>, alive: Arc<Alive>) -> Self {
        Self {
            events,
            unfinished: None,
            control: Arc::clone(alive.control()),
            _alive: alive,
        }
    }

    /// The next event; `None` once the server has stopped and all its
    /// connections are closed.
    ///
    /// # Cancel safety
    /// No event is lost when the future is dropped.
    pub async fn next(&mut self) -> Option<ServerEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<ServerEvent>> {
        // Who asks for the next event has dealt with the one before.
        self.unfinished = None;
        Poll::Ready(match ready!(self.events.poll_recv(cx)) {
            Some(Queued {
                event,
                promise,
                room,
            }) => {
                // From here on its memory is the application's.
                drop(room);
                self.unfinished = promise;
                Some(event)
            }
            None => self.control.take_undelivered(),
        })
    }
}

impl Stream for Events {
    type Item = ServerEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ServerEvent>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.control.abandon();
    }
}
