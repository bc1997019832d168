//! Honest connections beside an attack: how long each echo takes.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::sleep;

use crate::board::{Board, Counter};
use crate::books::Books;
use crate::deflated::{Inflate, deflated};
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::raw::{self, Compression};
use crate::signals::Phase;
use crate::waits::{Asked, Schedule, Waits};

/// How long echoes are waited for at the end.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens the connections, and sends messages on each at their times until the last phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let meter = Meter {
        options,
        phase,
        books: Books::on(board),
        waits: Waits::on(board),
        open: board.counter("open"),
        failed: board.counter("failed"),
        ended: board.counter("ended"),
        sent: board.counter("sent"),
        unanswered: board.counter("unanswered"),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..meter.options.connections {
        tasks.spawn(meter.clone().run(number, dial.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

#[derive(Clone)]
struct Meter {
    options: Options,
    phase: Phase,
    books: Books,
    waits: Waits,
    open: Counter,
    failed: Counter,
    /// Connections that the server ended.
    ended: Counter,
    sent: Counter,
    /// Messages whose echo has not come at the end.
    unanswered: Counter,
}

impl Meter {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(mut self, number: u64, dial: Dial) {
        let offer = match self.options.deflate {
            true => Compression::Deflate,
            false => Compression::None,
        };
        let request = raw::request_for(self.options.addr, &self.options.path, offer);
        let (reader, agreed) = match dial.raw_as_agreed(number, &request).await {
            Ok(opened) => opened,
            Err(error) => {
                eprintln!("connection {number}: {error}");
                return self.failed.add(1);
            }
        };
        self.open.add(1);
        let (mut reader, mut writer) = reader.split();
        let (asking, mut asked) = unbounded_channel();
        let mut schedule = Schedule::new(self.options.period());
        let mut phase = self.phase.clone();
        let sent = self.sent.clone();
        let body = message::body_of(&mut self.options.seed.numbers(number), self.options.size);
        let writing = async move {
            let mut sequence = 0;
            while let Some(asked) = schedule.next(&mut phase).await {
                let numbered = Numbered {
                    connection: number,
                    sequence,
                };
                let Ok(frame) = frame(numbered.encode(body).as_bytes(), agreed) else {
                    break;
                };
                sequence += 1;
                if asking.send(asked).is_err() {
                    break;
                }
                sent.add(1);
                if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
                    break;
                }
                schedule.written();
            }
            drop(asking);
            // The server may still answer.
            std::future::pending::<()>().await;
        };
        let mut waiting = None;
        let mut ledger = Ledger::of(number);
        let mut inflate = Inflate::new();
        let reading = async {
            while let Some(asked) = asked.recv().await {
                waiting = Some(asked);
                let (is_compressed, echo) = reader.message_or_compressed().await?;
                self.waits.record(asked);
                waiting = None;
                let echo = match is_compressed {
                    true => inflate.inflate(&echo)?.into(),
                    false => echo,
                };
                self.books.enter(&mut ledger, &echo);
            }
            Ok::<_, io::Error>(())
        };
        let over = async {
            self.phase.ended().await;
            sleep(PATIENCE).await;
        };
        tokio::select! {
            read = reading => if let Err(error) = read {
                eprintln!("connection {number}: {error}");
                self.ended.add(1);
            },
            () = writing => {}
            () = over => {}
        }
        self.give_up(waiting, asked);
    }

    /// Enters messages without an echo with the time they have waited.
    fn give_up(&self, waiting: Option<Asked>, mut asked: UnboundedReceiver<Asked>) {
        let rest = std::iter::from_fn(|| asked.try_recv().ok());
        for asked in waiting.into_iter().chain(rest) {
            self.waits.record(asked);
            self.unanswered.add(1);
        }
    }
}

/// A message as it is agreed to be sent.
fn frame(message: &[u8], agreed: Compression) -> io::Result<Vec<u8>> {
    Ok(match agreed {
        Compression::None => raw::frame(raw::TEXT, message, raw::KEY),
        Compression::Deflate => {
            let first = raw::TEXT | raw::COMPRESSED;
            raw::frame(first, &deflated(message)?, raw::KEY)
        }
    })
}
