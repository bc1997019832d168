//! Deadlines while a peer sends faster than it is read from: reading always has a next byte, and
//! never comes to a rest. Beside each flood an honest connection goes on, and what it waits for is
//! counted in turns of the flooded one, and their work in bytes.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket_flow_connection::{CloseCode, Config, Error, Expired, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::JoinHandle;
use tokio::task::coop::poll_proceed;
use tokio::time::Instant;

use crate::support::{Client, open, pair};

/// One frame for ever, as a socket gives it whose buffer is never empty; takes whatever is
/// written.
struct Flood {
    frame: &'static [u8],
    /// The most bytes that one read gives.
    most: usize,
    read: Arc<AtomicUsize>,
}

impl AsyncRead for Flood {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // As a socket's: once a task has done enough, it has to let others run.
        ready!(poll_proceed(cx)).made_progress();
        for _ in 0..buf.remaining().min(self.most) / self.frame.len() {
            buf.put_slice(self.frame);
        }
        self.read.fetch_add(buf.filled().len(), Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Flood {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Receives a flood in a task of its own.
fn flooded<F: Future<Output: Send> + Send + 'static>(
    (frame, most): (&'static [u8], usize),
    config: Config,
    receive: impl FnOnce(WebSocket<Flood>) -> F,
) -> (JoinHandle<F::Output>, Arc<AtomicUsize>) {
    let (turns, read) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let flood = Flood {
        frame,
        most,
        read: Arc::clone(&read),
    };
    let receiving = receive(open(flood, Client, config));
    let counted = Arc::clone(&turns);
    let task = tokio::spawn(async move {
        let mut receiving = pin!(receiving);
        poll_fn(|cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            let before = read.load(Ordering::Relaxed);
            let polled = receiving.as_mut().poll(cx);
            let in_turn = read.load(Ordering::Relaxed) - before;
            assert!(in_turn <= A_TURN, "{in_turn} bytes in a turn");
            polled
        })
        .await
    });
    (task, turns)
}

/// 512 KiB are read, and one buffer more with the last read.
const A_TURN: usize = (512 + 66) << 10;

/// The most turns of others between a message and its echo: one before the server's, one before the
/// client's, and one of each that had begun.
const TURNS: usize = 4;

/// Sends and hears its echo, again and again.
async fn honest(turns: Arc<AtomicUsize>, echoes: Arc<AtomicUsize>) {
    let (mut client, mut server) = pair(1 << 10);
    tokio::spawn(async move {
        while let Some(message) = server.recv().await.unwrap() {
            server.send(message).await.unwrap();
        }
    });
    loop {
        let before = turns.load(Ordering::Relaxed);
        client.send("x").await.unwrap();
        assert_eq!(client.recv().await.unwrap().unwrap().as_text(), Some("x"));
        let waited = turns.load(Ordering::Relaxed) - before;
        assert!(waited <= TURNS, "{waited} turns");
        echoes.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lets time pass until a task is over; how many seconds that took. A moment may go by between a
/// deadline and the task's next turn.
async fn seconds_of<T>((task, turns): &(JoinHandle<T>, Arc<AtomicUsize>)) -> u64 {
    let echoes = Arc::<AtomicUsize>::default();
    let bystander = tokio::spawn(honest(Arc::clone(turns), Arc::clone(&echoes)));
    let start = Instant::now();
    tokio::task::yield_now().await;
    while !task.is_finished() {
        assert!(
            start.elapsed() < Duration::from_secs(60),
            "a deadline has no end"
        );
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(!bystander.is_finished(), "it had to wait");
    assert!(echoes.load(Ordering::Relaxed) > 10, "it had no turns");
    bystander.abort();
    start.elapsed().as_secs()
}

const PING: (&[u8], usize) = (b"\x89\x04ping", 50);
const PONG: (&[u8], usize) = (b"\x8a\x00", 50);
const TEXT: (&[u8], usize) = (b"\x81\x05Hello", 50);
const EMPTY_FRAGMENT: (&[u8], usize) = (b"\x82\x00", 50);

/// As much as there is room for: a turn ends after each read.
const FULL_PONGS: (&[u8], usize) = (&full(0x8a), usize::MAX);

const fn full(first: u8) -> [u8; 127] {
    let mut frame = [b'x'; 127];
    frame[0] = first;
    frame[1] = 125;
    frame
}

/// Reading never came to a rest, and where the runtime made it rest it kept the timer from
/// looking too: a peer could put off the end of a closing handshake for as long as it liked.
#[tokio::test(start_paused = true)]
async fn no_flood_puts_off_the_end_of_a_closing_handshake() {
    for frame in [PING, PONG, TEXT, EMPTY_FRAGMENT, FULL_PONGS] {
        let closing = flooded(frame, Config::new(), |mut ws| async move {
            ws.close(CloseCode::NORMAL, "").await
        });
        assert_eq!(seconds_of(&closing).await, 5);
        assert!(!closing.0.await.unwrap().unwrap().clean);
    }
}

#[tokio::test(start_paused = true)]
async fn no_flood_of_control_frames_passes_for_messages() {
    for frame in [PING, PONG, FULL_PONGS] {
        let config = Config::new().idle_timeout(Duration::from_secs(10));
        let receiving = flooded(frame, config, |mut ws| async move { ws.recv().await });
        // And the five of the closing handshake that nobody answers.
        assert_eq!(seconds_of(&receiving).await, 15);
        let error = receiving.0.await.unwrap().unwrap_err();
        assert!(matches!(error, Error::Timeout(Expired::Idle)), "{error:?}");
    }
}
