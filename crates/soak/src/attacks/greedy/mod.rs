//! Clients that make the server hold as much memory as they can, each in its way, and come again when
//! they are let go.

mod frames;
mod kind;

use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{interval, sleep, timeout};

use crate::attacks::greedy::frames::{Frames, client_hello};
use crate::attacks::greedy::kind::Kind;
use crate::board::{Board, Counter, Held};
use crate::dial::Dial;
use crate::options::Options;
use crate::raw::{self, Compression, Reader, Transport};
use crate::signals::Phase;

/// A write that waits as long as this waits for the server to read.
const BLOCKED: Duration = Duration::from_millis(500);

/// How long a client waits before it comes again: nearly all of them are always there.
const AGAIN: Duration = Duration::from_millis(250);

/// How often a client adds a byte to half a message.
const DRIP: Duration = Duration::from_secs(1);

/// Plays the kinds in equal parts until the last phase.
///
/// # Errors
/// There is no such kind.
pub async fn run(options: Options, mut phase: Phase, board: &Arc<Board>) -> io::Result<()> {
    let kinds = Kind::list(&options.kinds)?;
    let greedy = Greedy {
        frames: Arc::new(Frames::new(&options)?),
        dial: Dial::new(&options),
        compression: match options.deflate {
            true => Compression::Deflate,
            false => Compression::None,
        },
        open: board.counter("open"),
        ready: board.counter("ready"),
        ended: board.counter("ended"),
        sent: board.counter("sent"),
        options,
    };
    let mut tasks = tokio::task::JoinSet::new();
    for (number, kind) in (0..greedy.options.connections).zip(kinds.into_iter().cycle()) {
        tasks.spawn(greedy.clone().run(number, kind));
    }
    // They never end by themselves.
    phase.ended().await;
    Ok(())
}

#[derive(Clone)]
struct Greedy {
    options: Options,
    frames: Arc<Frames>,
    dial: Dial,
    compression: Compression,
    /// Those that are connected.
    open: Counter,
    /// Those that the server holds as much for as it will.
    ready: Counter,
    /// How often one had to come again.
    ended: Counter,
    /// Messages, or parts of one, that the system took.
    sent: Counter,
}

impl Greedy {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(self, number: u64, kind: Kind) {
        loop {
            if let Err(error) = self.play(number, kind).await {
                eprintln!("connection {number}, {kind:?}: {error}");
            }
            self.ended.add(1);
            sleep(AGAIN).await;
        }
    }

    async fn play(&self, number: u64, kind: Kind) -> io::Result<()> {
        let addr = self.options.addr;
        let request = || raw::request_for(addr, kind.path(), self.compression);
        let longest = || raw::longest_request(addr, kind.path(), self.compression);
        match kind {
            Kind::Idle => self.idle(number, &request()).await,
            Kind::IdleAfterHead => self.idle(number, &longest()).await,
            Kind::Hello => {
                let stream = self.dial.tcp(number).await?;
                self.begin(stream, &client_hello()).await
            }
            Kind::Head => {
                let mut head = longest();
                head.truncate(head.len() - 2);
                self.begin(self.dial.transport(number).await?, &head).await
            }
            Kind::Undecided => {
                let stream = self.dial.transport(number).await?;
                self.begin(stream, &longest()).await
            }
            Kind::Active => self.active(number, &request()).await,
            Kind::Unread => self.push_always(number, &request(), &[]).await,
            Kind::Elsewhere => {
                self.push_always(number, &request(), &self.frames.small)
                    .await
            }
            Kind::Worst => self.worst(number, &request()).await,
            Kind::Bombs => self.bombs(number).await,
            Kind::Half => self.half(number, &request()).await,
        }
    }

    async fn open(&self, number: u64, request: &[u8]) -> io::Result<Reader<Box<dyn Transport>>> {
        self.dial.raw_by(number, request, self.compression).await
    }

    /// Exchanges a message, then answers pings.
    async fn idle(&self, number: u64, request: &[u8]) -> io::Result<()> {
        let mut reader = self.open(number, request).await?;
        let _open = self.open.hold();
        reader.exchange(&self.frames.small).await?;
        let _ready = self.ready.hold();
        loop {
            reader.message_and_pong().await?;
        }
    }

    /// Sends the beginning of something, and waits until the server has enough of it.
    async fn begin(&self, mut stream: impl Transport, bytes: &[u8]) -> io::Result<()> {
        let _open = self.open.hold();
        stream.write_all(bytes).await?;
        stream.flush().await?;
        self.sent.add(1);
        let _ready = self.ready.hold();
        read_to_end(&mut stream).await
    }

    async fn active(&self, number: u64, request: &[u8]) -> io::Result<()> {
        let mut reader = self.open(number, request).await?;
        let _open = self.open.hold();
        reader.exchange(&self.frames.middle).await?;
        let _ready = self.ready.hold();
        loop {
            reader.exchange(&self.frames.middle).await?;
            self.sent.add(1);
        }
    }

    /// Sends large messages after this, and reads nothing.
    async fn push_always(&self, number: u64, request: &[u8], first: &[u8]) -> io::Result<()> {
        let mut stream = self.open(number, request).await?.into_inner();
        let _open = self.open.hold();
        let mut ready = None;
        self.push(&mut stream, first, &mut ready).await?;
        loop {
            self.push(&mut stream, &self.frames.large, &mut ready)
                .await?;
        }
    }

    async fn worst(&self, number: u64, request: &[u8]) -> io::Result<()> {
        let mut stream = self.open(number, request).await?.into_inner();
        let _open = self.open.hold();
        let mut ready = None;
        for part in [&self.frames.whole, &self.frames.most] {
            self.push(&mut stream, part, &mut ready).await?;
        }
        // It has been sent; by now it is read as well.
        sleep(BLOCKED).await;
        let _ready = ready.unwrap_or_else(|| self.ready.hold());
        std::future::pending().await
    }

    async fn bombs(&self, number: u64) -> io::Result<()> {
        let path = Kind::Bombs.path();
        let request = raw::request_for(self.options.addr, path, Compression::Deflate);
        let (reader, agreed) = self.dial.raw_as_agreed(number, &request).await?;
        let message = match agreed {
            Compression::Deflate => &self.frames.bomb,
            Compression::None => &self.frames.zeros,
        };
        let _open = self.open.hold();
        let _ready = self.ready.hold();
        let (mut read, mut write) = tokio::io::split(reader.into_inner());
        let writing = async {
            loop {
                write.write_all(message).await?;
                write.flush().await?;
                self.sent.add(1);
            }
        };
        tokio::select! {
            ended = writing => ended,
            ended = read_to_end(&mut read) => ended,
        }
    }

    async fn half(&self, number: u64, request: &[u8]) -> io::Result<()> {
        let mut stream = self.open(number, request).await?.into_inner();
        let _open = self.open.hold();
        stream.write_all(&self.frames.half).await?;
        stream.flush().await?;
        self.sent.add(1);
        let _ready = self.ready.hold();
        let (mut read, mut write) = tokio::io::split(stream);
        let dripping = async {
            let mut ticks = interval(DRIP);
            loop {
                ticks.tick().await;
                write.write_all(&[0]).await?;
                write.flush().await?;
            }
        };
        tokio::select! {
            ended = dripping => ended,
            ended = read_to_end(&mut read) => ended,
        }
    }

    /// Sends something. Once that has to wait, the server holds all it will.
    async fn push(
        &self,
        stream: &mut (impl AsyncWrite + Unpin),
        bytes: &[u8],
        ready: &mut Option<Held>,
    ) -> io::Result<()> {
        let writing = async {
            stream.write_all(bytes).await?;
            stream.flush().await
        };
        let mut writing = pin!(writing);
        if ready.is_none() {
            if let Ok(written) = timeout(BLOCKED, &mut writing).await {
                self.sent.add(1);
                return written;
            }
            *ready = Some(self.ready.hold());
        }
        writing.await?;
        self.sent.add(1);
        Ok(())
    }
}

/// Reads what the server says until it has closed.
async fn read_to_end(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<()> {
    let mut buf = [0; 1024];
    while stream.read(&mut buf).await? > 0 {}
    Ok(())
}
