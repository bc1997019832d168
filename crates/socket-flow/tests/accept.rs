//! The server's opening handshake, against clients played byte by byte.

mod support;

use std::time::Duration;

use http::Response;
use socket_flow::handshake::head::{HeadError, HeadLimits};
use socket_flow::handshake::origin::OriginPolicy;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, Acceptor, InvalidHeader, Listener, Message};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::Instant;

use support::{HELLO, MASKED_HELLO, Peer, REQUEST, header};

/// The 101 for [`REQUEST`], whose accept value is that of RFC 6455 §1.3.
const SWITCHING_PROTOCOLS: &str = "HTTP/1.1 101 Switching Protocols\r\n\
    Upgrade: websocket\r\n\
    Connection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn without(name: &str) -> String {
    REQUEST
        .split_inclusive("\r\n")
        .filter(|line| !line.starts_with(name))
        .collect()
}

fn with(line: &str) -> String {
    format!(
        "{}{line}\r\n\r\n",
        REQUEST.trim_end_matches("\r\n").to_owned() + "\r\n"
    )
}

/// Sends this to a server with these settings; returns its error and all it wrote.
async fn refused(acceptor: &Acceptor, request: impl AsRef<[u8]>) -> (AcceptError, String) {
    let (near, mut peer) = Peer::pair();
    peer.send(request).await;
    // The end of our direction is what the server waits for.
    peer.shut_down().await;
    let (accepted, answer) = tokio::join!(acceptor.accept(near), peer.rest());
    (accepted.unwrap_err(), answer)
}

#[tokio::test]
async fn a_valid_request_is_answered_as_the_rfc_shows() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    let mut ws = socket_flow::accept(near).await.unwrap();
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
    ws.send("Hello").await.unwrap();
    assert_eq!(peer.arrived().await, HELLO);
}

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

#[tokio::test]
async fn a_hundred_header_lines_are_welcome_and_limits_can_be_set() {
    let lines = "X: y\r\n".repeat(95);
    let request = with(lines.trim_end());
    assert_eq!(request.lines().count(), 1 + 100 + 1);
    let (near, mut peer) = Peer::pair();
    peer.send(&request).await;
    socket_flow::accept(near).await.unwrap();

    let strict = Acceptor::new().head_limits(HeadLimits::default().max_headers(99));
    let (_, answer) = refused(&strict, &request).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_client_is_closed_after_ten_seconds() {
    for already in ["", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let (near, mut peer) = Peer::pair();
        peer.send(already).await;
        let start = Instant::now();
        let error = socket_flow::accept(near).await.unwrap_err();
        assert!(matches!(error, AcceptError::Timeout), "{error:?}");
        assert_eq!(start.elapsed().as_millis(), 10_000);
        assert_eq!(peer.rest().await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_trickles_its_request_has_no_more_time_than_others() {
    let (near, mut peer) = Peer::pair();
    let start = Instant::now();
    let acceptor = Acceptor::new().handshake_timeout(Duration::from_secs(5));
    let accepting = tokio::spawn(async move { acceptor.accept(near).await });
    let trickling = tokio::spawn(async move {
        for byte in REQUEST.bytes() {
            peer.send([byte]).await;
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
    let error = accepting.await.unwrap().unwrap_err();
    trickling.abort();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert_eq!(start.elapsed().as_millis(), 5000);
}

#[tokio::test]
async fn a_silent_client_keeps_nobody_else_waiting() {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await;
            tokio::spawn(async move {
                socket_flow::accept(stream)
                    .await?
                    .recv()
                    .await
                    .map_err(Box::from)
                    as Result<_, Box<dyn std::error::Error + Send + Sync>>
            });
        }
    });
    let _silent = tokio::net::TcpStream::connect(addr).await.unwrap();
    socket_flow::connect(&format!("ws://{addr}/"))
        .await
        .unwrap();
    server.abort();
}

#[tokio::test]
async fn the_end_of_the_stream_anywhere_in_the_request_is_an_error() {
    for len in 0..REQUEST.len() {
        let (error, answer) = refused(&Acceptor::new(), &REQUEST[..len]).await;
        assert!(
            matches!(error, AcceptError::UnexpectedEof),
            "after {len} bytes: {error:?}"
        );
        assert_eq!(answer, "");
    }
}

#[tokio::test]
async fn a_request_that_arrives_byte_by_byte_is_no_attack() {
    let (near, mut peer) = Peer::pair();
    let (accepted, ()) = tokio::join!(socket_flow::accept(near), peer.send_slowly(REQUEST));
    let mut ws = accepted.unwrap();
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
    let (received, ()) = tokio::join!(ws.recv(), peer.send_slowly(MASKED_HELLO));
    assert_eq!(received.unwrap(), Some(Message::from("Hello")));
}

#[tokio::test]
async fn frames_in_the_segment_of_the_request_are_delivered() {
    for cut in 0..=MASKED_HELLO.len() {
        let (near, mut peer) = Peer::pair();
        peer.send([REQUEST.as_bytes(), MASKED_HELLO, &MASKED_HELLO[..cut]].concat())
            .await;
        let mut ws = socket_flow::accept(near).await.unwrap();
        peer.send(&MASKED_HELLO[cut..]).await;
        for _ in 0..2 {
            assert_eq!(
                ws.recv().await.unwrap(),
                Some(Message::from("Hello")),
                "cut at {cut}"
            );
        }
    }
}

#[tokio::test]
async fn one_subprotocol_is_answered_by_the_servers_preference() {
    let acceptor = Acceptor::new().subprotocols(["v2", "v1"]);
    for (offer, picked) in [("v1, v2", Some("v2")), ("v1", Some("v1")), ("V1, v3", None)] {
        let (near, mut peer) = Peer::pair();
        peer.send(with(&format!("Sec-WebSocket-Protocol: {offer}")))
            .await;
        let ws = acceptor.accept(near).await.unwrap();
        assert_eq!(ws.negotiated().subprotocol(), picked, "{offer}");
        assert_eq!(header(&peer.head().await, "sec-websocket-protocol"), picked);
    }
    let strict = acceptor.require_subprotocol(true);
    let (_, answer) = refused(&strict, with("Sec-WebSocket-Protocol: v3")).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

#[tokio::test]
async fn the_origin_policy_is_the_servers() {
    let own = with("Origin: https://server.example.com");
    let other = with("Origin: https://admin.example.com");
    let list = OriginPolicy::allow_list(["https://admin.example.com"]).unwrap();
    for (acceptor, own_is_welcome, other_is_welcome) in [
        (Acceptor::new(), true, false),
        (Acceptor::new().origin(list), false, true),
        (Acceptor::new().allow_any_origin(), true, true),
    ] {
        for (request, welcome) in [(&own, own_is_welcome), (&other, other_is_welcome)] {
            let (near, mut peer) = Peer::pair();
            peer.send(request).await;
            peer.shut_down().await;
            assert_eq!(
                acceptor.accept(near).await.is_ok(),
                welcome,
                "{acceptor:?} {request}"
            );
        }
    }
}

#[tokio::test]
async fn a_pending_request_can_be_looked_at_and_answered_with_more() {
    let (near, mut peer) = Peer::pair();
    peer.send(with("Cookie: session=1\r\nSec-WebSocket-Protocol: v1, v2"))
        .await;
    let acceptor = Acceptor::new().subprotocols(["v1"]);
    let pending = acceptor.read(near).await.unwrap();
    assert_eq!(pending.request().uri(), "/chat");
    assert_eq!(pending.request().headers()["cookie"], "session=1");
    assert!(!format!("{pending:?}").contains("session"));
    // A database is asked: the client waits.
    tokio::task::yield_now().await;
    assert_eq!(peer.arrived().await, b"");
    let pending = pending
        .header("Set-Cookie", "a=1")
        .header("Set-Cookie", "b=2")
        .subprotocol("v2");
    let ws = pending.accept().await.unwrap();
    assert_eq!(ws.negotiated().subprotocol(), Some("v2"));
    let head = peer.head().await;
    assert!(
        head.contains("Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"),
        "{head}"
    );
    assert_eq!(header(&head, "sec-websocket-protocol"), Some("v2"));
}

#[tokio::test]
async fn a_subprotocol_that_was_not_offered_is_never_answered() {
    let (near, mut peer) = Peer::pair();
    peer.send(with("Sec-WebSocket-Protocol: v1")).await;
    let pending = Acceptor::new().read(near).await.unwrap();
    let ws = pending.subprotocol("v2").accept().await.unwrap();
    assert_eq!(ws.negotiated().subprotocol(), None);
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
}

#[tokio::test(start_paused = true)]
async fn the_decision_counts_towards_the_deadline() {
    // Too small for the 101, which the client does not read.
    let (near, mut far) = tokio::io::duplex(64);
    let client = tokio::spawn(async move {
        far.write_all(REQUEST.as_bytes()).await.unwrap();
        std::future::pending::<()>().await;
    });
    let start = Instant::now();
    let pending = Acceptor::new().read(near).await.unwrap();
    tokio::time::sleep(Duration::from_secs(9)).await;
    let error = pending.accept().await.unwrap_err();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert_eq!(start.elapsed().as_millis(), 10_000);
    client.abort();
}

#[tokio::test]
async fn a_pending_request_can_be_rejected_with_any_final_response() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    peer.shut_down().await;
    let answer = Response::builder()
        .status(401)
        .header("WWW-Authenticate", "Basic")
        .header("Content-Length", "1000")
        .header("Transfer-Encoding", "chunked")
        .header("Connection", "keep-alive")
        .body("who?")
        .unwrap();
    let pending = Acceptor::new().read(near).await.unwrap();
    pending.reject(answer).await.unwrap();
    assert_eq!(
        peer.rest().await,
        "HTTP/1.1 401 Unauthorized\r\n\
         Www-Authenticate: Basic\r\n\
         Connection: close\r\n\
         Content-Length: 4\r\n\r\n\
         who?"
    );
}

#[tokio::test]
async fn mistakes_of_the_application_are_its_errors_and_the_clients_500() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    peer.shut_down().await;
    let pending = Acceptor::new().read(near).await.unwrap();
    let error = pending
        .header("x", "a\r\nb: c")
        .header("y", "z")
        .accept()
        .await
        .unwrap_err();
    assert!(
        matches!(error, AcceptError::InvalidHeader(InvalidHeader::Value)),
        "{error:?}"
    );
    let answer = peer.rest().await;
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && !answer.contains("b: c"),
        "{answer}"
    );

    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    peer.shut_down().await;
    let pending = Acceptor::new().read(near).await.unwrap();
    match pending.header("sec-websocket-accept", "x").accept().await {
        Err(AcceptError::Rejected(rejection)) => {
            assert!(matches!(
                rejection.reason(),
                RejectReason::ReservedHeader(_)
            ));
        }
        other => panic!("{other:?}"),
    }
    assert!(peer.rest().await.starts_with("HTTP/1.1 500 "));

    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    peer.shut_down().await;
    let pending = Acceptor::new().read(near).await.unwrap();
    let answer = Response::builder().status(101).body("").unwrap();
    let error = pending.reject(answer).await.unwrap_err();
    assert!(
        matches!(error, AcceptError::InvalidRejection(_)),
        "{error:?}"
    );
    assert!(peer.rest().await.starts_with("HTTP/1.1 500 "));
}

#[tokio::test]
async fn a_dropped_request_closes_the_stream_without_an_answer() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    drop(Acceptor::new().read(near).await.unwrap());
    assert_eq!(peer.rest().await, "");
}
