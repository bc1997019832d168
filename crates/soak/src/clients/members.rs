//! Members of a room that read, and one client that publishes to it at a steady rate: how long each
//! message takes from there to each member, and whether each arrives.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::board::{Board, Counter};
use crate::books::Books;
use crate::dial::Dial;
use crate::ledger::Ledger;
use crate::message::{self, Numbered};
use crate::options::Options;
use crate::raw::{self, Compression};
use crate::signals::Phase;
use crate::waits::{Asked, Schedule, Waits};

/// How long the last messages are waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Opens the members on `--path`, then publishes on `--trigger` at `--rate` messages a second until
/// the last phase.
///
/// # Errors
/// The publisher cannot connect, or is closed.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) -> io::Result<()> {
    let dial = Dial::new(&options);
    let member = Member {
        path: options.path.clone(),
        published: Published::default(),
        phase: phase.clone(),
        books: Books::on(board),
        waits: Waits::on(board),
        open: board.counter("open"),
        failed: board.counter("failed"),
        ended: board.counter("ended"),
        missing: board.counter("missing"),
    };
    let mut members = JoinSet::new();
    for number in 0..options.connections {
        members.spawn(member.clone().run(number, dial.clone()));
    }
    publish(&options, &dial, phase, &member, board).await?;
    while members.join_next().await.is_some() {}
    Ok(())
}

/// When each message left, by its number.
#[derive(Clone, Debug, Default)]
struct Published(Arc<Mutex<Vec<Asked>>>);

impl Published {
    fn add(&self, asked: Asked) {
        self.lock().push(asked);
    }

    fn when(&self, sequence: u64) -> Option<Asked> {
        self.lock().get(usize::try_from(sequence).ok()?).copied()
    }

    fn count(&self) -> u64 {
        self.lock().len() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Asked>> {
        // Nothing panics under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes once all members are there.
async fn publish(
    options: &Options,
    dial: &Dial,
    mut phase: Phase,
    member: &Member,
    board: &Board,
) -> io::Result<()> {
    let path = options.trigger.as_deref().unwrap_or("/");
    let mut publisher = dial
        .raw(options.connections, path, Compression::None)
        .await?;
    publisher.begin().await?;
    while member.open.get() + member.failed.get() < options.connections {
        sleep(Duration::from_millis(10)).await;
    }
    let (_reader, mut writer) = publisher.split();
    let sent = board.counter("sent");
    let mut numbers = options.seed.numbers(0);
    let len = options.size.saturating_sub(message::HEAD);
    let mut schedule = Schedule::new(Duration::from_secs_f64(1.0 / options.rate.max(1) as f64));
    let mut sequence = 0;
    while let Some(asked) = schedule.next(&mut phase).await {
        let numbered = Numbered {
            connection: 0,
            sequence,
        };
        let message = numbered.encode(message::body_of(&mut numbers, len));
        member.published.add(asked);
        sequence += 1;
        sent.add(1);
        let frame = raw::frame(raw::TEXT, message.as_bytes(), raw::KEY);
        let writing = async {
            writer.write_all(&frame).await?;
            writer.flush().await
        };
        tokio::select! {
            written = writing => written?,
            // Whoever publishes is held up.
            () = phase.ended() => break,
        }
        schedule.written();
    }
    Ok(())
}

#[derive(Clone)]
struct Member {
    path: String,
    published: Published,
    phase: Phase,
    books: Books,
    waits: Waits,
    open: Counter,
    failed: Counter,
    /// Members that the server ended.
    ended: Counter,
    /// Messages that did not arrive, over all members.
    missing: Counter,
}

impl Member {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(mut self, number: u64, dial: Dial) {
        let opened = async {
            let mut reader = dial.raw(number, &self.path, Compression::None).await?;
            reader.begin().await?;
            io::Result::Ok(reader)
        };
        let mut reader = match opened.await {
            Ok(reader) => reader,
            Err(error) => {
                eprintln!("member {number}: {error}");
                return self.failed.add(1);
            }
        };
        self.open.add(1);
        let mut ledger = Ledger::of(0);
        let reading = async {
            loop {
                let message = reader.message_and_pong().await?;
                self.books.enter(&mut ledger, &message);
                let numbered = Numbered::decode(&message);
                if let Some(asked) = numbered.and_then(|it| self.published.when(it.sequence)) {
                    self.waits.record(asked);
                }
            }
        };
        let mut phase = self.phase.clone();
        let over = async {
            phase.ended().await;
            sleep(PATIENCE).await;
        };
        let ended: io::Result<()> = tokio::select! {
            ended = reading => ended,
            () = over => Ok(()),
        };
        if let Err(error) = ended {
            eprintln!("member {number}: {error}");
            self.ended.add(1);
            // What a member misses that was closed is counted too.
            self.phase.ended().await;
            sleep(PATIENCE).await;
        }
        self.miss(ledger.next());
    }

    /// Enters what did not come after the last message that did.
    fn miss(&self, next: u64) {
        for sequence in next..self.published.count() {
            self.missing.add(1);
            if let Some(asked) = self.published.when(sequence) {
                self.waits.record(asked);
            }
        }
    }
}
