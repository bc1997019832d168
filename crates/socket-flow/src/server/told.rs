use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;

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

/// Tells the application in events.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) events: mpsc::Sender<Queued>,
    pub(crate) memory: EventMemory,
}

impl Session for Told {
    fn run(&self, opened: Opened<ServerStream>, peer: PeerAddr, control: Arc<Control>) -> Running {
        let Opened {
            mut ws,
            request,
            memory,
        } = opened;
        let sender = ws.sender();
        let mut telling = Telling {
            events: self.events.clone(),
            memory: self.memory.clone(),
            registered: Registered::new(control, sender.clone()),
            replies: ReplyRoom::new(sender.clone()),
            failure: None,
            owes_close: false,
        };
        let open = Box::new(Queued {
            event: ServerEvent::Open {
                id: telling.registered.id,
                peer,
                request: Box::new(request),
                sender,
            },
            promise: None,
            room: memory.map(|request| self.memory.request(request)),
        });
        Box::pin(async move {
            let is_told = match telling.tell(&mut ws, unboxed(open)) {
                Ok(is_told) => is_told,
                Err(late) => late.await,
            };
            if !is_told {
                // The server is about to stop, and nobody hears of this one.
                let _ = Box::pin(ws.close(CloseCode::GOING_AWAY, "")).await;
                return;
            }
            telling.owes_close = true;
            let result = loop {
                match ws.recv().await {
                    // A message without room is dropped: we are closing.
                    Ok(Some(message)) => {
                        if let Err(late) = telling.tell_message(&mut ws, message) {
                            late.await;
                        }
                    }
                    Ok(None) => break None,
                    Err(error) => break Some(error),
                }
            };
            let error = telling.failure.take().or(result);
            let close = close_event(telling.registered.id, ws.close_frame().cloned(), error);
            // Its socket is not held open until the application has time.
            drop(ws);
            drop(telling.registered.end());
            Box::pin(telling.tell_close(close)).await;
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

/// A connection that is told in events. Each `Open` is followed by a `Close`,
/// also where the task is dropped.
struct Telling {
    events: mpsc::Sender<Queued>,
    memory: EventMemory,
    registered: Registered,
    replies: ReplyRoom,
    /// Why sending failed while an event waited for room.
    failure: Option<Error>,
    /// Whether `Open` was told and `Close` was not.
    owes_close: bool,
}

/// What waits for room for an event: whether there was any in the end.
type Late<'a> = Pin<Box<dyn Future<Output = bool> + Send + 'a>>;

impl Telling {
    /// Hands an event over, where it finds room or never will; whether it did.
    /// Otherwise gives what waits for room. That sends meanwhile what the
    /// application hands in, who may be waiting for it, and gives up once the
    /// server is to stop.
    fn tell<'a>(
        &'a mut self,
        ws: &'a mut WebSocket<ServerStream>,
        event: Queued,
    ) -> Result<bool, Late<'a>> {
        match self.events.try_send(event) {
            Ok(()) => Ok(true),
            Err(TrySendError::Closed(_)) => Ok(false),
            Err(TrySendError::Full(event)) => Err(Box::pin(self.tell_late(ws, event))),
        }
    }

    /// As [`tell`](Self::tell), once there is room for a reply, and for the message
    /// among those that wait to be read.
    fn tell_message<'a>(
        &'a mut self,
        ws: &'a mut WebSocket<ServerStream>,
        message: Message,
    ) -> Result<bool, Late<'a>> {
        let size = message.len();
        let promise = self.replies.try_promise(size);
        match promise.zip(self.memory.try_room(size)) {
            Some((promise, room)) => {
                let event = self.message(message, promise, Some(room));
                self.tell(ws, event)
            }
            None => {
                let received = self.memory.received(size);
                Err(Box::pin(async move {
                    let promise = self.wait_for_reply_room(ws, size).await;
                    let memory = self.memory.clone();
                    let room = memory.room(size, received);
                    let room = self.beside(ws, room).await.flatten();
                    let event = self.message(message, promise, room);
                    match self.tell(ws, event) {
                        Ok(is_told) => is_told,
                        Err(late) => late.await,
                    }
                }))
            }
        }
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

    async fn tell_late(&mut self, ws: &mut WebSocket<ServerStream>, event: Queued) -> bool {
        let events = self.events.clone();
        match self.beside(ws, events.reserve()).await {
            Some(Ok(room)) => {
                room.send(event);
                true
            }
            Some(Err(_)) | None => false,
        }
    }

    /// Waits, and sends meanwhile, as long as the connection does; `None` once the
    /// server is to stop: whoever stops it may be the one who reads events.
    async fn beside<T>(
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

    async fn tell_close(&mut self, event: ServerEvent) {
        self.owes_close = false;
        match self.events.try_send(event.into()) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(Queued { event, .. })) => {
                let control = &self.registered.control;
                let mut unread = Unread(control, Some(event));
                let room = pin!(self.events.reserve());
                let closing = pin!(control.closing.cancelled());
                if let First::Left(Ok(room)) = race(room, closing).await {
                    if let Some(event) = unread.1.take() {
                        room.send(event.into());
                    }
                }
            }
        }
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        if self.owes_close {
            self.registered.control.keep_late(ServerEvent::Close {
                id: self.registered.id,
                code: ABNORMAL,
                reason: Utf8Bytes::default(),
                error: None,
            });
        }
    }
}

/// An event that is read late where it finds no room in time.
struct Unread<'a>(&'a Control, Option<ServerEvent>);

impl Drop for Unread<'_> {
    fn drop(&mut self) {
        if let Some(event) = self.1.take() {
            self.0.keep_late(event);
        }
    }
}

/// RFC 6455 §7.1.5: the Close carried no code.
const NO_STATUS: u16 = 1005;

/// RFC 6455 §7.1.5: there was no Close.
const ABNORMAL: u16 = 1006;
