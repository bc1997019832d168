//! Answers to clients that take them slowly, on a clock that is only told.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use socket_flow::{AcceptError, Acceptor, NEVER};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};

use crate::support::REQUEST;

const BODY: usize = 100_000;

/// Rejects with a body of this length over a stream that holds 1,000 bytes, as [`rejected_by`] does.
async fn rejected(
    acceptor: Acceptor,
    len: usize,
    step: usize,
    every: u64,
) -> (Result<(), AcceptError>, usize, u64) {
    rejected_by(acceptor, 1_000, len, step, every).await
}

/// Rejects with a body of this length over a stream that holds `kept` bytes, taken by a client that
/// takes `step` bytes `every` so many milliseconds: how that went, how much of the body came, and
/// after how many seconds it was over.
async fn rejected_by(
    acceptor: Acceptor,
    kept: usize,
    len: usize,
    step: usize,
    every: u64,
) -> (Result<(), AcceptError>, usize, u64) {
    let (stream, mut client) = tokio::io::duplex(kept);
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let rejecting = tokio::spawn(async move {
        let pending = acceptor.read(stream).await.unwrap();
        let begin = Instant::now();
        let answer = Response::new(Bytes::from(vec![b'x'; len]));
        (pending.reject(answer).await, begin.elapsed().as_secs())
    });
    let mut answer = Vec::new();
    loop {
        sleep(Duration::from_millis(every)).await;
        let mut some = (&mut client).take(step as u64);
        if some.read_to_end(&mut answer).await.unwrap() == 0 {
            break;
        }
    }
    drop(client);
    let (result, seconds) = rejecting.await.unwrap();
    let came = answer.iter().filter(|byte| **byte == b'x').count();
    (result, came, seconds)
}

#[tokio::test(start_paused = true)]
async fn an_answer_ends_for_a_client_that_is_too_slow_and_not_for_its_length() {
    let acceptor = || Acceptor::new().answer_stall(Duration::from_secs(5));
    for (step, every) in [(1100, 1000), (6000, 4500), (30, 25), (100_000, 10)] {
        let (result, came, _) = rejected(acceptor(), BODY, step, every).await;
        result.unwrap();
        assert_eq!(came, BODY, "{step} bytes every {every} ms");
    }
    for (step, every, seconds) in [
        // Nothing for 5 s.
        (900, 5500, 5),
        // Less than 1 KiB a second over 30 s.
        (900, 1000, 30),
        (1, 1000, 30),
        (3500, 4000, 30),
    ] {
        let (result, came, took) = rejected(acceptor(), BODY, step, every).await;
        assert!(matches!(result, Err(AcceptError::Timeout)), "{result:?}");
        assert!(came < BODY);
        assert!(
            (seconds..=seconds + 5).contains(&took),
            "{step} {every}: {took}"
        );
    }
    // A short answer may take its 30 s, whatever the rate.
    let (result, came, took) = rejected(acceptor(), 1100, 50, 1000).await;
    result.unwrap();
    assert_eq!(came, 1100);
    assert!((1..=30).contains(&took), "{took}");
}

/// A socket takes a megabyte, and the next byte only when much of that is read.
#[tokio::test(start_paused = true)]
async fn an_answer_goes_on_where_the_stream_takes_much_at_once_and_then_nothing_for_long() {
    let rejected =
        async |kept, step, every| rejected_by(Acceptor::new(), kept, BODY, step, every).await;
    for (step, every) in [(40_000, 20_000), (40_000, 29_000), (16_000, 14_000)] {
        let (result, came, _) = rejected(40_000, step, every).await;
        result.unwrap();
        assert_eq!(came, BODY, "{step} bytes every {every} ms");
    }
    for (step, every) in [(40_000, 31_000), (900, 5_500), (1_000, 1_000)] {
        let (result, came, took) = rejected(1_000, step, every).await;
        assert!(matches!(result, Err(AcceptError::Timeout)), "{result:?}");
        assert!(came < BODY);
        assert!((30..=35).contains(&took), "{step} {every}: {took}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_slow_a_client_may_be_is_a_setting() {
    let patient = Acceptor::new().answer_stall(NEVER).answer_rate(0);
    let (result, came, took) = rejected(patient, 10_000, 100, 60_000).await;
    result.unwrap();
    assert_eq!(came, 10_000);
    assert!(took > 3600, "{took}");

    let strict = Acceptor::new().answer_rate(10_000);
    let (result, _, took) = rejected(strict.clone(), 1_000_000, 9_000, 1000).await;
    assert!(matches!(result, Err(AcceptError::Timeout)), "{result:?}");
    assert!((30..=35).contains(&took), "{took}");
    let (result, came, _) = rejected(strict, 1_000_000, 11_000, 1000).await;
    result.unwrap();
    assert_eq!(came, 1_000_000);

    // Only what the stream takes at once.
    let now_or_never = Acceptor::new().answer_stall(Duration::ZERO);
    let (result, _, took) = rejected(now_or_never.clone(), BODY, 1000, 100).await;
    assert!(matches!(result, Err(AcceptError::Timeout)), "{result:?}");
    assert_eq!(took, 0);
    let (result, came, _) = rejected(now_or_never, 500, 1000, 100).await;
    result.unwrap();
    assert_eq!(came, 500);
}
