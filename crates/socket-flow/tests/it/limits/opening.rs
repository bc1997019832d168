//! The opening handshake: 10 s in all, and 5 s more for a refusal to arrive.

use std::time::Duration;

use http::StatusCode;
use socket_flow::{Server, ServerBuilder};

use crate::limits::slow::{Client, Clock};
use crate::limits::{answer, echo};
use crate::support::REQUEST;
use crate::support::patience::tasks;

const TEN: Duration = Duration::from_secs(10);
const FIVE: Duration = Duration::from_secs(5);

/// The client sends this, then so much each half second: how long the server keeps it.
async fn kept(server: ServerBuilder, sent: &[u8], each: &[u8], clock: &Clock) -> Duration {
    let server = server.serve_with(echo).await.unwrap();
    clock.settle().await;
    let idle = tasks();
    let mut client = Client::connect(&server, clock).await;
    client.send(sent);
    client.trickle_until_gone(each, idle, clock).await
}

fn server() -> ServerBuilder {
    Server::bind("127.0.0.1:0")
}

#[tokio::test]
async fn a_request_that_trickles_has_ten_seconds() {
    let clock = Clock::stop();
    for (sent, each) in [
        (&b""[..], &b""[..]),
        (b"", b"G"),
        (b"GET / HTTP/1.1\r\nX: ", b"x"),
        (b"GET / HTTP/1.1\r\n", b"A: b\r\n"),
    ] {
        assert_eq!(kept(server(), sent, each, &clock).await, TEN, "{sent:?}");
    }
}

#[cfg(feature = "rustls")]
#[tokio::test]
async fn a_tls_handshake_that_trickles_has_ten_seconds() {
    let clock = Clock::stop();
    let identity = crate::pki::Authority::new("an authority").issue("localhost");
    let tls = socket_flow::tls::ServerTls::new(identity).build().unwrap();
    // A record with a ClientHello of 500 bytes, of which a few come.
    for (sent, each) in [
        (&b""[..], &b""[..]),
        (b"\x16\x03\x01\x01\xf8\x01\0\x01\xf4", b"\x03"),
    ] {
        assert_eq!(
            kept(server().tls(tls.clone()), sent, each, &clock).await,
            TEN
        );
    }
}

#[tokio::test]
async fn a_decision_about_a_request_has_what_is_left_of_the_ten_seconds() {
    let clock = Clock::stop();
    let server = server().admit(|pending| async move {
        tokio::time::sleep(Duration::from_secs(60)).await;
        pending
    });
    assert_eq!(kept(server, REQUEST.as_bytes(), b"x", &clock).await, TEN);
}

#[tokio::test]
async fn a_refused_client_that_trickles_has_five_seconds() {
    let clock = Clock::stop();
    let not_found = || server().paths(["/other"]);
    let denied = || {
        server().admit(|pending| async move {
            let mut answer = http::Response::new("no");
            *answer.status_mut() = StatusCode::FORBIDDEN;
            pending.deny(answer)
        })
    };
    let full = || server().max_connections(0);
    for server in [not_found(), denied(), full()] {
        assert_eq!(kept(server, REQUEST.as_bytes(), b"x", &clock).await, FIVE);
    }
    let page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(kept(server(), page, b"x", &clock).await, FIVE);
    assert_eq!(kept(server(), b"\0\r\n", b"x", &clock).await, FIVE);
}

#[tokio::test]
async fn a_client_that_takes_no_byte_of_a_page_has_five_seconds() {
    let clock = Clock::stop();
    let page = || Some(http::Response::new(crate::limits::flood().into()));
    let server = server().respond(move |_| page()).serve_with(echo).await;
    let server = server.unwrap();
    clock.settle().await;
    let idle = tasks();
    let mut client = Client::connect(&server, &clock).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    // The kernel makes more room for a while.
    for _ in 0..100 {
        clock.settle().await;
    }
    assert_eq!(client.trickle_until_gone(b"x", idle, &clock).await, FIVE);
}

#[tokio::test]
async fn a_refused_client_that_is_silent_has_one_second() {
    let clock = Clock::stop();
    let page = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    let second = Duration::from_secs(1);
    assert_eq!(kept(server(), page, b"", &clock).await, second);
}

#[tokio::test]
async fn a_browser_connects_from_the_servers_own_origin_alone() {
    let clock = Clock::stop();
    let server = server().serve_with(echo).await.unwrap();
    for (origin, status) in [
        ("http://server.example.com", "101"),
        ("http://other.example.com", "403"),
        ("null", "403"),
    ] {
        let origin = format!("Upgrade: websocket\r\nOrigin: {origin}\r\n");
        let request = REQUEST.replace("Upgrade: websocket\r\n", &origin);
        let answer = answer(&server, &request, &clock).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

/// To the byte: `hostile`, `head_flood::the_limits_of_a_head_hold_to_the_byte_and_to_the_line`.
#[tokio::test]
async fn a_head_has_16_kib_and_100_lines_of_8_kib() {
    let clock = Clock::stop();
    let server = server().serve_with(echo).await.unwrap();
    let line = |len: usize| format!("X: {}\r\n", "x".repeat(len));
    for (lines, status) in [
        (line(8_000), "101"),
        (line(8_200), "431"),
        (line(8_000) + &line(8_000), "101"),
        (line(8_000) + &line(8_000) + &line(400), "431"),
        (line(1).repeat(90), "101"),
        (line(1).repeat(100), "431"),
    ] {
        let upgrade = format!("Upgrade: websocket\r\n{lines}");
        let request = REQUEST.replace("Upgrade: websocket\r\n", &upgrade);
        let answer = answer(&server, &request, &clock).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}
