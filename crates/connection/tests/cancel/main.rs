//! Futures dropped at any point: nothing is lost, no frame is cut.

use std::task::Poll;

use socket_flow_connection::{CloseCode, Message, MessageRef, OwnedReader, OwnedWriter, WebSocket};
use tokio::io::AsyncWriteExt;

mod every_poll;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // a part of it is used here
mod support;

use support::frames::{BINARY, CLOSE, CONTINUATION, PING, TEXT, frame, parse, whole};
use support::record::{Io, Recorder};
use support::{Client, Server, no_deadlines, open, poll_at_most, poll_once, read_now};

/// A connection over a scripted transport, and its halves.
type Recorded = WebSocket<Io>;
type RecordedHalves = (OwnedReader<Io>, OwnedWriter<Io>);

/// Text, a fragmented message with a ping inside, an empty one, a large one
/// read directly, a large fragmented one.
fn wire() -> (Vec<u8>, Vec<Message>) {
    let large: Vec<u8> = (0..70_000_u32).map(|n| n as u8).collect();
    let mut wire = whole(Client, TEXT, "grüße".as_bytes());
    wire.extend(frame(Client, false, TEXT, b"one \xe2\x82"));
    wire.extend(whole(Client, PING, b"between"));
    wire.extend(frame(Client, false, CONTINUATION, b""));
    wire.extend(frame(Client, true, CONTINUATION, b"\xac two"));
    wire.extend(whole(Client, BINARY, b""));
    wire.extend(whole(Client, BINARY, &large));
    wire.extend(frame(Client, false, BINARY, &large[..40_000]));
    wire.extend(frame(Client, true, CONTINUATION, &large[40_000..]));
    wire.extend(whole(Client, TEXT, b"end"));
    let messages = vec![
        "grüße".into(),
        "one € two".into(),
        Message::from(&[][..]),
        large.clone().into(),
        large.into(),
        "end".into(),
    ];
    (wire, messages)
}

/// The receiving calls, each dropped after every byte.
macro_rules! loses_nothing {
    ($($name:ident: |$ws:ident| $setup:block, $recv:expr;)*) => {$(
        #[tokio::test]
        async fn $name() {
            let (wire, messages) = wire();
            let (io, far) = Recorder::new();
            let $ws = open(io, Server, no_deadlines());
            #[allow(unused_mut)]
            let mut half = $setup;
            let mut received: Vec<Message> = Vec::new();
            for byte in wire {
                far.tape().feed(Ok(vec![byte]));
                loop {
                    let polled = poll_once(($recv)(&mut half));
                    match polled {
                        Poll::Pending => break,
                        Poll::Ready(message) => received.push(message.unwrap().unwrap()),
                    }
                }
            }
            assert_eq!(received, messages);
            let pongs = parse(&far.tape().written());
            assert_eq!(pongs.len(), 1);
            assert_eq!(pongs[0].payload, b"between");
        }
    )*};
}

loses_nothing! {
    a_receive_dropped_after_every_byte_loses_nothing: |ws| { ws },
        async |ws: &mut Recorded| ws.recv().await;
    a_lending_receive_dropped_after_every_byte_loses_nothing: |ws| { ws },
        async |ws: &mut Recorded| {
            let (reader, writer) = ws.halves();
            let message = reader.recv(writer).await?;
            Ok::<_, socket_flow_connection::Error>(message.map(|lent: MessageRef<'_>| lent.to_message()))
        };
    an_owned_halfs_receive_dropped_after_every_byte_loses_nothing: |ws| { ws.into_split() },
        async |halves: &mut RecordedHalves| halves.0.recv().await;
    an_owned_halfs_lending_receive_dropped_after_every_byte_loses_nothing: |ws| { ws.into_split() },
        async |halves: &mut RecordedHalves| {
            let message = halves.0.recv_ref().await?;
            Ok::<_, socket_flow_connection::Error>(message.map(|lent| lent.to_message()))
        };
}

/// What a client or server sends when every third send is dropped after
/// `budget` polls; the pipe holds `size` bytes and is emptied in between.
async fn send_with_budget(role: support::Role, size: usize, budget: usize) {
    let (near, mut far) = tokio::io::duplex(size);
    let mut ws = open(near, role, no_deadlines());
    let mut wire = Vec::new();
    let mut whole_sends = 0;
    for n in 0..30 {
        let text = format!("message {n} {}", "x".repeat(n));
        let drained = async {
            loop {
                wire.extend(read_now(&mut far));
                tokio::task::yield_now().await;
            }
        };
        let sent = tokio::select! {
            biased;
            sent = poll_at_most(if n % 3 == 0 { budget } else { usize::MAX }, ws.send(text.as_str())) => sent,
            () = drained => unreachable!(),
        };
        whole_sends += usize::from(sent.is_some());
    }
    while ws.buffered_amount() > 0 {
        assert!(matches!(
            poll_once(ws.flush()),
            Poll::Pending | Poll::Ready(Ok(()))
        ));
        wire.extend(read_now(&mut far));
    }
    wire.extend(read_now(&mut far));
    // Sends that were given no poll at all are not there; all others are.
    let frames = parse(&wire);
    let expected: Vec<usize> = (0..30).filter(|n| budget > 0 || n % 3 != 0).collect();
    assert_eq!(frames.len(), expected.len(), "{size} {budget}");
    assert!(whole_sends <= frames.len());
    for (frame, n) in frames.iter().zip(expected) {
        assert_eq!(frame.opcode, TEXT);
        let text = format!("message {n} {}", "x".repeat(n));
        assert_eq!(frame.payload, text.as_bytes());
        assert_eq!(frame.masked, role == Client);
    }
}

/// RFC 6455 §6.1.
#[tokio::test]
async fn a_send_dropped_at_any_poll_leaves_whole_frames_in_order() {
    for role in [Client, Server] {
        for size in 1..=7 {
            for budget in 0..25 {
                send_with_budget(role, size, budget).await;
            }
        }
    }
}

#[tokio::test]
async fn a_send_dropped_while_it_waits_for_room_sends_nothing_of_its_message() {
    let (io, far) = Recorder::with_room(1000);
    let mut ws = open(io, Server, no_deadlines());
    ws.queue(vec![1; 70_000]).unwrap();
    assert!(poll_once(ws.send("dropped")).is_pending());
    assert!(poll_once(ws.ready()).is_pending());
    far.tape().make_room(usize::MAX);
    ws.send("after").await.unwrap();
    let frames = parse(&far.tape().written());
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].payload, b"after");
}

#[tokio::test]
async fn a_ping_and_a_close_dropped_at_any_poll_are_whole() {
    for budget in 0..20 {
        let (near, mut far) = tokio::io::duplex(1);
        let mut ws = open(near, Client, no_deadlines());
        let mut wire = Vec::new();
        for _ in 0..budget {
            let _ = poll_once(ws.ping(b"more"));
            wire.extend(read_now(&mut far));
        }
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        while poll_once(ws.flush()).is_pending() {
            wire.extend(read_now(&mut far));
            // Else tokio's budget for one task runs out.
            tokio::task::yield_now().await;
        }
        wire.extend(read_now(&mut far));
        let frames = parse(&wire);
        let (last, pings) = frames.split_last().unwrap();
        assert_eq!(last.opcode, CLOSE);
        assert!(pings.iter().all(|frame| frame.opcode == PING));
        assert_eq!(pings.len(), budget);
    }
}

#[tokio::test]
async fn a_close_dropped_at_any_poll_is_completed_by_the_next() {
    for budget in 0..12 {
        let (mut client, mut server) = support::pair(3);
        let serving = tokio::spawn(async move { server.recv().await });
        let first = poll_at_most(budget, client.close(CloseCode::GOING_AWAY, "x")).await;
        let outcome = match first {
            Some(outcome) => outcome.unwrap(),
            None => client.close(CloseCode::GOING_AWAY, "x").await.unwrap(),
        };
        assert!(outcome.clean, "{budget}");
        assert_eq!(serving.await.unwrap().unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_receive_raced_against_a_timer_a_thousand_times_loses_nothing() {
    let (near, mut far) = tokio::io::duplex(5);
    let mut ws = open(near, Server, no_deadlines());
    let (wire, messages) = wire();
    let wire = wire[..200].to_vec();
    tokio::spawn(async move {
        for piece in wire.chunks(3) {
            tokio::time::sleep(std::time::Duration::from_millis(7)).await;
            far.write_all(piece).await.unwrap();
        }
        std::future::pending::<()>().await;
    });
    let mut received = Vec::new();
    for _ in 0..1000 {
        tokio::select! {
            message = ws.recv() => received.push(message.unwrap().unwrap()),
            () = tokio::time::sleep(std::time::Duration::from_millis(1)) => {}
        }
    }
    assert_eq!(received, messages[..3]);
}
