//! What is bounded in bytes or in number.

use futures_util::FutureExt;
use socket_flow::{Events, Message, SendError, Server, ServerEvent};
use tokio::task::unconstrained;

use crate::limits::slow::{Client, Clock, HALF, LATE};
use crate::limits::{CLOSE, Ws, echo};

#[tokio::test]
async fn a_message_of_16_mib_is_received_and_a_byte_more_is_1009() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    // The header is enough, and nothing of the payload is waited for.
    for (len, close) in [(16_u64 << 20, None), ((16 << 20) + 1, Some(b"\x03\xf1"))] {
        let mut client = Client::open(&server, &clock).await;
        client.send([&b"\x82\xff"[..], &len.to_be_bytes(), b"\0\0\0\0"].concat());
        clock.settle().await;
        let received = client.received();
        assert_eq!(
            received.get(2..4),
            close.map(|code| &code[..]),
            "{received:?}"
        );
    }
}

#[tokio::test]
async fn fragments_that_come_slowly_are_counted_together() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let mut client = Client::open(&server, &clock).await;
    let part = |first, len: u64| {
        let header = [&[first, 0xff][..], &len.to_be_bytes(), b"\0\0\0\0"].concat();
        [header, vec![7; usize::try_from(len).unwrap()]].concat()
    };
    client.send_all(&part(0x02, 1 << 20), &clock).await;
    for _ in 1..16 {
        clock.advance(HALF).await;
        client.send_all(&part(0x00, 1 << 20), &clock).await;
    }
    assert_eq!(client.received(), b"");
    client.send(b"\0\x81\0\0\0\0");
    clock.settle().await;
    assert_eq!(client.received().get(2..4), Some(&b"\x03\xf1"[..]));
}

#[cfg(feature = "deflate")]
#[tokio::test]
async fn compression_is_off_until_asked_for_and_then_begins_at_256_bytes() {
    let offer = "Upgrade: websocket\r\nSec-WebSocket-Extensions: permessage-deflate\r\n";
    let request = crate::support::REQUEST.replace("Upgrade: websocket\r\n", offer);
    let clock = Clock::stop();
    let off = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let answer = crate::limits::answer(&off, &request, &clock).await;
    assert!(!answer.contains("xtensions"), "{answer}");
    let on = Server::bind("127.0.0.1:0").deflate(socket_flow::Deflate::balanced());
    let on = on
        .serve_with(|mut ws: Ws, _| async move {
            ws.queue(vec![7; 255]).unwrap();
            ws.send(vec![7; 256]).await
        })
        .await
        .unwrap();
    let mut client = Client::connect(&on, &clock).await;
    client.send(request);
    clock.settle().await;
    let received = client.received();
    let head = received.windows(4).position(|four| four == b"\r\n\r\n");
    let frames = &received[head.unwrap() + 4..];
    // FIN and the opcode; RSV1 says that it is compressed (RFC 7692 §6).
    assert_eq!(frames[..4], [0x82, 126, 0, 255]);
    assert_eq!(frames[4 + 255], 0xc2);
}

#[tokio::test]
async fn the_write_queue_takes_no_more_messages_above_64_kib() {
    let clock = Clock::stop();
    let (told, mut queued) = tokio::sync::mpsc::unbounded_channel();
    let server = Server::bind("127.0.0.1:0")
        .serve_with(move |mut ws: Ws, _| {
            let mut count = 0;
            while ws.queue(vec![7; 996]).is_ok() {
                count += 1;
            }
            told.send((count, ws.buffered_amount())).unwrap();
            async move { drop(ws) }
        })
        .await
        .unwrap();
    Client::open(&server, &clock).await;
    // Each with a header of four bytes.
    assert_eq!(queued.try_recv().unwrap(), (66, 66_000));
}

#[tokio::test]
async fn the_queue_of_senders_takes_64_kib_with_64_for_each_message() {
    let clock = Clock::stop();
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let _client = Client::open(&server, &clock).await;
    let Some(ServerEvent::Open { sender, .. }) = events.next().await else {
        panic!("not open");
    };
    // Nobody runs the connection meanwhile.
    for _ in 0..64 {
        sender.try_send(vec![7; 1024 - 64]).unwrap();
    }
    assert!(matches!(sender.try_send(""), Err(SendError::Full(""))));
}

#[tokio::test]
async fn a_send_into_a_full_queue_has_30_seconds_though_the_client_takes_single_bytes() {
    let clock = Clock::stop();
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut client = Client::open(&server, &clock).await;
    let Some(ServerEvent::Open { sender, .. }) = events.next().await else {
        panic!("not open");
    };
    // One that the connection takes over, and does not get rid of.
    sender.try_send(crate::limits::flood()).unwrap();
    for _ in 0..100 {
        clock.settle().await;
    }
    while sender.try_send(vec![7; 1024 - 64]).is_ok() {}
    let sending = tokio::spawn(async move { sender.send("x").await });
    clock.settle().await;
    for _ in 0..59 {
        client.takes_a_byte();
        clock.advance(HALF).await;
        assert!(!sending.is_finished());
    }
    clock.advance(HALF + LATE).await;
    assert!(sending.is_finished());
    assert_eq!(sending.await.unwrap(), Err(SendError::Stalled("x")));
}

#[tokio::test]
async fn clients_of_a_server_have_no_limit() {
    let clock = Clock::stop();
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(Client::open(&server, &clock).await);
    }
    assert_eq!(server.connections(), clients.len());
}

/// The next event, if it is there now.
fn ready(events: &mut Events) -> Option<ServerEvent> {
    unconstrained(events.next()).now_or_never().flatten()
}

#[tokio::test]
async fn messages_that_wait_as_events_have_16_mib_in_all() {
    const MIB: usize = 1 << 20;
    const COUNT: usize = 20;
    let clock = Clock::stop();
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let message = [&b"\x82\xff\0\0\0\0\0\x10\0\0\0\0\0\0"[..], &[7; MIB]].concat();
    // A connection has one message of this size as an event, for its reply needs room.
    let mut clients = Vec::new();
    for _ in 0..COUNT {
        let mut client = Client::open(&server, &clock).await;
        client.send_all(&message[..message.len() - 1], &clock).await;
        clients.push(client);
    }
    for client in &mut clients {
        clock.advance(HALF).await;
        client.send(b"\x07");
        clock.settle().await;
    }
    let (mut waiting, mut opened) = (0, 0);
    while let Some(event) = ready(&mut events) {
        match event {
            ServerEvent::Open { .. } => opened += 1,
            ServerEvent::Message { message, .. } => {
                assert_eq!(message.len(), MIB);
                waiting += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((opened, waiting), (COUNT, 16));
    // The others come once these are read.
    clock.settle().await;
    while let Some(event) = ready(&mut events) {
        assert!(matches!(event, ServerEvent::Message { .. }), "{event:?}");
        waiting += 1;
    }
    assert_eq!(waiting, COUNT);
}

#[tokio::test]
async fn events_that_wait_to_be_read_are_256() {
    let clock = Clock::stop();
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut client = Client::open(&server, &clock).await;
    client.send(b"\x82\x80\0\0\0\0".repeat(1000));
    clock.settle().await;
    // Read at once, so that the connection hands in no other.
    let mut waiting = 0;
    while let Some(event) = unconstrained(events.next()).now_or_never() {
        assert!(event.is_some());
        waiting += 1;
    }
    assert_eq!(waiting, 256);
    // The others come later.
    let mut messages = waiting - 1;
    while messages < 1000 {
        if let Some(ServerEvent::Message { message, .. }) = events.next().await {
            assert_eq!(message, Message::from(Vec::new()));
            messages += 1;
        }
    }
    client.send(CLOSE);
    drop(client);
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Close { code: 1000, .. })
    ));
}
