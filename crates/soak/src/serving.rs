//! The server: the facade's own, which echoes, or pushes where the path asks for it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use socket_flow::{
    Config, Deflate, Error, Events, Server, ServerBuilder, ServerEvent, ServerStream, WebSocket,
};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::time::{MissedTickBehavior, interval};

use crate::board::{Board, Counter};
use crate::causes::Causes;
use crate::ledger::{Fault, Ledger};
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::seed::Seed;
use crate::signals::Phase;

/// The path of connections whose messages are numbered.
pub const NUMBERED: &str = "/numbered";

/// The path of connections whose messages go on being numbered where those of another ended.
pub const RESUMED: &str = "/resumed";

/// The path of connections that are sent numbered messages, without asking for each.
pub const PUSHED: &str = "/pushed";

/// How long connections may take to close at the end.
const GRACE: Duration = Duration::from_secs(10);

/// Long enough for the runtime to see that a task has ended.
const MOMENT: Duration = Duration::from_millis(200);

/// As many connections as tokio's own listeners let wait.
const BACKLOG: u32 = 1024;

/// Serves until the last phase, then closes all connections.
///
/// # Errors
/// The address cannot be bound.
pub async fn run(options: Options, mut phase: Phase, board: &Arc<Board>) -> io::Result<()> {
    let listener = listen(&options)?;
    announce(&listener)?;
    let books = Books::on(board);
    let causes = Causes::on(board);
    // All as a user has it who sets nothing.
    let builder = Server::with_listener(listener).deflate(Deflate::balanced());
    let builder = builder.config(Config::new());
    let (handle, answering) = match options.events {
        true => {
            let (handle, events) = builder.serve().await?;
            let answering = answer(events, books, causes, board.counter("refused"));
            (handle, Some(tokio::spawn(answering)))
        }
        false => (with_handler(builder, options, books, causes).await?, None),
    };
    let (connections, tasks) = (board.counter("connections"), board.counter("tasks"));
    let refresh = || {
        connections.set(handle.connections() as u64);
        tasks.set(Handle::current().metrics().num_alive_tasks() as u64);
    };
    tokio::select! {
        () = board.report(refresh) => {}
        () = phase.ended() => {}
    }
    let outcome = handle.shutdown(GRACE).await;
    if let Some(answering) = answering {
        // Until the last event is read.
        answering.await?;
    }
    // A task that has done its work is counted for a moment more.
    tokio::time::sleep(MOMENT).await;
    refresh();
    board.counter("dropped").add(outcome.dropped as u64);
    Ok(())
}

/// Says where it listens, which is what whoever started it waits for.
///
/// # Errors
/// The system does not know it.
#[allow(clippy::print_stdout)] // a program's output
pub fn announce(listener: &TcpListener) -> io::Result<()> {
    println!("listening on {}", listener.local_addr()?);
    Ok(())
}

fn listen(options: &Options) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    if options.buffer > 0 {
        // Connections have what their listener has.
        socket.set_send_buffer_size(options.buffer)?;
    }
    socket.bind(options.addr)?;
    socket.listen(BACKLOG)
}

async fn with_handler(
    builder: ServerBuilder,
    options: Options,
    books: Books,
    causes: Causes,
) -> io::Result<socket_flow::ServerHandle> {
    let pushing = Pushing {
        period: Duration::from_secs_f64(1.0 / options.rate.max(1) as f64),
        size: options.size,
        seed: options.seed,
    };
    let (books, causes) = (Arc::new(books), Arc::new(causes));
    builder
        .serve_with(move |ws, request: Request<()>| {
            // Not the request itself: it would cost each connection its headers.
            let work = Work::of(request.uri().path());
            let (books, causes) = (Arc::clone(&books), Arc::clone(&causes));
            async move {
                let result = match work {
                    Work::Numbered(ledger) => numbered(ws, &books, ledger).await,
                    Work::Push => Box::pin(push(ws, pushing, &books)).await,
                    Work::Echo => echo(ws, &books).await,
                };
                causes.count(result.as_ref().copied());
                result
            }
        })
        .await
}

/// What a connection is for.
enum Work {
    Echo,
    Numbered(Ledger),
    Push,
}

impl Work {
    fn of(path: &str) -> Self {
        match path {
            NUMBERED => Self::Numbered(Ledger::unknown()),
            RESUMED => Self::Numbered(Ledger::resumed()),
            PUSHED => Self::Push,
            _ => Self::Echo,
        }
    }
}

/// The loop of the documentation.
async fn echo(mut ws: WebSocket<ServerStream>, books: &Books) -> Result<(), Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        books.received.add(1);
        writer.queue(message)?;
    }
    Ok(())
}

/// The same, and looks into each message.
async fn numbered(
    mut ws: WebSocket<ServerStream>,
    books: &Books,
    mut ledger: Ledger,
) -> Result<(), Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        books.enter(&mut ledger, message.as_bytes());
        writer.queue(message)?;
    }
    Ok(())
}

/// What is sent to those who only read.
#[derive(Clone, Copy, Debug)]
struct Pushing {
    period: Duration,
    size: usize,
    seed: Seed,
}

async fn push(
    mut ws: WebSocket<ServerStream>,
    pushing: Pushing,
    books: &Books,
) -> Result<(), Error> {
    let connection = books.pushing.get();
    let _pushing = books.pushing.hold();
    let mut numbers = pushing.seed.numbers(connection);
    let mut ticks = interval(pushing.period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sequence = 0;
    loop {
        tokio::select! {
            received = ws.recv() => match received? {
                Some(_) => books.received.add(1),
                None => return Ok(()),
            },
            _ = ticks.tick() => {
                let body = message::body_of(&mut numbers, pushing.size);
                ws.send(Numbered { connection, sequence }.encode(body)).await?;
                sequence += 1;
                books.pushed.add(1);
            }
        }
    }
}

/// Answers events with what they bring. Every message is numbered.
async fn answer(mut events: Events, books: Books, causes: Causes, refused: Counter) {
    let mut connections = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            ServerEvent::Open { id, sender, .. } => {
                connections.insert(id, (sender, Ledger::unknown()));
            }
            ServerEvent::Message { id, message } => {
                if let Some((sender, ledger)) = connections.get_mut(&id) {
                    books.enter(ledger, message.as_bytes());
                    // Who only tried would lose the echoes of a large burst.
                    if sender.send(message).await.is_err() {
                        refused.add(1);
                    }
                }
            }
            ServerEvent::Close { id, error, .. } => {
                causes.count(error.as_ref().map_or(Ok(()), Err));
                connections.remove(&id);
            }
            _ => {}
        }
    }
}

/// What has arrived, on all connections.
#[derive(Clone, Debug)]
pub struct Books {
    received: Counter,
    pushed: Counter,
    pushing: Counter,
    lost: Counter,
    repeated: Counter,
    torn: Counter,
}

impl Books {
    /// The board's.
    pub fn on(board: &Board) -> Self {
        Self {
            received: board.counter("received"),
            pushed: board.counter("pushed"),
            pushing: board.counter("pushing"),
            lost: board.counter("lost"),
            repeated: board.counter("repeated"),
            torn: board.counter("torn"),
        }
    }

    /// Enters a message into a connection's ledger; whether nothing is wrong with it.
    #[allow(clippy::print_stderr)] // a program's output
    pub fn enter(&self, ledger: &mut Ledger, message: &[u8]) -> bool {
        self.received.add(1);
        let Err(fault) = ledger.enter(message) else {
            return true;
        };
        match fault {
            Fault::Lost { count } => self.lost.add(count),
            Fault::Repeated { .. } => self.repeated.add(1),
            Fault::Torn | Fault::Foreign { .. } => self.torn.add(1),
        }
        eprintln!("{fault:?} in {ledger:?}");
        false
    }

    /// Enters messages that never came, though both ends closed in order.
    pub fn missing(&self, count: u64) {
        self.lost.add(count);
    }
}
