//! Requests that the application decides about.

use std::time::Duration;

use http::Response;
use socket_flow::handshake::server::RejectReason;
use socket_flow::{AcceptError, Acceptor, InvalidHeader};
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use crate::scripted::{SWITCHING_PROTOCOLS, with};
use crate::support::{Peer, REQUEST, header};

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
