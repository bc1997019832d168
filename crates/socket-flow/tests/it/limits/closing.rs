//! The closing handshake: 5 s in all from our Close on, 1 s of silence.

use std::time::Duration;

use socket_flow::{CloseCode, Error, Event, Server, ServerEvent, ServerHandle};

use crate::limits::slow::{Client, Clock, HALF, LATE};
use crate::limits::{CLOSE, HALF_A_FRAME, Ws, answer, echo};
use crate::support::patience::tasks;

/// Not one that RFC 6455 §5.2 knows.
const VIOLATION: &[u8] = b"\xff\x80\0\0\0\0";

const FIVE: Duration = Duration::from_secs(5);
const ONE: Duration = Duration::from_secs(1);

async fn echo_server() -> ServerHandle {
    Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap()
}

/// The client sends this, then a byte each half second: how long the server keeps its connection.
async fn kept(server: ServerHandle, sent: &[u8], each: &[u8], clock: &Clock) -> Duration {
    clock.settle().await;
    let idle = tasks();
    let mut client = Client::open(&server, clock).await;
    client.send(sent);
    client.trickle_until_gone(each, idle, clock).await
}

#[tokio::test]
async fn a_client_that_trickles_after_its_close_has_five_seconds() {
    let clock = Clock::stop();
    let server = echo_server().await;
    assert_eq!(kept(server, CLOSE, b"x", &clock).await, FIVE);
}

#[tokio::test]
async fn a_client_that_trickles_after_its_violation_has_five_seconds() {
    let clock = Clock::stop();
    let server = echo_server().await;
    assert_eq!(kept(server, VIOLATION, b"x", &clock).await, FIVE);
}

#[tokio::test]
async fn a_client_that_is_silent_after_its_close_or_violation_has_one_second() {
    let clock = Clock::stop();
    for sent in [CLOSE, VIOLATION] {
        let server = echo_server().await;
        assert_eq!(kept(server, sent, b"", &clock).await, ONE);
    }
}

#[tokio::test]
async fn a_client_that_trickles_through_our_close_has_five_seconds() {
    let clock = Clock::stop();
    for sent in [HALF_A_FRAME, b""] {
        let handler =
            |mut ws: Ws, _| async move { ws.close(CloseCode::NORMAL, "").await.map(drop) };
        let server = Server::bind("127.0.0.1:0").serve_with(handler);
        assert_eq!(kept(server.await.unwrap(), sent, b"\0", &clock).await, FIVE);
    }
}

#[tokio::test]
async fn a_client_that_trickles_through_the_end_of_a_handler_has_five_seconds() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0").serve_with(|ws: Ws, _| async move { drop(ws) });
    assert_eq!(kept(server.await.unwrap(), b"", b"x", &clock).await, FIVE);
    let server = Server::bind("127.0.0.1:0").serve_with(|ws: Ws, _| async move { drop(ws) });
    assert_eq!(kept(server.await.unwrap(), b"", b"", &clock).await, ONE);
}

#[tokio::test]
async fn a_handler_that_drops_what_is_closing_leaves_what_is_left_of_the_five_seconds() {
    let clock = Clock::stop();
    // Begun by the server, three seconds ago.
    let server = Server::bind("127.0.0.1:0").serve_with(|mut ws: Ws, _| async move {
        let closing = ws.close(CloseCode::NORMAL, "");
        let _ = tokio::time::timeout(Duration::from_secs(3), closing).await;
    });
    assert_eq!(kept(server.await.unwrap(), b"", b"\0", &clock).await, FIVE);
    // Begun by the client, and dropped at once.
    let server = Server::bind("127.0.0.1:0").serve_with(|mut ws: Ws, _| async move {
        while !matches!(ws.recv_event().await?, Some(Event::Close(_)) | None) {}
        Ok::<_, Error>(())
    });
    assert_eq!(kept(server.await.unwrap(), CLOSE, b"x", &clock).await, FIVE);
}

#[tokio::test]
async fn what_comes_three_seconds_after_our_close_has_two_more() {
    let clock = Clock::stop();
    for late in [CLOSE, VIOLATION] {
        let handler =
            |mut ws: Ws, _| async move { ws.close(CloseCode::NORMAL, "").await.map(drop) };
        let server = Server::bind("127.0.0.1:0").serve_with(handler);
        let server = server.await.unwrap();
        clock.settle().await;
        let idle = tasks();
        let mut client = Client::open(&server, &clock).await;
        for _ in 0..6 {
            clock.advance(HALF).await;
        }
        client.send(late);
        let rest = client.trickle_until_gone(b"x", idle, &clock).await;
        assert_eq!(rest, Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_client_of_a_server_with_events_has_five_seconds_as_well() {
    let clock = Clock::stop();
    for (sent, is_closed_by_us) in [(CLOSE, false), (VIOLATION, false), (b"", true)] {
        let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
        let reading = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if let (ServerEvent::Open { sender, .. }, true) = (event, is_closed_by_us) {
                    sender.close(CloseCode::NORMAL, "").unwrap();
                }
            }
        });
        assert_eq!(kept(server, sent, b"\0", &clock).await, FIVE);
        reading.abort();
    }
}

#[tokio::test]
async fn a_slot_is_free_once_the_five_seconds_are_over() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0").max_connections(1);
    let server = server.serve_with(echo).await.unwrap();
    let mut slow = Client::open(&server, &clock).await;
    slow.send(CLOSE);
    clock.settle().await;
    for _ in 0..9 {
        slow.send(b"x");
        clock.advance(HALF).await;
    }
    let status = answer(&server, crate::support::REQUEST, &clock).await;
    assert!(status.starts_with("HTTP/1.1 503 "), "{status}");
    slow.send(b"x");
    clock.advance(HALF + LATE).await;
    Client::open(&server, &clock).await;
}
