//! Clients that send the same legal bytes again and again: compressed messages that become very
//! large, empty messages, empty fragments.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::board::{Board, Counter};
use crate::deflated::deflated;
use crate::dial::Dial;
use crate::options::Options;
use crate::raw::{self, Compression};
use crate::signals::Phase;

/// How many bytes of small frames are written at once.
const BLOCK: usize = 64 << 10;

/// The first bytes of a text message's first fragment, and of its next that is not the last.
const FRAGMENT: u8 = 0x01;
const CONTINUATION: u8 = 0x00;

/// Messages of `--size` zeros, compressed as far as they can be.
///
/// # Errors
/// They cannot be compressed.
pub async fn bombs(options: Options, phase: Phase, board: &Arc<Board>) -> io::Result<()> {
    let bomb = deflated(&vec![0; options.size])?;
    board.counter("bomb_bytes").set(bomb.len() as u64);
    let repeated = Repeated {
        compression: Compression::Deflate,
        once: Vec::new(),
        again: raw::frame(raw::BINARY | raw::COMPRESSED, &bomb, raw::KEY),
        count: 1,
    };
    run(options, phase, board, repeated).await;
    Ok(())
}

/// Empty text messages.
pub async fn texts(options: Options, phase: Phase, board: &Arc<Board>) {
    run(
        options,
        phase,
        board,
        Repeated::small(Vec::new(), raw::TEXT),
    )
    .await;
}

/// Empty fragments of one text message that never ends.
pub async fn continuations(options: Options, phase: Phase, board: &Arc<Board>) {
    let once = raw::frame(FRAGMENT, b"", raw::KEY);
    run(options, phase, board, Repeated::small(once, CONTINUATION)).await;
}

/// Opens the connections, waits for the next phase, then sends on each until the last.
async fn run(options: Options, phase: Phase, board: &Arc<Board>, repeated: Repeated) {
    let dial = Dial::new(&options);
    let attack = Attack {
        repeated: Arc::new(repeated),
        path: options.path,
        phase,
        open: board.counter("open"),
        failed: board.counter("failed"),
        ended: board.counter("ended"),
        sent: board.counter("sent"),
    };
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        tasks.spawn(attack.clone().run(number, dial.clone()));
    }
    while tasks.join_next().await.is_some() {}
}

/// What a client sends.
struct Repeated {
    compression: Compression,
    once: Vec<u8>,
    again: Vec<u8>,
    /// How many frames `again` has.
    count: u64,
}

impl Repeated {
    /// A frame without payload, as often as fits into a block.
    fn small(once: Vec<u8>, first: u8) -> Self {
        let frame = raw::frame(first, b"", raw::KEY);
        let count = BLOCK / frame.len();
        Self {
            compression: Compression::None,
            once,
            again: frame.repeat(count),
            count: count as u64,
        }
    }
}

#[derive(Clone)]
struct Attack {
    repeated: Arc<Repeated>,
    path: String,
    phase: Phase,
    open: Counter,
    failed: Counter,
    /// Connections that the server ended.
    ended: Counter,
    /// Frames that the system took.
    sent: Counter,
}

impl Attack {
    #[allow(clippy::print_stderr)] // a program's output
    async fn run(mut self, number: u64, dial: Dial) {
        let compression = self.repeated.compression;
        let reader = match dial.raw(number, &self.path, compression).await {
            Ok(reader) => reader,
            Err(error) => {
                eprintln!("connection {number}: {error}");
                return self.failed.add(1);
            }
        };
        self.open.add(1);
        self.phase.reached(1).await;
        let (mut read, mut write) = tokio::io::split(reader.into_inner());
        let Repeated {
            once, again, count, ..
        } = &*self.repeated;
        let writing = async {
            write.write_all(once).await?;
            loop {
                write.write_all(again).await?;
                write.flush().await?;
                self.sent.add(*count);
            }
        };
        // What the server answers is read, so that nothing but the load is hostile.
        let reading = async {
            let mut buf = vec![0; BLOCK];
            while read.read(&mut buf).await? > 0 {}
            io::Result::Err(io::ErrorKind::UnexpectedEof.into())
        };
        let ended: io::Result<()> = tokio::select! {
            ended = writing => ended,
            ended = reading => ended,
            () = self.phase.ended() => return,
        };
        if let Err(error) = ended {
            eprintln!("connection {number}: {error}");
            self.ended.add(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_frames_fill_a_block() {
        let repeated = Repeated::small(Vec::new(), CONTINUATION);
        assert_eq!(
            repeated.again[..12],
            *b"\x00\x80\x37\xfa\x21\x3d\x00\x80\x37\xfa\x21\x3d"
        );
        assert_eq!(repeated.again.len() as u64, 6 * repeated.count);
        assert_eq!(repeated.count, 10_922);
    }
}
