//! What leaves when: `queue`, `send`, and the bytes of others.

use std::task::Poll;

use bytes::{Buf, BytesMut};
use socket_flow_connection::{Config, Message, Negotiated, Prepared, SendError, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::frames::{BINARY, PING, TEXT, parse, split_frames, whole};
use crate::support::record::Recorder;
use crate::support::{self, Client, Server, bounded, no_deadlines, open, pair, poll_once, raw};

#[tokio::test]
async fn answers_to_a_pipelined_batch_leave_in_one_write() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    far.tape()
        .feed(Ok(whole(Client, TEXT, b"ping pong").repeat(500)));
    let (reader, writer) = ws.halves();
    let mut echoed = 0;
    // Others have their turn after each 128 messages.
    for _turn in 0..=500 / 128 {
        while let Poll::Ready(message) = poll_once(reader.recv(writer)) {
            // Nothing leaves while there is more to answer.
            assert_eq!(far.tape().writes.len(), 0);
            writer.queue(message.unwrap().unwrap()).unwrap();
            echoed += 1;
        }
    }
    assert_eq!(echoed, 500);
    assert_eq!(far.tape().writes.len(), 1);
    assert_eq!(far.tape().flushes, 1);
    assert_eq!(parse(&far.tape().written()).len(), 500);
}

#[tokio::test]
async fn send_writes_and_flushes_at_once() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    ws.queue("a").unwrap();
    assert_eq!(far.tape().writes.len(), 0);
    ws.send("b").await.unwrap();
    assert_eq!(far.tape().written(), b"\x81\x01a\x81\x01b");
    assert_eq!(far.tape().writes.len(), 1);
    assert_eq!(far.tape().flushes, 1);
    ws.flush().await.unwrap();
    assert_eq!(far.tape().flushes, 1);
    assert_eq!(ws.buffered_amount(), 0);
}

#[tokio::test]
async fn a_lent_message_is_sent_while_it_lives_also_on_another_connection() {
    let (io, far) = Recorder::new();
    let (other_io, other) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let mut elsewhere = open(other_io, Server, no_deadlines());
    far.tape().feed(Ok(whole(Client, TEXT, b"lent")));
    let (reader, writer) = ws.halves();
    let message = reader.recv(writer).await.unwrap().unwrap();
    writer.send(message).await.unwrap();
    elsewhere.send(message).await.unwrap();
    assert_eq!(message.as_text(), Some("lent"));
    assert_eq!(far.tape().written(), b"\x81\x04lent");
    assert_eq!(other.tape().written(), b"\x81\x04lent");
}

#[tokio::test]
async fn the_queue_is_full_at_its_high_water_mark_and_gives_the_message_back() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines().high_water(1000));
    ws.queue(vec![0; 998]).unwrap();
    match ws.queue("one more") {
        Err(SendError::Full(message)) => assert_eq!(message, "one more"),
        other => panic!("{other:?}"),
    }
    assert!(poll_once(ws.ready()).is_pending());
    far.tape().make_room(500);
    ws.ready().await.unwrap();
    ws.queue("one more").unwrap();
}

#[tokio::test]
async fn a_reply_loop_never_sees_full_with_a_peer_that_pipelines_and_reads() {
    for size in [64, 4096, 1 << 20] {
        let (mut server, far) = raw(Server, size, Config::new());
        let (mut read, mut write) = tokio::io::split(far);
        let echo = tokio::spawn(async move {
            while let Some(message) = server.recv().await? {
                server.queue(message)?;
            }
            Ok::<_, socket_flow_connection::Error>(())
        });
        tokio::spawn(async move {
            for n in 0..10_000_u32 {
                let payload = [&n.to_be_bytes()[..], &[0; 100]].concat();
                let _ = write.write_all(&whole(Client, BINARY, &payload)).await;
            }
            let _ = write
                .write_all(&support::frames::close(Client, 1000, ""))
                .await;
        });
        let mut wire = Vec::new();
        bounded(read.read_to_end(&mut wire)).await.unwrap();
        drop(read);
        let frames = parse(&wire);
        assert_eq!(frames.len(), 10_001);
        for (n, frame) in frames[..10_000].iter().enumerate() {
            assert_eq!(frame.payload[..4], (n as u32).to_be_bytes());
        }
        echo.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn bytes_behind_the_handshake_are_received_first() {
    let (near, mut far) = tokio::io::duplex(1000);
    let mut read = BytesMut::from(&whole(Client, TEXT, b"first")[..]);
    let second = whole(Client, TEXT, b"second");
    read.extend_from_slice(&second[..5]);
    let negotiated = Negotiated::default().with_subprotocol("chat");
    let mut ws = WebSocket::from_parts(near, read, Server, negotiated, Config::new());
    assert_eq!(ws.negotiated().subprotocol(), Some("chat"));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("first")));
    far.write_all(&second[5..]).await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("second")));
}

#[tokio::test]
async fn into_parts_returns_unread_and_unsent_bytes_and_writes_no_close() {
    let (io, far) = Recorder::with_room(3);
    let mut ws = open(io, Server, no_deadlines());
    let mut wire = whole(Client, TEXT, b"read");
    let unread = whole(Client, TEXT, b"not read");
    wire.extend(&unread);
    far.tape().feed(Ok(wire));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("read")));
    ws.queue("abcdef").unwrap();
    assert!(poll_once(ws.flush()).is_pending());
    let mut parts = ws.into_parts();
    assert_eq!(parts.read, unread);
    assert_eq!(parts.write.copy_to_bytes(parts.write.remaining()), "bcdef");
    drop(parts.io);
    assert_eq!(far.tape().written(), b"\x81\x06a");
    assert_eq!(far.tape().shutdowns, 0);
}

/// RFC 6455 §5.5.2.
#[tokio::test]
async fn pongs_leave_in_order_with_the_answers() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let mut wire = Vec::new();
    for n in 0..10_u8 {
        wire.extend(whole(Client, PING, &[n]));
    }
    wire.extend(whole(Client, TEXT, b"x"));
    far.tape().feed(Ok(wire));
    let message = ws.recv().await.unwrap().unwrap();
    ws.send(message).await.unwrap();
    assert_eq!(far.tape().writes.len(), 1);
    let written = far.tape().written();
    let (frames, _) = split_frames(&written);
    assert_eq!(frames.len(), 11);
    for (n, pong) in frames[..10].iter().enumerate() {
        assert_eq!(pong.payload, [n as u8]);
    }
}

#[tokio::test]
async fn a_large_message_crosses_whole_in_either_direction() {
    let (mut client, mut server) = pair(1 << 16);
    let large: Vec<u8> = (0..16 << 20).map(|n: u32| (n >> 3) as u8).collect();
    let expected = large.clone();
    let echo = tokio::spawn(async move {
        let message = server.recv().await.unwrap().unwrap();
        server.send(message).await.unwrap();
        server
    });
    client.send(large).await.unwrap();
    let echoed = client.recv().await.unwrap().unwrap();
    assert!(echoed.as_bytes() == expected);
    echo.await.unwrap();
}

#[tokio::test]
async fn a_prepared_message_is_sent_like_any_other() {
    let (mut client, mut server) = pair(1000);
    let news = Prepared::new("to everyone");
    server.queue(&news).unwrap();
    server.send(&news).await.unwrap();
    client.send(&news).await.unwrap();
    for _ in 0..2 {
        assert_eq!(client.recv().await.unwrap(), Some(news.message().clone()));
    }
    assert_eq!(server.recv().await.unwrap(), Some(news.message().clone()));
}
