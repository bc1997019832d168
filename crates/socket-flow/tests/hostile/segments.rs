//! Frames that arrive with the handshake, in one segment: they must be neither lost nor read as a
//! part of the head.

use socket_flow::{ClientBuilder, Message};
use tokio::net::TcpListener;

use crate::support::{HELLO, MASKED_HELLO, REQUEST, switching_protocols};
use crate::victim::{answer, server, status};
use crate::wire::{Wire, bounded};

/// Frames in the segment of the request, before the client has an answer: whole, cut anywhere, and
/// many of them (RFC 6455 §4.1, §5.1).
#[tokio::test]
async fn frames_in_the_segment_of_the_request_are_delivered() {
    let server = server(|builder| builder).await;
    for cut in 0..=MASKED_HELLO.len() {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        let (now, later) = MASKED_HELLO.split_at(cut);
        wire.send([REQUEST.as_bytes(), MASKED_HELLO, now].concat())
            .await;
        assert_eq!(status(&wire.head().await), 101);
        wire.send(later).await;
        for _ in 0..2 {
            let frame = wire.frame().await.unwrap();
            assert_eq!(
                (frame.first, &*frame.payload),
                (0x81, &b"Hello"[..]),
                "{cut}"
            );
        }
    }
    let flood = MASKED_HELLO.repeat(10_000);
    let mut wire = Wire::connect(server.local_addr().unwrap()).await;
    wire.send([REQUEST.as_bytes(), &flood].concat()).await;
    wire.head().await;
    for _ in 0..10_000 {
        assert_eq!(wire.frame().await.unwrap().payload, b"Hello");
    }
}

/// A request cut in two at every byte (RFC 9112 §2.2).
#[tokio::test]
async fn a_request_cut_at_every_byte_is_answered() {
    let server = server(|builder| builder).await;
    for cut in 1..REQUEST.len() {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(&REQUEST[..cut]).await;
        tokio::task::yield_now().await;
        wire.send([&REQUEST.as_bytes()[cut..], MASKED_HELLO].concat())
            .await;
        assert_eq!(status(&wire.head().await), 101, "{cut}");
        assert_eq!(wire.frame().await.unwrap().payload, b"Hello", "{cut}");
    }
    // And whole, for the figure: nothing else is different.
    assert_eq!(status(&answer(&server, REQUEST).await.0), 101);
}

/// A 101 with frames behind it, cut at every byte of both, down to none: the first frame is
/// delivered however it came (RFC 6455 §4.1, §4.2.2).
#[tokio::test]
async fn a_101_with_a_frame_behind_it_is_read_however_it_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let len = (switching_protocols(REQUEST) + "\r\n").len() + HELLO.len();
    for cut in 0..=len {
        let peer = async {
            let mut wire = Wire::new(listener.accept().await.unwrap().0);
            let head = switching_protocols(&wire.head().await) + "\r\n";
            let bytes = [head.as_bytes(), HELLO].concat();
            assert_eq!(bytes.len(), len);
            wire.send(&bytes[..cut]).await;
            tokio::task::yield_now().await;
            wire.send(&bytes[cut..]).await;
            wire
        };
        let client = async {
            let (mut ws, _) = ClientBuilder::new(&url).connect().await.unwrap();
            ws.recv().await.unwrap()
        };
        let (message, _wire) = bounded(async { tokio::join!(client, peer) }).await;
        assert_eq!(message, Some(Message::from("Hello")), "{cut}");
    }
}
