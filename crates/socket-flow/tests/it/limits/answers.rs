//! What a client waits for: the head of an answer has 64 KiB, 256 lines of at most 16 KiB, and 10 s.

use std::time::Duration;

use socket_flow::handshake::head::HeadError;
use socket_flow::{ClientBuilder, ConnectError, ConnectStage};
use tokio::time::{Instant, sleep};

use crate::limits::slow::HALF;
use crate::support::{Peer, switching_protocols};

/// How a client fares whose server writes this at once and then the rest, a byte each half second;
/// and after how long.
async fn answered(first: &str, rest: &str) -> (Result<(), ConnectError>, Duration) {
    let (near, mut peer) = Peer::pair();
    let (first, rest) = (first.to_owned(), rest.to_owned());
    let server = tokio::spawn(async move {
        let head = switching_protocols(&peer.head().await);
        peer.send(head + &first).await;
        for byte in rest.bytes() {
            sleep(HALF).await;
            peer.send([byte]).await;
        }
        std::future::pending::<()>().await;
    });
    let start = Instant::now();
    let connected = ClientBuilder::new("ws://localhost/").connect_on(near).await;
    server.abort();
    (connected.map(drop), start.elapsed())
}

/// A header line of this many bytes, its end left out.
fn line(len: usize) -> String {
    format!("X: {}\r\n", "x".repeat(len - 3))
}

#[tokio::test(start_paused = true)]
async fn a_head_has_64_kib_and_256_lines_of_16_kib() {
    const KIB: usize = 1 << 10;
    // Three lines and the first of it are there already.
    let whole = switching_protocols("sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==").len();
    let of = |len: usize| line(16 * KIB - 2).repeat(3) + &line(len - 3 * 16 * KIB - 2);
    // With the end, which takes a second.
    let second = 2 * HALF;
    let now = Duration::ZERO;
    for (lines, expected) in [
        (line(16 * KIB), (None, second)),
        (line(16 * KIB + 1), (Some(HeadError::LineTooLong), now)),
        (of(64 * KIB - whole - 2), (None, second)),
        (of(64 * KIB - whole - 1), (Some(HeadError::TooLong), second)),
        (of(64 * KIB - whole + 1), (Some(HeadError::TooLong), now)),
        (line(4).repeat(256 - 3), (None, second)),
        (
            line(4).repeat(257 - 3),
            (Some(HeadError::TooManyHeaders), now),
        ),
    ] {
        let (connected, took) = answered(&lines, "\r\n").await;
        let error = connected.err().map(|error| match error {
            ConnectError::Head(error) => error,
            other => panic!("{other:?}"),
        });
        assert_eq!((error, took), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_trickles_has_ten_seconds() {
    for (first, rest) in [
        ("", ""),
        ("X: ", &*"x".repeat(100)),
        ("", &*line(6).repeat(20)),
    ] {
        let (connected, took) = answered(first, rest).await;
        assert!(
            matches!(
                connected,
                Err(ConnectError::Timeout(ConnectStage::Handshake))
            ),
            "{connected:?}"
        );
        assert_eq!(took, Duration::from_secs(10));
    }
}
