//! Members that read, and get very much at once: what some of them write in one go, or what the
//! server publishes when it is asked to. Whether everything arrives.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt;
use tokio::sync::Barrier;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::board::{Board, Counter, Latency};
use crate::books::Books;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::raw::{self, Compression, Reader, Transport};

/// A member that gets nothing for so long gets nothing more.
const SILENCE: Duration = Duration::from_secs(1);

/// Opens `--connections` on `--path`; then the first `--writers` of them write `--messages` of
/// `--size` bytes each at once, or one message goes out on `--trigger`. Ends when each has got the
/// `--expected` messages, or nothing more comes.
///
/// # Errors
/// The connection of the trigger fails.
pub async fn run(options: Options, board: &Arc<Board>) -> io::Result<()> {
    let dial = Dial::new(&options);
    let parties = options.connections + u64::from(options.trigger.is_some());
    let member = Member {
        all_open: Arc::new(Barrier::new(parties as usize)),
        books: Books::on(board),
        open: board.counter("open"),
        failed: board.counter("failed"),
        ended: board.counter("ended"),
        silent: board.counter("silent"),
        burst: board.latency("burst"),
        options,
    };
    let mut members = JoinSet::new();
    for number in 0..member.options.connections {
        members.spawn(member.clone().run(number, dial.clone()));
    }
    let mut asking = None;
    if let Some(path) = &member.options.trigger {
        let mut trigger = dial.raw(parties, path, Compression::None).await?;
        trigger.begin().await?;
        member.all_open.wait().await;
        let mut transport = trigger.into_inner();
        let frame = raw::frame(raw::TEXT, b"now", raw::KEY);
        transport.write_all(&frame).await?;
        transport.flush().await?;
        asking = Some(transport);
    }
    // No connection ends before the last has all it gets.
    let connections = members.join_all().await;
    drop((connections, asking));
    Ok(())
}

#[derive(Clone)]
struct Member {
    options: Options,
    all_open: Arc<Barrier>,
    books: Books,
    open: Counter,
    failed: Counter,
    /// Members that the server ended.
    ended: Counter,
    /// Members that got less than all.
    silent: Counter,
    /// From the burst to a member's last message.
    burst: Latency,
}

type Connection = Reader<Box<dyn Transport>>;

impl Member {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(self, number: u64, dial: Dial) -> Option<Box<dyn Send>> {
        let opened = async {
            let mut reader = dial
                .raw(number, &self.options.path, Compression::None)
                .await?;
            reader.begin().await?;
            io::Result::Ok(reader)
        };
        let reader = match opened.await {
            Ok(reader) => reader,
            Err(error) => {
                eprintln!("member {number}: {error}");
                self.failed.add(1);
                self.all_open.wait().await;
                return None;
            }
        };
        self.open.add(1);
        self.all_open.wait().await;
        self.exchange(number, reader).await
    }

    #[allow(clippy::print_stderr)] // a program's output
    async fn exchange(&self, number: u64, reader: Connection) -> Option<Box<dyn Send>> {
        let (mut reader, mut writer) = reader.split();
        let bytes = match number < self.options.writers {
            true => self.frames(number),
            false => Vec::new(),
        };
        let began = Instant::now();
        let writing = async {
            let written = writer.write_all(&bytes).await;
            // What fails here ends the reading too.
            drop(written.and(writer.flush().await));
            std::future::pending::<()>().await;
        };
        let mut ledgers = HashMap::new();
        let reading = async {
            for got in 0..self.options.expected {
                match timeout(SILENCE, reader.message()).await {
                    Ok(Ok(message)) => self.enter(&mut ledgers, &message),
                    Ok(Err(error)) => {
                        eprintln!("member {number} after {got}: {error}");
                        return self.ended.add(1);
                    }
                    Err(_) => {
                        eprintln!("member {number} after {got}: nothing more comes");
                        return self.silent.add(1);
                    }
                }
            }
            self.burst.record(began.elapsed());
        };
        tokio::select! {
            () = writing => {}
            () = reading => {}
        }
        Some(Box::new((reader, writer)))
    }

    /// All messages that a member writes.
    fn frames(&self, number: u64) -> Vec<u8> {
        let Options { messages, size, .. } = self.options;
        let mut numbers = self.options.seed.numbers(number);
        let frames = (0..messages).map(|sequence| {
            let message = match size.checked_sub(message::HEAD) {
                None => "x".repeat(size),
                Some(len) => {
                    let numbered = Numbered {
                        connection: number,
                        sequence,
                    };
                    numbered.encode(message::body_of(&mut numbers, len))
                }
            };
            raw::frame(raw::TEXT, message.as_bytes(), raw::KEY)
        });
        frames.collect::<Vec<_>>().concat()
    }

    /// Enters a message into the books of whoever sent it. Those without a number are counted.
    fn enter(&self, ledgers: &mut HashMap<u64, Ledger>, message: &Bytes) {
        if self.options.size < message::HEAD {
            return self.books.count();
        }
        let of = Numbered::decode(message).map_or(0, |it| it.connection);
        let ledger = ledgers.entry(of).or_insert_with(|| Ledger::of(of));
        self.books.enter(ledger, message);
    }
}
