//! What the server does on a connection, by the path it was opened with.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use socket_flow::{Error, ServerStream, WebSocket};
use tokio::time::{MissedTickBehavior, interval, sleep};

use crate::books::Books;
use crate::causes::Causes;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::paths::{
    ASLEEP, BURST, BURST_PUBLISHER, ELSEWHERE, NUMBERED, PUBLISHER, PUSHED, RESUMED, ROOM, SENDER,
    SHORT,
};
use crate::rooms::Rooms;
use crate::seed::Seed;

type Connection = WebSocket<ServerStream>;

/// What a connection's task does. Each is as large as its own work, not as the largest.
type Working = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// The server's handler.
#[derive(Clone, Debug)]
pub(crate) struct Handling(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rooms: Rooms,
    books: Books,
    causes: Causes,
    /// How often, how much and what those are sent who only read.
    period: Duration,
    size: usize,
    seed: Seed,
    /// How many messages a burst has.
    messages: u64,
}

impl Handling {
    pub(crate) fn new(options: &Options, rooms: Rooms, books: Books, causes: Causes) -> Self {
        Self(Arc::new(Shared {
            rooms,
            books,
            causes,
            period: Duration::from_secs_f64(1.0 / options.rate.max(1) as f64),
            size: options.size,
            seed: options.seed,
            messages: options.messages,
        }))
    }

    /// Begins to work on a connection. The request is not kept: it would cost each connection its
    /// headers.
    pub(crate) fn handle(&self, mut ws: Connection, request: &Request<()>) -> Working {
        let shared = Arc::clone(&self.0);
        /// A task that works by one of the functions below.
        macro_rules! working {
            ($work:ident $(, $argument:expr)*) => {{
                Box::pin(async move {
                    let ended = shared.$work(&mut ws $(, $argument)*).await;
                    shared.end(ended)
                })
            }};
        }
        let path = request.uri().path();
        let room = |beginning| path.strip_prefix(beginning).map(str::to_owned);
        match path {
            NUMBERED => working!(numbered, Ledger::unknown()),
            RESUMED => working!(numbered, Ledger::resumed()),
            PUSHED => working!(push),
            SHORT => working!(short),
            SENDER => working!(sender),
            BURST => working!(burst),
            ELSEWHERE => working!(elsewhere),
            _ => {
                if let Some(room) = room(ROOM) {
                    working!(room, &room, Duration::ZERO)
                } else if let Some(room) = room(ASLEEP) {
                    working!(room, &room, SLEEP)
                } else if let Some(room) = room(PUBLISHER) {
                    working!(publisher, &room)
                } else if let Some(room) = room(BURST_PUBLISHER) {
                    working!(burst_publisher, &room)
                } else {
                    working!(echo)
                }
            }
        }
    }
}

impl Shared {
    fn end(&self, ended: Result<(), Error>) -> Result<(), Error> {
        self.causes.count(ended.as_ref().copied());
        ended
    }

    /// The loop of the documentation.
    async fn echo(&self, ws: &mut Connection) -> Result<(), Error> {
        let (reader, writer) = ws.halves();
        while let Some(message) = reader.recv(writer).await? {
            self.books.count();
            writer.queue(message)?;
        }
        Ok(())
    }

    /// The same, and looks into each message.
    async fn numbered(&self, ws: &mut Connection, mut ledger: Ledger) -> Result<(), Error> {
        let (reader, writer) = ws.halves();
        while let Some(message) = reader.recv(writer).await? {
            self.books.enter(&mut ledger, message.as_bytes());
            writer.queue(message)?;
        }
        Ok(())
    }

    /// Answers short messages, and no others.
    async fn short(&self, ws: &mut Connection) -> Result<(), Error> {
        let (reader, writer) = ws.halves();
        while let Some(message) = reader.recv(writer).await? {
            self.books.count();
            if is_short(message.as_bytes()) {
                writer.queue(message)?;
            }
        }
        Ok(())
    }

    /// Echoes by a handle that other tasks use as well.
    async fn sender(&self, ws: &mut Connection) -> Result<(), Error> {
        let out = ws.sender();
        while let Some(message) = ws.recv().await? {
            self.books.count();
            if out.send(message).await.is_err() {
                // The connection has begun to close: its last messages are read.
                continue;
            }
        }
        Ok(())
    }

    /// Sleeps after each message: meanwhile nothing is read.
    async fn elsewhere(&self, ws: &mut Connection) -> Result<(), Error> {
        while ws.recv().await?.is_some() {
            self.books.count();
            sleep(SLEEP).await;
        }
        Ok(())
    }

    /// A member of a room: the loop of the documentation, after a sleep.
    async fn room(&self, ws: &mut Connection, room: &str, asleep: Duration) -> Result<(), Error> {
        self.rooms.join(room, &ws.sender());
        if !asleep.is_zero() {
            sleep(asleep).await;
        }
        self.publisher(ws, room).await
    }

    /// Says in a room what arrives.
    async fn publisher(&self, ws: &mut Connection, room: &str) -> Result<(), Error> {
        while let Some(message) = ws.recv().await? {
            self.books.count();
            self.rooms.publish_from(ws, room, message).await?;
        }
        Ok(())
    }

    /// Has a task of its own say many things in a room at once, for each message that arrives.
    async fn burst_publisher(&self, ws: &mut Connection, room: &str) -> Result<(), Error> {
        while ws.recv().await?.is_some() {
            let (rooms, room) = (self.rooms.clone(), room.to_owned());
            let burst: Vec<String> = self.numbered_burst().collect();
            tokio::spawn(async move {
                for message in burst {
                    rooms.publish(&room, message).await;
                }
            });
        }
        Ok(())
    }

    /// Sends many messages at once, then reads.
    async fn burst(&self, ws: &mut Connection) -> Result<(), Error> {
        for message in self.numbered_burst() {
            ws.send(message).await?;
        }
        while ws.recv().await?.is_some() {
            self.books.count();
        }
        Ok(())
    }

    fn numbered_burst(&self) -> impl Iterator<Item = String> {
        let mut numbers = self.seed.numbers(0);
        let len = self.size.saturating_sub(message::HEAD);
        (0..self.messages).map(move |sequence| {
            let numbered = Numbered {
                connection: 0,
                sequence,
            };
            numbered.encode(message::body_of(&mut numbers, len))
        })
    }

    async fn push(&self, ws: &mut Connection) -> Result<(), Error> {
        let (connection, _pushing) = self.books.push();
        let mut numbers = self.seed.numbers(connection);
        let mut ticks = interval(self.period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut sequence = 0;
        loop {
            tokio::select! {
                received = ws.recv() => match received? {
                    Some(_) => self.books.count(),
                    None => return Ok(()),
                },
                _ = ticks.tick() => {
                    let body = message::body_of(&mut numbers, self.size);
                    ws.send(Numbered { connection, sequence }.encode(body)).await?;
                    sequence += 1;
                    self.books.count_pushed();
                }
            }
        }
    }
}

/// Whether a message is short enough to be answered where long ones are not.
pub(crate) fn is_short(message: &[u8]) -> bool {
    message.len() < 100
}

/// How long a handler sleeps that does not read.
const SLEEP: Duration = Duration::from_secs(30);
