//! Heads without end: a header line that goes on, ever more lines, ever more answers.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use socket_flow::handshake::head::HeadError;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, ClientBuilder, ConnectError};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use crate::bystander::{Books, Limits};
use crate::metered::Metered;
use crate::support::REQUEST;
use crate::victim::{answer, connect_to, refusal, server, status};

/// Heads that never end, in both roles: what they begin with, what they go on with, and how a
/// server and a client name the limit that is broken.
const FLOODS: &[(&str, &str, u16, HeadError)] = &[
    ("X: ", "x", 431, HeadError::LineTooLong),
    ("", "x", 431, HeadError::LineTooLong),
    ("", "X: y\r\n", 431, HeadError::TooManyHeaders),
    ("X: y\r\n", "X:\r\n", 431, HeadError::TooManyHeaders),
];

/// Floods of 4 MiB are answered at the limit; the client is told why although it goes on writing
/// (RFC 6455 §10.4, RFC 6585 §5; CVE-2023-43669, CVE-2024-37890, CVE-2026-65624).
#[tokio::test]
async fn a_server_refuses_a_head_without_end_with_431() {
    let server = server(|builder| builder).await;
    for (start, pattern, code, _) in FLOODS {
        let flood = pattern.repeat((4 << 20) / pattern.len());
        let request = format!("GET / HTTP/1.1\r\n{start}{flood}");
        assert_eq!(status(&refusal(&server, &request).await), *code);
    }
    let distinct: String = (0..200_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let request = format!("GET / HTTP/1.1\r\n{distinct}");
    assert_eq!(status(&refusal(&server, &request).await), 431);
    let target = format!("GET /{}", "x".repeat(4 << 20));
    assert_eq!(status(&refusal(&server, &target).await), 414);
}

/// The limits hold to the byte and to the line, each line counted whatever its name
/// (RFC 6585 §5; CVE-2024-37890, CVE-2026-65624).
#[tokio::test]
async fn the_limits_of_a_head_hold_to_the_byte_and_to_the_line() {
    let server = server(|builder| builder).await;
    let lines = |count: usize| {
        let lines: String = (0..count - 5).map(|n| format!("X-{n}: y\r\n")).collect();
        crate::victim::with(&lines)
    };
    let line = |len: usize| crate::victim::with(&format!("X: {}\r\n", "x".repeat(len - 3)));
    let head = |len: usize| {
        let rest = len - REQUEST.len() - 2 * 8_000 - 3 * 5;
        let long = |len: usize| format!("X: {}\r\n", "x".repeat(len));
        let head = crate::victim::with(&[long(8_000), long(8_000), long(rest)].concat());
        assert_eq!(head.len(), len);
        head
    };
    for request in [lines(100), line(8 * 1024), head(16 * 1024)] {
        assert_eq!(status(&answer(&server, &request).await.0), 101);
    }
    for request in [lines(101), line(8 * 1024 + 1), head(16 * 1024 + 1)] {
        assert_eq!(status(&refusal(&server, &request).await), 431);
    }
    // The end of the head is not waited for.
    for request in [lines(101), line(8 * 1024 + 1), head(16 * 1024 + 5)] {
        let open = request.strip_suffix("\r\n\r\n").unwrap();
        assert_eq!(status(&refusal(&server, open).await), 431);
    }
}

/// The same floods in an answer, and interim answers one after the other (RFC 9110 §15.2;
/// CVE-2026-58229).
#[tokio::test]
async fn a_client_gives_up_on_an_answer_without_end() {
    for (start, pattern, _, expected) in FLOODS {
        let flood = pattern.repeat((4 << 20) / pattern.len());
        let answer = format!("HTTP/1.1 101 x\r\n{start}{flood}");
        let (connected, sent) = connect_to(|builder| builder, |_| answer.into_bytes()).await;
        match connected {
            Err(ConnectError::Head(error)) => assert_eq!(error, *expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(sent, b"");
    }
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(100_000);
    let (connected, sent) = connect_to(|builder| builder, |_| interim.into_bytes()).await;
    assert!(matches!(
        connected,
        Err(ConnectError::Head(HeadError::TooManyInterimResponses))
    ));
    assert_eq!(sent, b"");
}

/// A stream that gives a start, and one pattern behind it until it is shut down.
#[derive(Debug)]
struct Endless {
    start: String,
    pattern_len: usize,
    /// The pattern, many times.
    block: String,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    taken: usize,
    /// Bytes taken when the first byte of an answer was written.
    taken_before_answer: Option<usize>,
    /// It goes on behind the end of our direction too.
    is_relentless: bool,
    is_over: bool,
}

impl Endless {
    fn new(start: String, pattern: &'static str) -> (Self, Arc<Mutex<Counts>>) {
        let counts = Arc::default();
        let endless = Self {
            start,
            pattern_len: pattern.len(),
            block: pattern.repeat((64 << 10) / pattern.len()),
            counts: Arc::clone(&counts),
        };
        (endless, counts)
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut counts = self.counts.lock().unwrap();
        if counts.is_over {
            return Poll::Ready(Ok(()));
        }
        while buf.remaining() > 0 {
            let rest = match self.start.as_bytes().get(counts.taken..) {
                Some(rest @ [_, ..]) => rest,
                _ => {
                    let at = (counts.taken - self.start.len()) % self.pattern_len;
                    &self.block.as_bytes()[at..]
                }
            };
            let part = &rest[..rest.len().min(buf.remaining())];
            buf.put_slice(part);
            counts.taken += part.len();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let mut counts = self.counts.lock().unwrap();
        counts.taken_before_answer = counts.taken_before_answer.or(Some(counts.taken));
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut counts = self.counts.lock().unwrap();
        counts.is_over = !counts.is_relentless;
        Poll::Ready(Ok(()))
    }
}

/// How much of an endless head is ever read, and so kept: its limit, and what one read brings
/// beyond it (CVE-2023-43669, CVE-2024-37890, CVE-2026-58229).
#[tokio::test]
async fn no_more_of_a_head_is_kept_than_its_limit_and_one_read() {
    let of_requests = [12 << 10, 12 << 10, 4096, 4096];
    let of_answers = [20 << 10, 20 << 10, 4096, 4096];
    for (index, (start, pattern, _, expected)) in FLOODS.iter().enumerate() {
        let (stream, counts) = Endless::new(format!("GET / HTTP/1.1\r\n{start}"), pattern);
        match socket_flow::accept(stream).await {
            Err(AcceptError::Rejected(rejection)) => {
                assert_eq!(*rejection.reason(), RejectReason::Head(*expected));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(
            counts.lock().unwrap().taken_before_answer,
            Some(of_requests[index])
        );

        let (stream, counts) = Endless::new(format!("HTTP/1.1 101 x\r\n{start}"), pattern);
        match ClientBuilder::new("ws://a/").connect_on(stream).await {
            Err(ConnectError::Head(error)) => assert_eq!(error, *expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(counts.lock().unwrap().taken, of_answers[index]);
    }
    // The body of a refusal is kept up to 64 KiB, however long it is.
    let (stream, counts) = Endless::new("HTTP/1.1 200 OK\r\n\r\n".into(), "x");
    match ClientBuilder::new("ws://a/").connect_on(stream).await {
        Err(ConnectError::Rejected(rejected)) => {
            assert!(rejected.is_truncated());
            assert_eq!(rejected.body().len(), 64 << 10);
        }
        other => panic!("{other:?}"),
    }
    let taken = counts.lock().unwrap().taken;
    assert!(taken <= 128 << 10, "{taken}");
}

/// A flood that is there before each read: on a stream that never says to wait, neither the time of
/// a refusal nor other tasks may starve, and a turn throws away no more than it would read
/// (RFC 6455 §7.1.7).
#[tokio::test(start_paused = true)]
async fn a_flood_that_never_runs_dry_has_five_seconds_and_starves_nobody() {
    let (stream, counts) = Endless::new(String::new(), "x");
    counts.lock().unwrap().is_relentless = true;
    let books = Books::default();
    let turns = books.open(Limits::PLAIN);
    let stream = Metered::new(stream, turns.clone());
    let start = Instant::now();
    let accepting = tokio::spawn(async move { turns.of(socket_flow::accept(stream)).await });
    tokio::task::yield_now().await;
    while !accepting.is_finished() {
        assert!(start.elapsed() < Duration::from_secs(6));
        // Other tasks run, or this would never be reached again.
        tokio::time::advance(Duration::from_millis(500)).await;
    }
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert!(accepting.await.unwrap().is_err());
    books.judge();
}
