//! Requests that the application decides about.

use std::time::Duration;

use http::Response;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, Acceptor, Config, InvalidHeader};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::handshake::scripted::{SWITCHING_PROTOCOLS, with};
use crate::support::{Peer, REQUEST, header};

type Pending = socket_flow::Pending<DuplexStream>;

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

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn a_subprotocol_that_was_not_offered_is_never_answered() {
    let (near, mut peer) = Peer::pair();
    peer.send(with("Sec-WebSocket-Protocol: v1")).await;
    let pending = Acceptor::new().read(near).await.unwrap();
    let ws = pending.subprotocol("v2").accept().await.unwrap();
    assert_eq!(ws.negotiated().subprotocol(), None);
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
}

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn headers_and_a_subprotocol_make_the_same_101_in_any_order() {
    type Change = fn(Pending) -> Pending;
    const HEADER: Change = |pending| pending.header("X-A", "1");
    const SAME_HEADER: Change = |pending| pending.header("x-a", "2");
    const OTHER_HEADER: Change = |pending| pending.header("X-B", "3");
    const PICK: Change = |pending| pending.subprotocol("v2");
    const PICK_UNOFFERED: Change = |pending| pending.subprotocol("v3");
    const CONFIG: Change = |pending| pending.config(Config::new());

    for (changes, lines) in [
        (&[][..], "Sec-WebSocket-Protocol: v1\r\n"),
        (&[CONFIG], "Sec-WebSocket-Protocol: v1\r\n"),
        (&[HEADER], "Sec-WebSocket-Protocol: v1\r\nX-A: 1\r\n"),
        (&[PICK], "Sec-WebSocket-Protocol: v2\r\n"),
        (&[HEADER, PICK], "Sec-WebSocket-Protocol: v2\r\nX-A: 1\r\n"),
        (&[PICK, HEADER], "Sec-WebSocket-Protocol: v2\r\nX-A: 1\r\n"),
        (
            &[HEADER, OTHER_HEADER, PICK, CONFIG, SAME_HEADER],
            "Sec-WebSocket-Protocol: v2\r\nX-A: 1\r\nX-A: 2\r\nX-B: 3\r\n",
        ),
        (
            &[OTHER_HEADER, SAME_HEADER, PICK, HEADER],
            "Sec-WebSocket-Protocol: v2\r\nX-B: 3\r\nX-A: 2\r\nX-A: 1\r\n",
        ),
        (&[PICK_UNOFFERED], ""),
        (&[PICK_UNOFFERED, HEADER], "X-A: 1\r\n"),
        (&[PICK, PICK_UNOFFERED], ""),
        (
            &[PICK_UNOFFERED, HEADER, PICK],
            "Sec-WebSocket-Protocol: v2\r\nX-A: 1\r\n",
        ),
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(with("Sec-WebSocket-Protocol: v2, v1")).await;
        let acceptor = Acceptor::new().subprotocols(["v1"]);
        let mut pending = acceptor.read(near).await.unwrap();
        for change in changes {
            pending = change(pending);
        }
        let ws = pending.accept().await.unwrap();
        let head = peer.head().await;
        let expected = SWITCHING_PROTOCOLS.trim_end().to_owned() + "\r\n" + lines + "\r\n";
        assert_eq!(head, expected);
        assert_eq!(
            ws.negotiated().subprotocol(),
            header(&head, "sec-websocket-protocol")
        );
    }
}

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn where_a_subprotocol_is_required_the_last_one_picked_decides() {
    let acceptor = Acceptor::new()
        .subprotocols(["v1"])
        .require_subprotocol(true);
    for (picks, opened) in [
        (&[][..], Some("v1")),
        (&["v2"], Some("v2")),
        (&["v3"], None),
        (&["V1"], None),
        (&[""], None),
        (&["v1, v2"], None),
        (&["v3", "v2"], Some("v2")),
        (&["v2", "v3"], None),
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(with("Sec-WebSocket-Protocol: v1, v2")).await;
        peer.shut_down().await;
        let mut pending = acceptor.read(near).await.unwrap();
        for pick in picks {
            pending = pending.subprotocol(*pick);
        }
        match (pending.accept().await, opened) {
            (Ok(ws), Some(_)) => assert_eq!(ws.negotiated().subprotocol(), opened),
            (Err(AcceptError::Rejected(rejection)), None) => {
                assert_eq!(*rejection.reason(), RejectReason::NoCommonSubprotocol);
                let answer = peer.rest().await;
                assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
            }
            (got, _) => panic!("{picks:?}: {got:?}"),
        }
    }
}

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn the_first_of_several_mistakes_in_the_order_of_the_checks_is_told() {
    type Change = fn(Pending) -> Pending;
    let acceptor = Acceptor::new()
        .subprotocols(["v1"])
        .require_subprotocol(true);
    let cases: [(Change, &str, &str); 4] = [
        (
            |pending| pending.header("upgrade", "x").subprotocol("v2"),
            "no subprotocol in common",
            "HTTP/1.1 400 ",
        ),
        (
            |pending| pending.header("upgrade", "x").header("x", "\n"),
            "header value holds a control character",
            "HTTP/1.1 500 ",
        ),
        (
            |pending| pending.header("x y", "z").subprotocol("v2"),
            "header name is not a token",
            "HTTP/1.1 500 ",
        ),
        (
            |pending| {
                let pending = pending.header("x y", "z").subprotocol("v2");
                pending.deny(Response::builder().status(403).body("no").unwrap())
            },
            "rejected by the application with 403 Forbidden",
            "HTTP/1.1 403 ",
        ),
    ];
    for (change, message, start) in cases {
        let (near, mut peer) = Peer::pair();
        peer.send(with("Sec-WebSocket-Protocol: v1")).await;
        peer.shut_down().await;
        let pending = change(acceptor.read(near).await.unwrap());
        let told = match pending.accept().await.unwrap_err() {
            AcceptError::Rejected(rejection) => rejection.reason().to_string(),
            AcceptError::InvalidHeader(error) => error.to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(told, message);
        let answer = peer.rest().await;
        assert!(answer.starts_with(start), "{answer}");
    }
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn an_extension_that_was_agreed_on_stays_so_whatever_else_is_changed() {
    let (near, mut peer) = Peer::pair();
    peer.send(with(
        "Sec-WebSocket-Protocol: v1\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10",
    ))
    .await;
    let acceptor = Acceptor::new().deflate(socket_flow::Deflate::balanced());
    let pending = acceptor.read(near).await.unwrap();
    let pending = pending.header("x-a", "1").subprotocol("v1");
    let ws = pending.config(Config::new()).accept().await.unwrap();
    assert_eq!(
        peer.head().await,
        "HTTP/1.1 101 Switching Protocols\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
         Sec-WebSocket-Protocol: v1\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\n\
         X-A: 1\r\n\r\n"
    );
    let agreed = ws.negotiated().deflate().unwrap();
    assert_eq!(agreed.server_max_window_bits, 10);
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

/// RFC 6455 §4.2.2.
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
    let answer = peer.rest().await;
    let date = format!("Date: {}\r\n", header(&answer, "date").unwrap());
    assert_eq!(
        answer.replace(&date, ""),
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
