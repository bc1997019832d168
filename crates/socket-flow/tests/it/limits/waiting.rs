//! Open connections: a ping after 20 s, 20 s for any byte, 30 s for a byte of a frame or a write.

use std::ops::RangeInclusive;
use std::time::Duration;

use socket_flow::{Server, ServerHandle};

use crate::limits::slow::{Client, Clock, HALF, LATE};
use crate::limits::{HALF_A_FRAME, Ws, echo, flood};
use crate::support::patience::tasks;

const PING: &[u8] = b"\x89\0";

/// A pong, masked with zeros: any answer is one.
const PONG: &[u8] = b"\x8a\x80\0\0\0\0";

async fn echo_server() -> ServerHandle {
    Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap()
}

#[tokio::test]
async fn a_silent_client_is_pinged_after_20_seconds_and_has_20_more() {
    let clock = Clock::stop();
    let server = echo_server().await;
    clock.settle().await;
    let idle = tasks();
    let mut client = Client::open(&server, &clock).await;
    clock.advance(Duration::from_secs(19)).await;
    assert_eq!(client.received(), b"");
    clock.advance(Duration::from_secs(1) + LATE).await;
    assert_eq!(client.received(), PING);
    let rest = client.trickle_until_gone(b"", idle, &clock).await;
    assert!(rest <= Duration::from_secs(20) && rest > Duration::from_secs(19));
}

#[tokio::test]
async fn a_client_that_answers_pings_at_the_last_moment_is_never_closed_for_saying_nothing() {
    let clock = Clock::stop();
    let server = echo_server().await;
    let mut client = Client::open(&server, &clock).await;
    let mut pings = 0;
    // Half an hour: each ping is answered 19.5 s later.
    let mut answer_in = None;
    for _ in 0..3600 {
        clock.advance(HALF).await;
        let received = client.received();
        if !received.is_empty() {
            assert_eq!(received, PING);
            assert_eq!(answer_in, None);
            pings += 1;
            answer_in = Some(39);
        }
        answer_in = match answer_in {
            Some(0) => {
                client.send(PONG);
                clock.settle().await;
                None
            }
            left => left.map(|left| left - 1),
        };
    }
    assert_eq!(server.connections(), 1);
    assert!((40..=90).contains(&pings), "{pings}");
}

#[tokio::test]
async fn a_frame_that_trickles_is_not_late() {
    let clock = Clock::stop();
    let server = echo_server().await;
    let mut client = Client::open(&server, &clock).await;
    client.send(HALF_A_FRAME);
    // A byte each 19.5 s: 40 minutes for all 125.
    for _ in 0..125 {
        clock.advance(39 * HALF).await;
        client.send(b"x");
        clock.settle().await;
    }
    let echo = [&b"\x82\x7d"[..], &[b'x'; 125]].concat();
    let received = client.received();
    assert!(received.ends_with(&echo), "{received:?}");
}

#[tokio::test]
async fn a_frame_without_another_byte_has_30_seconds() {
    let clock = Clock::stop();
    for sent in [&b"\x82"[..], HALF_A_FRAME, b"\x82\xfd\0\0\0\0abc"] {
        let server = echo_server().await;
        clock.settle().await;
        let idle = tasks();
        let mut client = Client::open(&server, &clock).await;
        client.send(sent);
        let kept = client.trickle_until_gone(b"", idle, &clock).await;
        // And one for the silence after the Close that says so.
        let kept = kept - Duration::from_secs(1);
        assert!(stalled().contains(&kept), "{kept:?}, {sent:?}");
    }
}

/// After 30 s, looked at four times in that time, and here to the next half second.
fn stalled() -> RangeInclusive<Duration> {
    let (stall, look) = (Duration::from_secs(30), Duration::from_millis(7_500));
    stall..=stall + look + 5 * HALF
}

#[tokio::test]
async fn a_write_without_another_byte_has_30_seconds_whatever_the_client_sends() {
    let clock = Clock::stop();
    // Sent by a handler that does not receive, and by one that does.
    let sends = Server::bind("127.0.0.1:0")
        .serve_with(|mut ws: Ws, _| async move { ws.send(flood()).await });
    let receives = Server::bind("127.0.0.1:0").serve_with(|mut ws: Ws, request| async move {
        ws.queue(flood()).map_err(socket_flow::Error::from)?;
        echo(ws, request).await
    });
    for server in [sends.await.unwrap(), receives.await.unwrap()] {
        clock.settle().await;
        let idle = tasks();
        let mut client = Client::open(&server, &clock).await;
        // The kernel makes more room for a while.
        for _ in 0..100 {
            clock.settle().await;
        }
        let kept = client.trickle_until_gone(PONG, idle, &clock).await;
        assert!(stalled().contains(&kept), "{kept:?}");
    }
}

#[tokio::test]
async fn a_client_that_reads_slowly_is_not_late() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|mut ws: Ws, _| async move { ws.send(flood()).await });
    let server = server.await.unwrap();
    let mut client = Client::open(&server, &clock).await;
    let mut received = 0;
    for _ in 0..10 {
        clock.advance(50 * HALF).await;
        received += client.received_of_at_most(2 << 20);
    }
    assert_eq!(server.connections(), 1);
    assert!(received > 10 << 20, "{received}");
}
