use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use socket_flow_connection::{Error, WebSocket};
use socket_flow_protocol::{CloseCode, CloseFrame, Message, Utf8Bytes};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use crate::race::{First, race};
use crate::server::control::Control;
use crate::server::event::{ConnectionId, Queued, ServerEvent};
use crate::server::event_memory::{EventMemory, EventRoom};
use crate::server::peer_addr::PeerAddr;
use crate::server::pending::Opened;
use crate::server::reply_room::{Promise, ReplyRoom};
use crate::server::session::{Registered, Running, Session};
use crate::stream::ServerStream;

/// Serves a connection as events: `Open`, one for each message, and `Close`.
#[derive(Clone)]
pub(crate) struct EventSession {
    pub(crate) events: mpsc::Sender<Queued>,
    pub(crate) memory: EventMemory,
}

impl Session for EventSession {
    fn run(&self, opened: Opened<ServerStream>, peer: PeerAddr, control: Arc<Control>) -> Running {
        let Opened {
            mut ws,
            request,
            memory,
        } = opened;
        let sender = ws.sender();
        let mut sink = EventSink {
            events: self.events.clone(),
            memory: self.memory.clone(),
            registered: Registered::new(control, sender.clone()),
            replies: ReplyRoom::new(sender.clone()),
            failure: None,
            owes_close: false,
        };
        let open = Box::new(Queued {
            event: ServerEvent::Open {
                id: sink.registered.id,
                peer,
                request: Box::new(request),
                sender,
            },
            promise: None,
            room: memory.map(|request| self.memory.request(request)),
        });
        Box::pin(async move {
            if !sink.send(&mut ws, unboxed(open)).await {
                // The server is about to stop, and nobody hears of this one.
                let _ = Box::pin(ws.close(CloseCode::GOING_AWAY, "")).await;
                return;
            }
            sink.owes_close = true;
            let result = loop {
                match ws.recv().await {
                    // A message that cannot be sent is dropped: the server stops.
                    Ok(Some(message)) => {
                        sink.send_message(&mut ws, message).await;
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let error = sink.failure.take().or(result);
            let close = close_event(sink.registered.id, ws.close_frame().cloned(), error);
            // Its socket is not held open until the application has time.
            drop(ws);
            drop(sink.registered.end());
            Box::pin(sink.send_close(close)).await;
        })
    }
}

/// Gives the memory of a box back at once, and not with what it was captured by.
#[allow(clippy::boxed_local)] // the box is what it is about
fn unboxed<T>(boxed: Box<T>) -> T {
    *boxed
}

fn close_event(id: ConnectionId, frame: Option<CloseFrame>, error: Option<Error>) -> ServerEvent {
    let (code, reason) = match (frame, &error) {
        (Some(frame), _) => (frame.code.as_u16(), frame.reason),
        (None, None) => (NO_STATUS, Utf8Bytes::default()),
        (None, Some(error)) => (error.close_code().unwrap_or(ABNORMAL), Utf8Bytes::default()),
    };
    ServerEvent::Close {
        id,
        code,
        reason,
        error,
    }
}

/// The events of one connection, on their way to the application. Each `Open` is followed by a `Close`,
/// also where the task is dropped.
struct EventSink {
    events: mpsc::Sender<Queued>,
    memory: EventMemory,
    registered: Registered,
    replies: ReplyRoom,
    /// Why sending failed while an event waited for room.
    failure: Option<Error>,
    /// Whether `Open` was sent and `Close` was not.
    owes_close: bool,
}

/// Sends an event; the output says whether it was sent. Only where it waits is there a future, which is
/// boxed: it would otherwise be part of each idle connection.
enum Sending<'a> {
    Done(bool),
    Waiting(Pin<Box<dyn Future<Output = bool> + Send + 'a>>),
}

impl Future for Sending<'_> {
    type Output = bool;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
        match &mut *self {
            Self::Done(is_sent) => Poll::Ready(*is_sent),
            Self::Waiting(sending) => sending.as_mut().poll(cx),
        }
    }
}

impl EventSink {
    /// Sends an event, or waits for room. Meanwhile it sends what the application hands in, who may be
    /// waiting for that, and it gives up once the server is to stop.
    fn send<'a>(&'a mut self, ws: &'a mut WebSocket<ServerStream>, event: Queued) -> Sending<'a> {
        match self.events.try_send(event) {
            Ok(()) => Sending::Done(true),
            Err(TrySendError::Closed(_)) => Sending::Done(false),
            Err(TrySendError::Full(event)) => Sending::Waiting(Box::pin(async move {
                let events = self.events.clone();
                match self.while_driving(ws, events.reserve()).await {
                    Some(Ok(room)) => {
                        room.send(event);
                        true
                    }
                    Some(Err(_)) | None => false,
                }
            })),
        }
    }

    /// As [`send`](Self::send), once there is room for a reply, and for the message
    /// among those that wait to be read.
    fn send_message<'a>(
        &'a mut self,
        ws: &'a mut WebSocket<ServerStream>,
        message: Message,
    ) -> Sending<'a> {
        let size = message.len();
        let promise = self.replies.try_promise(size);
        if let Some((promise, room)) = promise.zip(self.memory.try_room(size)) {
            let event = self.message(message, promise, Some(room));
            return self.send(ws, event);
        }
        let received = self.memory.received(size);
        Sending::Waiting(Box::pin(async move {
            let promise = self.wait_for_reply_room(ws, size).await;
            let memory = self.memory.clone();
            let room = memory.room(size, received);
            let room = self.while_driving(ws, room).await.flatten();
            let event = self.message(message, promise, room);
            self.send(ws, event).await
        }))
    }

    fn message(&self, message: Message, promise: Promise, room: Option<EventRoom>) -> Queued {
        let id = self.registered.id;
        Queued {
            event: ServerEvent::Message { id, message },
            promise: Some(promise),
            room,
        }
    }

    /// Waits for the room for a reply, and sends meanwhile, which makes it;
    /// unless no reply will be sent any more.
    async fn wait_for_reply_room(
        &mut self,
        ws: &mut WebSocket<ServerStream>,
        size: usize,
    ) -> Promise {
        let drive = pin!(ws.drive());
        let room = pin!(self.replies.wait(size));
        let room = race(drive, room);
        let control = &self.registered.control;
        match control.unless_stopping(pin!(room)).await {
            Some(First::Right(promise)) => return promise,
            Some(First::Left(Err(error))) => self.failure = Some(error),
            Some(First::Left(Ok(()))) | None => {}
        }
        self.replies.promise(size)
    }

    /// Waits, and sends meanwhile, as long as the connection does; `None` once the
    /// server is to stop: whoever stops it may be the one who reads events.
    async fn while_driving<T>(
        &mut self,
        ws: &mut WebSocket<ServerStream>,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        let mut wait = pin!(wait);
        let mut is_driving = true;
        loop {
            let first = {
                let drive = pin!(async {
                    match is_driving {
                        true => ws.drive().await,
                        false => std::future::pending().await,
                    }
                });
                let others = pin!(self.registered.control.unless_stopping(drive));
                race(wait.as_mut(), others).await
            };
            match first {
                First::Left(result) => return Some(result),
                First::Right(None) => return None,
                First::Right(Some(result)) => {
                    is_driving = false;
                    if let Err(error) = result {
                        self.failure = Some(error);
                    }
                }
            }
        }
    }

    async fn send_close(&mut self, event: ServerEvent) {
        self.owes_close = false;
        let control = &self.registered.control;
        let event = match self.events.try_send(event.into()) {
            Ok(()) | Err(TrySendError::Closed(_)) => return,
            Err(TrySendError::Full(Queued { event, .. })) => event,
        };
        let mut close = Undelivered {
            control,
            event: Some(event),
        };
        let room = pin!(self.events.reserve());
        let closing = pin!(control.closing.cancelled());
        if let First::Left(room) = race(room, closing).await {
            if let (Ok(room), Some(event)) = (room, close.event.take()) {
                room.send(event.into());
            }
        }
    }
}

impl Drop for EventSink {
    fn drop(&mut self) {
        if self.owes_close {
            self.registered
                .control
                .keep_undelivered(ServerEvent::Close {
                    id: self.registered.id,
                    code: ABNORMAL,
                    reason: Utf8Bytes::default(),
                    error: None,
                });
        }
    }
}

/// An event that waits for room; dropped while it does, it is read after all others.
struct Undelivered<'a> {
    control: &'a Control,
    event: Option<ServerEvent>,
}

impl Drop for Undelivered<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.event.take() {
            self.control.keep_undelivered(event);
        }
    }
}

/// RFC 6455 §7.1.5: the Close carried no code.
const NO_STATUS: u16 = 1005;

/// RFC 6455 §7.1.5: there was no Close.
const ABNORMAL: u16 = 1006;
