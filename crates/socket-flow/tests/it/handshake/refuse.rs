//! Requests that are refused: the answer, and that it arrives.

use std::time::{Duration, SystemTime};

use socket_flow::handshake::head::HeadError;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, Acceptor, Listener};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use crate::handshake::scripted::{refused, with, without};
use crate::support::{Peer, REQUEST, header};

/// RFC 6455 §4.2.1, §4.2.2, §10.2, §10.7; RFC 9110 §15.6.6; RFC 9112 §3, §3.2,
/// §5.1, §6.3, §9.6.
#[tokio::test]
async fn invalid_requests_are_answered_with_their_status_once() {
    let closing = ("connection", "close");
    let websocket = ("upgrade", "websocket");
    for (request, status, reason, lines) in [
        (
            REQUEST.replace("GET", "POST"),
            "405 Method Not Allowed",
            RejectReason::Method,
            [closing, ("allow", "GET")],
        ),
        (
            REQUEST.replace("HTTP/1.1", "HTTP/1.0"),
            "505 HTTP Version Not Supported",
            RejectReason::HttpVersion,
            [closing; 2],
        ),
        (
            REQUEST.replace("HTTP/1.1", "HTTP/2.0"),
            "505 HTTP Version Not Supported",
            RejectReason::Head(HeadError::Version),
            [closing; 2],
        ),
        (
            without("Upgrade:"),
            "426 Upgrade Required",
            RejectReason::NoUpgrade,
            [websocket, ("connection", "close, Upgrade")],
        ),
        (
            REQUEST.replace(": 13", ": 8"),
            "426 Upgrade Required",
            RejectReason::Version,
            [websocket, ("sec-websocket-version", "13")],
        ),
        (
            with("Sec-WebSocket-Version: 8"),
            "426 Upgrade Required",
            RejectReason::Version,
            [websocket, ("sec-websocket-version", "13")],
        ),
        (
            without("Connection:"),
            "400 Bad Request",
            RejectReason::NotAnUpgrade,
            [closing; 2],
        ),
        (
            REQUEST.replace(": Upgrade", ": notupgrade"),
            "400 Bad Request",
            RejectReason::NotAnUpgrade,
            [closing; 2],
        ),
        (
            without("Host"),
            "400 Bad Request",
            RejectReason::MissingHost,
            [closing; 2],
        ),
        (
            with("Host: other.example.com"),
            "400 Bad Request",
            RejectReason::RepeatedHost,
            [closing; 2],
        ),
        (
            without("Sec-WebSocket-Key"),
            "400 Bad Request",
            RejectReason::MissingKey,
            [closing; 2],
        ),
        (
            with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="),
            "400 Bad Request",
            RejectReason::RepeatedKey,
            [closing; 2],
        ),
        (
            REQUEST.replace("bm9uY2U", "").replace("ub25jZQ==", "u"),
            "400 Bad Request",
            RejectReason::InvalidKey,
            [closing; 2],
        ),
        (
            without("Sec-WebSocket-Version"),
            "400 Bad Request",
            RejectReason::MissingVersion,
            [closing; 2],
        ),
        (
            with("Content-Length: 3"),
            "400 Bad Request",
            RejectReason::Body,
            [closing; 2],
        ),
        (
            with("Transfer-Encoding: chunked"),
            "400 Bad Request",
            RejectReason::Body,
            [closing; 2],
        ),
        (
            with("Origin: https://evil.example"),
            "403 Forbidden",
            RejectReason::Origin(Some("https://evil.example".parse().unwrap())),
            [closing; 2],
        ),
        (
            with("Origin: null"),
            "403 Forbidden",
            RejectReason::Origin(Some("null".parse().unwrap())),
            [closing; 2],
        ),
        (
            with("Bad : space"),
            "400 Bad Request",
            RejectReason::Head(HeadError::HeaderName),
            [closing; 2],
        ),
        (
            with("Bad"),
            "400 Bad Request",
            RejectReason::Head(HeadError::HeaderName),
            [closing; 2],
        ),
        (
            "\x16\x03\x01\x02\x00\x01".into(),
            "400 Bad Request",
            RejectReason::Head(HeadError::ControlCharacter),
            [closing; 2],
        ),
    ] {
        // A second request, that would be valid, stands behind the first.
        let (error, answer) = refused(&Acceptor::new(), request.clone() + REQUEST).await;
        match error {
            AcceptError::Rejected(rejection) => {
                assert_eq!(*rejection.reason(), reason, "{request}");
            }
            other => panic!("{request}: {other:?}"),
        }
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}\r\n")),
            "{request}{answer}"
        );
        assert_eq!(
            answer.matches("HTTP/1.1 ").count(),
            1 + usize::from(answer.contains("not HTTP/1.1 ")),
            "{answer}"
        );
        for (name, value) in lines {
            assert_eq!(header(&answer, name), Some(value), "{request}{answer}");
        }
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(
            header(&answer, "content-length"),
            Some(&*body.len().to_string())
        );
    }
}

/// Cause: only a `Server` looked at the method before it answered.
///
/// RFC 9110 §9.3.2.
#[tokio::test]
async fn a_refused_head_request_gets_the_head_alone() {
    for request in [
        REQUEST.replace("GET", "HEAD"),
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n".into(),
        "HEAD / HTTP/1.1\r\n\r\n".into(),
    ] {
        let (_, answer) = refused(&Acceptor::new(), &request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "", "{request}");
        // It says what GET would get.
        assert!(header(head, "content-length").is_some_and(|len| len != "0"));
    }
}

/// RFC 9110 §6.6.1.
#[tokio::test]
async fn a_refusal_says_when_it_was_given_unless_the_application_did() {
    // A date has whole seconds.
    let before = SystemTime::now() - Duration::from_secs(1);
    let (_, answer) = refused(&Acceptor::new(), without("Host")).await;
    let date = httpdate::parse_http_date(header(&answer, "date").unwrap()).unwrap();
    assert!((before..=SystemTime::now()).contains(&date), "{answer}");

    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    peer.shut_down().await;
    let own = "Sun, 06 Nov 1994 08:49:37 GMT";
    let answer = http::Response::builder().status(404).header("date", own);
    let pending = Acceptor::new().read(near).await.unwrap();
    pending.reject(answer.body("").unwrap()).await.unwrap();
    let answer = peer.rest().await;
    assert_eq!(header(&answer, "date"), Some(own));
    assert_eq!(answer.matches("Date: ").count(), 1);
}

/// RFC 9112 §3.
#[tokio::test]
async fn heads_are_refused_at_the_first_byte_over_a_limit() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\n";
    let line = |len: usize| format!("X: {}\r\n", "x".repeat(len - 3));
    let full = |len: usize| {
        let rest = len - start.len() - 2 * (6000 + 2) - 2;
        format!("{start}{0}{0}{1}", line(6000), line(rest))
    };
    let limits = Acceptor::new();
    for (bytes, status, reason) in [
        (
            format!("GET /{}", "x".repeat(8 * 1024)),
            "414 ",
            HeadError::StartLineTooLong,
        ),
        (
            format!("{start}X: {}", "x".repeat(8 * 1024)),
            "431 ",
            HeadError::LineTooLong,
        ),
        (
            start.to_owned() + &"x: y\r\n".repeat(99) + "x: y",
            "431 ",
            HeadError::TooManyHeaders,
        ),
        (full(16 * 1024) + "x", "431 ", HeadError::TooLong),
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(&bytes).await;
        // Our direction stays open: nothing more has to arrive.
        let accepting = tokio::spawn({
            let limits = limits.clone();
            async move { limits.accept(near).await }
        });
        let answer = peer.rest().await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{reason}: {answer}"
        );
        drop(peer);
        match accepting.await.unwrap() {
            Err(AcceptError::Rejected(rejection)) => {
                assert_eq!(*rejection.reason(), RejectReason::Head(reason));
            }
            other => panic!("{reason}: {other:?}"),
        }
    }
}

/// RFC 9112 §9.6.
#[tokio::test(start_paused = true)]
async fn a_refusal_ends_with_a_half_close_and_waits_for_the_client_to_close() {
    let (near, mut peer) = Peer::pair();
    peer.send(without("Host")).await;
    let start = Instant::now();
    let accepting = tokio::spawn(async move { socket_flow::accept(near).await });
    // The answer is whole, though our direction is still open.
    assert!(peer.rest().await.ends_with("no Host\n"));
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert!(!accepting.is_finished());
    drop(peer);
    assert!(matches!(
        accepting.await.unwrap(),
        Err(AcceptError::Rejected(_))
    ));
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_falls_silent_has_a_second() {
    let (near, mut peer) = Peer::pair();
    peer.send(without("Host")).await;
    let start = Instant::now();
    socket_flow::accept(near).await.unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 1000);
}

#[tokio::test(start_paused = true)]
async fn a_refused_client_that_goes_on_sending_has_five_seconds() {
    let (near, mut peer) = Peer::pair();
    peer.send(without("Host")).await;
    let start = Instant::now();
    let accepting = tokio::spawn(async move { socket_flow::accept(near).await });
    let sending = tokio::spawn(async move {
        loop {
            peer.send(REQUEST).await;
            tokio::time::sleep(Duration::from_millis(900)).await;
        }
    });
    accepting.await.unwrap().unwrap_err();
    assert_eq!(start.elapsed().as_millis(), 5000);
    sending.abort();
}

/// RFC 9112 §9.6.
#[tokio::test]
async fn unread_input_does_not_destroy_the_refusal() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { socket_flow::accept(listener.accept().await.0).await });
    let mut client = tokio::net::TcpStream::connect(addr).await.unwrap();
    // More than the socket's buffers hold, written before a byte is read: a close with all that
    // unread would be a reset.
    client.write_all(without("Host").as_bytes()).await.unwrap();
    client.write_all(&vec![b'x'; 16 << 20]).await.unwrap();
    client.shutdown().await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(
        answer.starts_with("HTTP/1.1 400 Bad Request\r\n"),
        "{answer}"
    );
    assert!(matches!(
        server.await.unwrap(),
        Err(AcceptError::Rejected(_))
    ));
}
