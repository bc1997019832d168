//! What the server does with events, by the path a connection was opened with.

use std::collections::HashMap;

use socket_flow::{Events, Message, Sender, ServerEvent};

use crate::board::Counter;
use crate::books::Books;
use crate::causes::Causes;
use crate::handling::is_short;
use crate::ledger::Ledger;
use crate::paths::{NUMBERED, ROOM, SHORT};
use crate::rooms::Rooms;

/// The reader of a server's events.
#[derive(Debug)]
pub(crate) struct Answering {
    rooms: Rooms,
    books: Books,
    causes: Causes,
    /// Answers that the connection did not take.
    refused: Counter,
}

/// What is done with the messages of a connection.
enum Work {
    Echo,
    Numbered(Ledger),
    Short,
    Room(String),
}

impl Answering {
    pub(crate) fn new(rooms: Rooms, books: Books, causes: Causes, refused: Counter) -> Self {
        Self {
            rooms,
            books,
            causes,
            refused,
        }
    }

    /// Reads until the server has stopped.
    pub(crate) async fn run(self, mut events: Events) {
        let mut connections = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                ServerEvent::Open {
                    id,
                    request,
                    sender,
                    ..
                } => {
                    let work = self.begin(request.uri().path(), &sender);
                    connections.insert(id, (sender, work));
                }
                ServerEvent::Message { id, message } => {
                    if let Some((sender, work)) = connections.get_mut(&id) {
                        self.answer(sender, work, message).await;
                    }
                }
                ServerEvent::Close { id, error, .. } => {
                    self.causes.count(error.as_ref().map_or(Ok(()), Err));
                    connections.remove(&id);
                }
                _ => {}
            }
        }
    }

    fn begin(&self, path: &str, sender: &Sender) -> Work {
        match path {
            NUMBERED => Work::Numbered(Ledger::unknown()),
            SHORT => Work::Short,
            _ => match path.strip_prefix(ROOM) {
                Some(room) => {
                    self.rooms.join(room, sender);
                    Work::Room(room.to_owned())
                }
                None => Work::Echo,
            },
        }
    }

    async fn answer(&self, sender: &Sender, work: &mut Work, message: Message) {
        match work {
            Work::Numbered(ledger) => {
                self.books.enter(ledger, message.as_bytes());
                // Who only tried would lose the echoes of a large burst.
                if sender.send(message).await.is_err() {
                    self.refused.add(1);
                }
            }
            Work::Echo => {
                self.books.count();
                self.reply(sender, message);
            }
            Work::Short => {
                self.books.count();
                if is_short(message.as_bytes()) {
                    self.reply(sender, message);
                }
            }
            Work::Room(room) => {
                self.books.count();
                self.rooms.publish(room, message).await;
            }
        }
    }

    /// As the documentation replies to an event.
    fn reply(&self, sender: &Sender, message: Message) {
        if sender.try_send(message).is_err() {
            self.refused.add(1);
        }
    }
}
