//! Clients that break off with a reset, at any byte of a session, its opening handshake included.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{interval, sleep, timeout};

use crate::board::{Board, Counter};
use crate::dial::Dial;
use crate::options::Options;
use crate::raw;
use crate::seed::Numbers;
use crate::signals::Phase;

/// So much longer a connection may stay open before its reset, in microseconds.
const LINGER: u64 = 50_000;

/// So long the answer is waited for before the frames.
const PATIENCE: Duration = Duration::from_secs(10);

/// Begins sessions at the rate until the last phase.
pub async fn run(options: Options, mut phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let session = Arc::new(Session::new(&options));
    let mut ticks = interval(options.period());
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0.. {
        tokio::select! {
            _ = ticks.tick() => {}
            () = phase.ended() => break,
        }
        let attack = Attack {
            session: Arc::clone(&session),
            options: options.clone(),
            in_handshake: board.counter("in_handshake"),
            in_frames: board.counter("in_frames"),
            unread: board.counter("unread"),
            failed: board.counter("failed"),
        };
        tasks.spawn(attack.run(number, dial.clone(), options.seed.numbers(number)));
        while tasks.try_join_next().is_some() {}
    }
    while tasks.join_next().await.is_some() {}
}

/// What a client sends that stays.
struct Session {
    request: Vec<u8>,
    frames: Vec<u8>,
}

impl Session {
    fn new(options: &Options) -> Self {
        let key = [0x11, 0x22, 0x33, 0x44];
        let frames = [
            raw::frame(0x81, b"a text", key),
            raw::frame(0x82, &[0xab; 200], key),
            raw::frame(0x01, b"a text in ", key),
            raw::frame(0x89, b"ping", key),
            raw::frame(0x80, b"parts", key),
            raw::frame(0x82, &[0xcd; 3000], key),
            raw::frame(0x88, b"\x03\xe8", key),
        ];
        Self {
            request: raw::request(options.addr),
            frames: frames.concat(),
        }
    }
}

struct Attack {
    session: Arc<Session>,
    options: Options,
    in_handshake: Counter,
    in_frames: Counter,
    /// Resets with answers that nobody has read.
    unread: Counter,
    failed: Counter,
}

impl Attack {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(self, number: u64, dial: Dial, mut numbers: Numbers) {
        if let Err(error) = self.session(number, dial, &mut numbers).await {
            eprintln!("session {number}, seed {}: {error}", self.options.seed);
            self.failed.add(1);
        }
    }

    async fn session(&self, number: u64, dial: Dial, numbers: &mut Numbers) -> io::Result<()> {
        let Session { request, frames } = &*self.session;
        // Half of them do not get through the handshake.
        let (head, body) = match numbers.below(2) {
            0 => (numbers.below(request.len() as u64 + 1) as usize, None),
            _ => (
                request.len(),
                Some(numbers.below(frames.len() as u64 + 1) as usize),
            ),
        };
        let mut stream = dial.tcp(number).await?;
        SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
        stream.write_all(&request[..head]).await?;
        let Some(body) = body else {
            self.in_handshake.add(1);
            return Ok(());
        };
        let mut buf = [0; 1024];
        // The frames follow the answer, or come with the request.
        if numbers.below(2) == 0 {
            timeout(PATIENCE, stream.read(&mut buf)).await??;
        }
        stream.write_all(&frames[..body]).await?;
        match numbers.below(3) {
            0 => sleep(Duration::from_micros(numbers.below(LINGER))).await,
            1 => {
                let read = timeout(Duration::from_millis(20), stream.read(&mut buf)).await;
                drop(read);
            }
            _ => self.unread.add(1),
        }
        self.in_frames.add(1);
        Ok(())
    }
}
