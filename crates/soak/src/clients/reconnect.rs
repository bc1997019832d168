//! Clients that connect again when their server has gone.

use std::sync::Arc;
use std::time::Duration;

use socket_flow::{Backoff, CloseCode, DisconnectCause, ReconnectEvent, Reconnecting};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};

use crate::board::{Board, Counter, Latency};
use crate::books::Books;
use crate::causes::ABNORMAL;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::paths::RESUMED;
use crate::seed::Numbers;
use crate::signals::Phase;

/// Keeps connections for as long as it may, with a message on each now and then.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let client = Client {
        period: options.period(),
        phase,
        books: Books::on(board),
        opened: board.counter("opened"),
        open: board.counter("open"),
        failed: board.counter("failed"),
        abnormal: board.counter("lost_1006"),
        otherwise: board.counter("lost_otherwise"),
        given_up: board.counter("given_up"),
        clean: board.counter("ended_clean"),
        sent: board.counter("sent"),
        told: board.counter("told"),
        delay: board.latency("delay"),
        back: board.latency("back"),
        echo: board.latency("echo"),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let from = dial.clone();
        let reconnecting =
            dial.builder(number, RESUMED)
                .reconnect_on(Backoff::default(), move || {
                    let from = from.clone();
                    async move { from.tcp(number).await }
                });
        let numbers = options.seed.numbers(number);
        tasks.spawn(client.clone().run(number, reconnecting, numbers));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Client {
    period: Duration,
    phase: Phase,
    books: Books,
    opened: Counter,
    open: Counter,
    /// Attempts without a connection.
    failed: Counter,
    /// Connections lost with 1006, as RFC 6455 §7.1.5 has it.
    abnormal: Counter,
    /// Connections lost in any other way.
    otherwise: Counter,
    given_up: Counter,
    clean: Counter,
    sent: Counter,
    told: Counter,
    /// How long each waits before its first attempt.
    delay: Latency,
    /// From the loss of a connection to the next.
    back: Latency,
    echo: Latency,
}

impl Client {
    async fn run(mut self, number: u64, mut client: Reconnecting<TcpStream>, mut numbers: Numbers) {
        let sender = client.sender();
        // The messages are numbered over all connections: one that waits while there is none leaves
        // with the next.
        let (mut ledger, mut sent) = (Ledger::of(number), 0);
        // When the message under way was sent, when the connection was lost.
        let (mut asked, mut lost): (Option<Instant>, Option<Instant>) = (None, None);
        let mut open = None;
        let mut pause = self.period;
        let mut is_closing = false;
        loop {
            let event = tokio::select! {
                event = client.next() => event,
                () = sleep(pause), if open.is_some() && asked.is_none() && !is_closing => {
                    let numbered = Numbered { connection: number, sequence: sent };
                    if sender.try_send(numbered.encode(message::body(&mut numbers))).is_ok() {
                        self.sent.add(1);
                        sent += 1;
                        asked = Some(Instant::now());
                    }
                    continue;
                }
                () = self.phase.ended(), if !is_closing => {
                    is_closing = true;
                    let _ = sender.close(CloseCode::NORMAL, "");
                    continue;
                }
            };
            match event {
                None => return,
                Some(ReconnectEvent::Connected(_)) => {
                    self.opened.add(1);
                    open = Some(self.open.hold());
                    if let Some(lost) = lost.take() {
                        self.back.record(lost.elapsed());
                    }
                }
                Some(ReconnectEvent::Message(message)) => {
                    self.books.enter(&mut ledger, message.as_bytes());
                    if let Some(asked) = asked.take() {
                        self.echo.record(asked.elapsed());
                    }
                    let period = self.period.as_micros() as u64;
                    pause = self.period / 2 + Duration::from_micros(numbers.below(period));
                }
                Some(ReconnectEvent::Disconnected { cause, retry_in }) => {
                    if asked.take().is_some() {
                        self.told.add(1);
                        ledger.excuse();
                    }
                    if open.take().is_some() {
                        self.count(&cause);
                        lost = Some(Instant::now());
                        if let Some(delay) = retry_in {
                            self.delay.record(delay);
                        }
                    } else {
                        self.failed.add(1);
                    }
                    if retry_in.is_none() && !is_closing {
                        self.given_up.add(1);
                    }
                }
                Some(_) => {}
            }
        }
    }

    fn count(&self, cause: &DisconnectCause) {
        match cause {
            DisconnectCause::Closed(_) => self.clean.add(1),
            DisconnectCause::Failed(error) if error.close_code() == Some(ABNORMAL) => {
                self.abnormal.add(1);
            }
            _ => self.otherwise.add(1),
        }
    }
}
