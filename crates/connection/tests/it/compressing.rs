//! Messages of more than 64 KiB are compressed by turns: other tasks run in between, whatever the
//! connection is asked for meanwhile.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use socket_flow_connection::{
    CloseCode, Config, DeflateParams, Message, Negotiated, Prepared, SendError, WebSocket,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, DuplexStream};
use tokio::task::{LocalSet, yield_now};

use crate::support::{self, Client, Role, Server};

/// Two pieces of 4 KiB are the work of a turn.
const TURNS: usize = 128;

fn megabyte() -> Vec<u8> {
    (0..1 << 20)
        .map(|at: u32| (at >> 8) as u8 ^ at as u8)
        .collect()
}

fn open<S: AsyncRead + AsyncWrite + Unpin>(io: S, role: Role) -> WebSocket<S> {
    let negotiated = Negotiated::default().with_deflate(DeflateParams::default());
    WebSocket::from_parts(io, BytesMut::new(), role, negotiated, Config::new())
}

fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(4 << 20);
    (open(near, Client), open(far, Server))
}

/// Runs to its end; how many turns another task of the same thread had meanwhile.
async fn turns_of_another<T>(future: impl Future<Output = T>) -> (T, usize) {
    let turns = Rc::new(Cell::new(0));
    let counting = turns.clone();
    let other = async move {
        loop {
            counting.set(counting.get() + 1);
            yield_now().await;
        }
    };
    let local = LocalSet::new();
    local
        .run_until(async move {
            let other = tokio::task::spawn_local(other);
            let output = future.await;
            other.abort();
            (output, turns.get())
        })
        .await
}

#[tokio::test]
async fn another_task_runs_between_the_turns_of_every_call() {
    let message = megabyte();
    for call in 0..5 {
        let (mut client, mut server) = pair();
        let (result, turns) = turns_of_another(async {
            match call {
                0 => client.send(&message[..]).await,
                1 => {
                    client.queue(&message[..]).unwrap();
                    client.flush().await
                }
                2 => {
                    client.queue(&message[..]).unwrap();
                    client.ready().await
                }
                3 => {
                    let mut writer = client.message_writer();
                    writer.write(&message[..]).await.unwrap();
                    writer.finish(&b""[..]).await
                }
                _ => {
                    server.queue("done").unwrap();
                    server.flush().await.unwrap();
                    client.queue(&message[..]).unwrap();
                    // It only receives, and hands the message out when a reply has room.
                    let received = client.recv().await.unwrap();
                    assert_eq!(received, Some(Message::from("done")));
                    Ok(())
                }
            }
        })
        .await;
        result.unwrap();
        assert!((TURNS..2 * TURNS).contains(&turns), "{call}: {turns} turns");
        client.flush().await.unwrap();
        assert!(server.recv().await.unwrap() == Some(Message::from(&message[..])));
    }
}

#[tokio::test]
async fn halves_in_two_tasks_compress_it_and_a_flush_waits_for_that() {
    let message = megabyte();
    let (client, mut server) = pair();
    let (mut reader, mut writer) = client.into_split();
    let receiving = tokio::spawn(async move { reader.recv().await });
    yield_now().await;
    writer.queue(&message[..]).unwrap();
    assert!(matches!(writer.queue("next"), Err(SendError::Full("next"))));
    assert_eq!(writer.buffered_amount(), 1 << 20);
    writer.flush().await.unwrap();
    assert_eq!(writer.buffered_amount(), 0);
    assert!(server.recv().await.unwrap() == Some(Message::from(message)));
    server.send("done").await.unwrap();
    let received = receiving.await.unwrap().unwrap();
    assert_eq!(received, Some(Message::from("done")));
}

#[tokio::test]
async fn what_senders_hand_in_leaves_in_order_and_in_front_of_the_close() {
    let message = megabyte();
    let prepared = Prepared::new(vec![7; 100_000]);
    let (mut client, mut server) = pair();
    let sender = client.sender();
    let messages = [
        Message::from(message.clone()),
        Message::from("small"),
        prepared.message().clone(),
        Message::from(message),
    ];
    let sending = tokio::spawn({
        let messages = messages.clone();
        async move {
            for (at, message) in messages.into_iter().enumerate() {
                match at {
                    2 => sender.send(&prepared).await.unwrap(),
                    _ => sender.send(message).await.unwrap(),
                }
            }
            sender.close(CloseCode::NORMAL, "").unwrap();
        }
    });
    let running = tokio::spawn(async move { client.recv().await });
    for message in messages {
        assert!(server.recv().await.unwrap() == Some(message));
    }
    assert_eq!(server.recv().await.unwrap(), None);
    sending.await.unwrap();
    assert_eq!(running.await.unwrap().unwrap(), None);
}

/// A connection that waited to be read from took over as much as a turn's work, and then asked for
/// more for ever.
#[tokio::test]
async fn what_senders_hand_in_may_take_several_turns_to_compress() {
    let (mut client, mut server) = pair();
    let sender = client.sender();
    let running = tokio::spawn(async move { client.recv().await });
    yield_now().await;
    let messages = [8_000, 9_000, 10_000].map(|len| megabyte()[..len].to_vec());
    for message in &messages {
        sender.try_send(&message[..]).unwrap();
    }
    sender.close(CloseCode::NORMAL, "").unwrap();
    for message in messages {
        assert!(server.recv().await.unwrap() == Some(Message::from(message)));
    }
    assert_eq!(server.recv().await.unwrap(), None);
    assert_eq!(running.await.unwrap().unwrap(), None);
}

#[tokio::test]
async fn closing_sends_it_first() {
    let message = megabyte();
    let (mut client, mut server) = pair();
    client.queue(&message[..]).unwrap();
    let closing = tokio::spawn(async move { client.close(CloseCode::NORMAL, "").await });
    assert!(server.recv().await.unwrap() == Some(Message::from(message)));
    assert_eq!(server.recv().await.unwrap(), None);
    assert!(closing.await.unwrap().unwrap().clean);
}

#[tokio::test]
async fn a_connection_dropped_in_the_middle_sends_whole_frames_only() {
    let (mut client, far) = tokio::io::duplex(4 << 20);
    let mut server = open(far, Server);
    server.queue("before it").unwrap();
    server.queue(megabyte()).unwrap();
    {
        let flush = std::pin::pin!(server.flush());
        // The first turns of it.
        tokio::select! {
            biased;
            _ = flush => panic!("compressed in no time"),
            () = async { for _ in 0..3 { yield_now().await } } => {}
        }
    }
    drop(server);
    assert_eq!(support::read_all(&mut client).await, b"\x81\x09before it");
}

#[tokio::test]
async fn taking_a_connection_apart_compresses_it() {
    let message = megabyte();
    let (mut client, mut server) = pair();
    client.queue(&message[..]).unwrap();
    client.start_close(CloseCode::NORMAL, "").unwrap();
    let mut parts = client.into_parts();
    let mut wire = BytesMut::new();
    while parts.write.has_remaining() {
        let chunk = parts.write.chunk();
        wire.extend_from_slice(chunk);
        let len = chunk.len();
        parts.write.advance(len);
    }
    parts.io.write_all(&wire).await.unwrap();
    assert!(server.recv().await.unwrap() == Some(Message::from(message)));
}

#[tokio::test]
async fn a_flush_knows_what_a_message_takes_only_once_it_is_compressed() {
    let (mut ws, mut far) = pair();
    let sender = ws.sender();
    sender.try_send(vec![0; 1 << 20]).unwrap();
    let mut flush = Box::pin(sender.flush());
    assert!(support::poll_once(&mut flush).is_pending());
    // The peer closes meanwhile, and a part of it is compressed.
    far.start_close(CloseCode::NORMAL, "").unwrap();
    far.flush().await.unwrap();
    for _ in 0..3 {
        assert!(support::poll_once(ws.drive()).is_pending());
        assert!(support::poll_once(&mut flush).is_pending());
    }
    let receiving = tokio::spawn(async move { far.recv().await });
    assert_eq!(ws.recv().await.unwrap(), None);
    assert!(receiving.await.unwrap().unwrap().is_some());
    assert!(matches!(
        support::poll_once(&mut flush),
        std::task::Poll::Ready(Ok(()))
    ));
}
