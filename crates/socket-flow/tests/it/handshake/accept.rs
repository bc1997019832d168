//! The server's opening handshake: what is accepted, and how it arrives.

use std::time::Duration;

use socket_flow::{AcceptError, Acceptor, HeadLimits, Listener, Message, OriginPolicy};
use tokio::time::Instant;

use crate::handshake::scripted::{SWITCHING_PROTOCOLS, refused, with};
use crate::support::{HELLO, MASKED_HELLO, Peer, REQUEST, header};

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn a_valid_request_is_answered_as_the_rfc_shows() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST).await;
    let mut ws = socket_flow::accept(near).await.unwrap();
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
    ws.send("Hello").await.unwrap();
    assert_eq!(peer.arrived().await, HELLO);
}

/// RFC 6455 §4.3: every key of a deployed agent has bits set that stand for nothing.
#[tokio::test]
async fn a_key_whose_last_bits_are_set_opens_a_connection() {
    let (near, mut peer) = Peer::pair();
    let request = REQUEST.replace("dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==");
    assert_ne!(request, REQUEST);
    peer.send(request).await;
    socket_flow::accept(near).await.unwrap();
    let answer = peer.head().await;
    assert_eq!(
        header(&answer, "sec-websocket-accept"),
        Some("Zgw8jYXtqX5qJr7MJ1Q/MqzeSRI=")
    );
}

/// RFC 9110 §7.8, §10.1.1.
#[tokio::test]
async fn a_client_that_expects_100_gets_it_before_the_101_and_not_before_a_refusal() {
    for (line, is_expected) in [
        ("Expect: 100-continue", true),
        ("expect: foo=bar , 100-Continue", true),
        ("Expect: foo\r\nExpect: 100-continue", true),
        ("Expect: 100-continued", false),
        ("Expect:", false),
    ] {
        let (near, mut peer) = Peer::pair();
        peer.send(with(line)).await;
        let mut ws = socket_flow::accept(near).await.unwrap();
        if is_expected {
            assert_eq!(peer.head().await, "HTTP/1.1 100 Continue\r\n\r\n", "{line}");
        }
        assert_eq!(peer.head().await, SWITCHING_PROTOCOLS, "{line}");
        ws.send("Hello").await.unwrap();
        assert_eq!(peer.arrived().await, HELLO);
    }
    let request = with("Expect: 100-continue\r\nOrigin: https://evil.example");
    let (_, answer) = refused(&Acceptor::new(), request).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
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

/// RFC 6455 §4.2.2.
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

/// RFC 6455 §4.2.1; RFC 9110 §5.1.
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

/// RFC 6455 §10.2.
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
async fn headers_need_no_space_behind_the_colon() {
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST.replace(": ", ":")).await;
    socket_flow::accept(near).await.unwrap();
    assert_eq!(peer.head().await, SWITCHING_PROTOCOLS);
}
