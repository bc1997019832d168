//! Peers that hold a connection open and never finish their handshake. Deadlines are looked at in
//! memory, with a paused clock.

use std::time::Duration;

use socket_flow::{AcceptError, ClientBuilder, ConnectError, ConnectStage};
use tokio::time::Instant;

use crate::support::{Peer, REQUEST, switching_protocols};
use crate::victim::{answer, server, status};
use crate::wire::Wire;

/// Silence, from the first byte on or later: ten seconds, to the millisecond, and not a byte in
/// answer (RFC 6455 §10.4; "slowloris").
#[tokio::test(start_paused = true)]
async fn a_server_closes_on_a_silent_client_after_exactly_ten_seconds() {
    for sent in [
        "",
        "G",
        "GET / HTTP/1.1\r\n",
        "GET /chat HTTP/1.1\r\nHost:",
        &REQUEST[..REQUEST.len() - 1],
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(sent).await;
        let start = Instant::now();
        let error = socket_flow::accept(near).await.unwrap_err();
        assert!(matches!(error, AcceptError::Timeout), "{sent:?}: {error:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(10), "{sent:?}");
        assert_eq!(peer.rest().await, "");
    }
}

/// One byte a second is progress, and no excuse (RFC 6455 §10.4; "slowloris").
#[tokio::test(start_paused = true)]
async fn a_server_closes_on_a_client_of_one_byte_a_second_after_exactly_ten_seconds() {
    let (near, mut peer) = Peer::pair();
    let start = Instant::now();
    let accepting = tokio::spawn(async move { socket_flow::accept(near).await });
    let trickling = tokio::spawn(async move {
        for byte in REQUEST.bytes() {
            peer.send([byte]).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let error = accepting.await.unwrap().unwrap_err();
    trickling.abort();
    assert!(matches!(error, AcceptError::Timeout), "{error:?}");
    assert_eq!(start.elapsed(), Duration::from_secs(10));
}

/// A server that says nothing, half its answer, or ever more interim answers: the client's whole
/// handshake has ten seconds (RFC 6455 §4.1).
#[tokio::test(start_paused = true)]
async fn a_client_gives_up_on_a_slow_server_after_exactly_ten_seconds() {
    for (at_once, each_second) in [
        ("", ""),
        ("HTTP/1.1 101 Switching Protocols\r\n", ""),
        ("HTTP/1.1 101 Switching Protocols\r\nX: ", "x"),
        ("HTTP/1.1 401 x\r\nContent-Length: 100\r\n\r\n", "x"),
        (
            "HTTP/1.1 401 x\r\nTransfer-Encoding: chunked\r\n\r\n",
            "1\r\nx\r\n",
        ),
    ] {
        let (near, mut peer) = Peer::pair();
        let start = Instant::now();
        let serving = tokio::spawn(async move {
            peer.head().await;
            peer.send(at_once).await;
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                peer.send(each_second).await;
            }
        });
        let error = ClientBuilder::new("ws://a/")
            .connect_on(near)
            .await
            .unwrap_err();
        serving.abort();
        assert_eq!(start.elapsed(), Duration::from_secs(10), "{at_once:?}");
        match error {
            ConnectError::Timeout(stage) => assert_eq!(stage, ConnectStage::Handshake),
            // Its status has arrived, and is worth more than that the rest is missing.
            ConnectError::Rejected(rejected) => {
                assert_eq!(rejected.status(), 401);
                assert!(rejected.is_truncated());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Whoever holds handshakes open keeps nobody waiting, and has no answer (RFC 6455 §10.4;
/// "slowloris").
#[tokio::test]
async fn slow_clients_delay_no_good_one() {
    let server = server(|builder| builder).await;
    let mut slow = Vec::new();
    for sent in ["", "GET /", &REQUEST[..REQUEST.len() - 1]].repeat(20) {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(sent).await;
        slow.push(wire);
    }
    let (head, mut good) = answer(&server, REQUEST).await;
    assert_eq!(status(&head), 101);
    good.send(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        .await;
    assert_eq!(good.frame().await.unwrap().payload, b"Hello");
    assert_eq!(server.connections(), 1);
    // One that comes to its senses is as good as any other.
    let mut late = slow.pop().unwrap();
    late.send("\n").await;
    assert_eq!(status(&late.head().await), 101);
}

/// A request and an answer of one byte a segment, frames likewise, are no attack
/// (RFC 9112 §2.2, RFC 6455 §5.2).
#[tokio::test]
async fn handshakes_in_segments_of_one_byte_succeed_on_both_sides() {
    let server = server(|builder| builder).await;
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    wire.send_by_byte(REQUEST).await;
    assert_eq!(status(&wire.head().await), 101);
    wire.send_by_byte(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
        .await;
    assert_eq!(wire.frame().await.unwrap().payload, b"Hello");

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let peer = async {
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let answer = switching_protocols(&wire.head().await) + "\r\n";
        wire.send_by_byte(answer).await;
        wire.send_by_byte(b"\x81\x05Hello").await;
        wire
    };
    let client = async {
        let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
        ws.recv().await.unwrap().unwrap()
    };
    let (message, _wire) = tokio::join!(client, peer);
    assert_eq!(message.as_text(), Some("Hello"));
}
