//! What the server does on a connection, by the path it was opened with.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use socket_flow::{Error, ServerStream, WebSocket};
use tokio::time::{MissedTickBehavior, interval};

use crate::books::Books;
use crate::causes::Causes;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::seed::Seed;
use crate::serving::{NUMBERED, PUSHED, RESUMED};

type Connection = WebSocket<ServerStream>;

/// What a connection's task does. Each is as large as its own work, not as the largest.
type Working = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// The server's handler.
#[derive(Clone, Debug)]
pub(crate) struct Handling(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    books: Books,
    causes: Causes,
    /// How often, how much and what those are sent who only read.
    period: Duration,
    size: usize,
    seed: Seed,
}

impl Handling {
    pub(crate) fn new(options: &Options, books: Books, causes: Causes) -> Self {
        Self(Arc::new(Shared {
            books,
            causes,
            period: Duration::from_secs_f64(1.0 / options.rate.max(1) as f64),
            size: options.size,
            seed: options.seed,
        }))
    }

    /// Begins to work on a connection. The request is not kept: it would cost each connection its
    /// headers.
    pub(crate) fn handle(&self, mut ws: Connection, request: &Request<()>) -> Working {
        let shared = Arc::clone(&self.0);
        let ledger = match request.uri().path() {
            NUMBERED => Ledger::unknown(),
            RESUMED => Ledger::resumed(),
            PUSHED => {
                return Box::pin(async move {
                    let ended = shared.push(&mut ws).await;
                    shared.end(ended)
                });
            }
            _ => {
                return Box::pin(async move {
                    let ended = shared.echo(&mut ws).await;
                    shared.end(ended)
                });
            }
        };
        Box::pin(async move {
            let ended = shared.numbered(&mut ws, ledger).await;
            shared.end(ended)
        })
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
