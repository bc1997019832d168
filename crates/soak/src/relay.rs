//! A relay that is far from both ends: every byte arrives, in order, but late.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::board::Counter;
use crate::seed::{Numbers, Seed};

/// So many pieces may be on their way in one direction: then it is not read from, as a full link
/// would.
const PIECES: usize = 256;

/// What one piece holds at most.
const PIECE: usize = 16 << 10;

/// How far away the ends are.
#[derive(Clone, Copy, Debug)]
pub struct Distance {
    /// How long each byte takes.
    pub delay: Duration,
    /// How much longer at most, at random.
    pub jitter: Duration,
}

/// Relays connections to `target` for as long as it is polled.
///
/// # Errors
/// No connection can be accepted.
pub async fn run(
    listener: TcpListener,
    target: SocketAddr,
    distance: Distance,
    seed: Seed,
    relayed: Counter,
) -> io::Result<()> {
    for number in 0_u64.. {
        let (near, _) = listener.accept().await?;
        let relayed = relayed.clone();
        tokio::spawn(async move {
            // The end that it does not reach sees the connection end.
            let far = TcpStream::connect(target).await?;
            near.set_nodelay(true)?;
            far.set_nodelay(true)?;
            let ((near_read, near_write), (far_read, far_write)) =
                (near.into_split(), far.into_split());
            let numbers = |direction| seed.numbers(2 * number + direction);
            let there = carry(near_read, far_write, distance, numbers(0), relayed.clone());
            let back = carry(far_read, near_write, distance, numbers(1), relayed);
            tokio::join!(there, back);
            io::Result::Ok(())
        });
    }
    Ok(())
}

/// Carries one direction to its end, and the end too.
async fn carry(
    from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    distance: Distance,
    numbers: Numbers,
    relayed: Counter,
) {
    let (sender, mut receiver) = mpsc::channel(PIECES);
    let reading = read(from, sender, distance, numbers);
    let writing = async {
        while let Some((due, piece)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
            relayed.add(piece.len() as u64);
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

async fn read(
    mut from: OwnedReadHalf,
    sender: mpsc::Sender<(Instant, Bytes)>,
    distance: Distance,
    mut numbers: Numbers,
) {
    let mut buf = BytesMut::new();
    let mut last = Instant::now();
    loop {
        buf.reserve(PIECE);
        if !matches!(from.read_buf(&mut buf).await, Ok(1..)) {
            return;
        }
        let jitter = numbers.below(distance.jitter.as_micros() as u64 + 1);
        let due = Instant::now() + distance.delay + Duration::from_micros(jitter);
        // TCP keeps the order, however long a piece takes.
        last = last.max(due);
        if sender.send((last, buf.split().freeze())).await.is_err() {
            return;
        }
    }
}
