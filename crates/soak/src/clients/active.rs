//! Connections on which numbered messages go out, and must come back.

use std::sync::Arc;
use std::time::Duration;

use socket_flow::{CloseCode, Error, Message, OwnedReader, OwnedWriter, WebSocket};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::board::{Board, Counter, Latency};
use crate::books::Books;
use crate::causes::Causes;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::paths::NUMBERED;
use crate::seed::Numbers;
use crate::signals::Phase;

/// So many messages at most leave together.
const BURST: u64 = 8;

/// So long an echo may take before it counts as lost on an open connection.
const PATIENCE: Duration = Duration::from_secs(60);

/// Opens the connections and exchanges messages on them until the last phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let client = Client {
        period: options.period() * (BURST as u32 / 2),
        books: Books::on(board),
        causes: Causes::on(board),
        opened: board.counter("opened"),
        open: board.counter("open"),
        failed: board.counter("failed"),
        sent: board.counter("sent"),
        told: board.counter("told"),
        echo: board.latency("echo"),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let numbers = options.seed.numbers(number);
        let client = client.clone();
        tasks.spawn(client.run(number, dial.clone(), numbers, phase.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Client {
    /// From one burst to the next.
    period: Duration,
    books: Books,
    causes: Causes,
    opened: Counter,
    open: Counter,
    failed: Counter,
    sent: Counter,
    /// Messages without an echo on connections whose end was told as an error.
    told: Counter,
    /// From sending a burst to its last echo.
    echo: Latency,
}

/// What goes out on a connection and comes back.
struct Exchange {
    number: u64,
    numbers: Numbers,
    sent: u64,
    ledger: Ledger,
}

impl Client {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(self, number: u64, dial: Dial, numbers: Numbers, mut phase: Phase) {
        let opened = tokio::select! {
            opened = dial.open(number, NUMBERED) => opened,
            () = phase.ended() => return,
        };
        let ws = match opened {
            Ok(ws) => ws,
            Err(error) => {
                eprintln!("connection {number}: {error}: {error:?}");
                return self.failed.add(1);
            }
        };
        self.opened.add(1);
        let _open = self.open.hold();
        let mut exchange = Exchange {
            number,
            numbers,
            sent: 0,
            ledger: Ledger::of(number),
        };
        // Both ways to write a client are tried.
        let ended = match number % 2 {
            0 => self.whole(ws, &mut exchange, phase).await,
            _ => self.split(ws, &mut exchange, phase).await,
        };
        let missing = exchange.sent - exchange.ledger.next().min(exchange.sent);
        match &ended {
            Ok(()) => self.books.missing(missing),
            Err(error) => {
                eprintln!("connection {number}, {missing} under way: {error}: {error:?}");
                self.told.add(missing);
            }
        }
        self.causes.count(ended.as_ref().copied());
    }

    /// One task that sends and receives by turns.
    async fn whole(
        &self,
        mut ws: WebSocket<TcpStream>,
        exchange: &mut Exchange,
        mut phase: Phase,
    ) -> Result<(), Error> {
        while !phase.is_over() {
            let began = Instant::now();
            for message in exchange.burst() {
                ws.send(message).await?;
                self.sent.add(1);
            }
            while exchange.ledger.next() < exchange.sent {
                let received = timeout_at(began + PATIENCE, ws.recv()).await;
                if !self.enter(exchange, received.unwrap_or(Ok(None))?) {
                    // Either no echo came, or the server closed.
                    return Ok(());
                }
            }
            self.echo.record(began.elapsed());
            let next = began + exchange.pause(self.period);
            tokio::select! {
                received = ws.recv() => if !self.enter(exchange, received?) {
                    return Ok(());
                },
                () = sleep_until(next) => {}
                () = phase.ended() => {}
            }
        }
        ws.start_close(CloseCode::NORMAL, "")?;
        while let Some(message) = ws.recv().await? {
            self.enter(exchange, Some(message));
        }
        Ok(())
    }

    /// One half sends while the other receives.
    async fn split(
        &self,
        ws: WebSocket<TcpStream>,
        exchange: &mut Exchange,
        mut phase: Phase,
    ) -> Result<(), Error> {
        let (mut reader, mut writer) = ws.into_split();
        while !phase.is_over() {
            let began = Instant::now();
            let burst = exchange.burst();
            let receiving = self.receive(&mut reader, exchange, began + PATIENCE);
            let (sent, received) = tokio::join!(self.send(&mut writer, burst), receiving);
            sent?;
            if !received? {
                return Ok(());
            }
            self.echo.record(began.elapsed());
            let next = began + exchange.pause(self.period);
            tokio::select! {
                received = reader.recv() => if !self.enter(exchange, received?) {
                    return Ok(());
                },
                () = sleep_until(next) => {}
                () = phase.ended() => {}
            }
        }
        let (closed, drained) = tokio::join!(writer.close(CloseCode::NORMAL, ""), async {
            while let Some(message) = reader.recv().await? {
                self.enter(exchange, Some(message));
            }
            Ok(())
        });
        closed.and(drained)
    }

    async fn send(
        &self,
        writer: &mut OwnedWriter<TcpStream>,
        burst: Vec<Message>,
    ) -> Result<(), Error> {
        for message in burst {
            writer.send(message).await?;
            self.sent.add(1);
        }
        Ok(())
    }

    async fn receive(
        &self,
        reader: &mut OwnedReader<TcpStream>,
        exchange: &mut Exchange,
        deadline: Instant,
    ) -> Result<bool, Error> {
        while exchange.ledger.next() < exchange.sent {
            let received = timeout_at(deadline, reader.recv()).await;
            if !self.enter(exchange, received.unwrap_or(Ok(None))?) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether there was a message to enter.
    fn enter(&self, exchange: &mut Exchange, message: Option<Message>) -> bool {
        if let Some(message) = &message {
            self.books.enter(&mut exchange.ledger, message.as_bytes());
        }
        message.is_some()
    }
}

impl Exchange {
    /// The next messages, some as text and some as binary.
    fn burst(&mut self) -> Vec<Message> {
        let count = 1 + self.numbers.below(BURST);
        (0..count).map(|_| self.message()).collect()
    }

    fn message(&mut self) -> Message {
        let numbered = Numbered {
            connection: self.number,
            sequence: self.sent,
        };
        self.sent += 1;
        let text = numbered.encode(message::body(&mut self.numbers));
        match self.numbers.below(2) {
            0 => Message::from(text),
            _ => Message::from(text.into_bytes()),
        }
    }

    /// Around the period, so that connections do not all speak at once.
    fn pause(&mut self, period: Duration) -> Duration {
        period / 2 + Duration::from_micros(self.numbers.below(period.as_micros() as u64))
    }
}
