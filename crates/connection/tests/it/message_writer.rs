//! Messages sent part by part: RFC 6455 §5.4.

use std::future::Future;

use socket_flow_connection::{CloseCode, Config, Error, Message, SendError, WebSocket};

use crate::support::frames::{BINARY, CLOSE, CONTINUATION, PING, TEXT, parse};
use crate::support::record::Recorder;
use crate::support::{self, Client, Server, no_deadlines, open, poll_at_most, poll_once, read_now};

/// Kind, end of message and payload of each frame.
fn frames(bytes: &[u8]) -> Vec<(u8, bool, Vec<u8>)> {
    parse(bytes)
        .into_iter()
        .map(|frame| (frame.opcode, frame.fin, frame.payload))
        .collect()
}

#[tokio::test]
async fn each_part_is_written_at_once_and_the_peer_receives_one_message() {
    for role in [Client, Server] {
        let (io, far) = Recorder::new();
        let mut ws = open(io, role, no_deadlines());
        let mut message = ws.message_writer();
        message.write("one ").await.unwrap();
        assert_eq!(frames(&far.tape().written()).len(), 1);
        message.write("").await.unwrap();
        message.finish("two").await.unwrap();
        assert_eq!(ws.buffered_amount(), 0);
        let written = frames(&far.tape().written());
        let expected = [
            (TEXT, false, b"one ".to_vec()),
            (CONTINUATION, false, Vec::new()),
            (CONTINUATION, true, b"two".to_vec()),
        ];
        assert_eq!(written, expected);
    }
}

#[tokio::test]
async fn all_three_senders_send_part_by_part() {
    let (mut client, mut server) = support::pair(1000);
    let mut message = client.message_writer();
    message.write("whole ").await.unwrap();
    message.finish("connection").await.unwrap();
    let received = server.recv().await.unwrap();
    assert_eq!(received, Some(Message::from("whole connection")));

    let (_, writer) = client.halves();
    let mut message = writer.message_writer();
    message.write(&b"half "[..]).await.unwrap();
    message.finish(vec![b'!']).await.unwrap();
    let received = server.recv().await.unwrap();
    assert_eq!(received, Some(Message::from(&b"half !"[..])));

    let (_reader, mut writer) = client.into_split();
    let mut message = writer.message_writer();
    message.write("owned ").await.unwrap();
    message.finish("half").await.unwrap();
    let received = server.recv().await.unwrap();
    assert_eq!(received, Some(Message::from("owned half")));
    writer.queue_part("plain ").unwrap();
    assert!(writer.is_unfinished());
    writer.queue_last_part("calls").unwrap();
    assert!(!writer.is_unfinished());
    writer.flush().await.unwrap();
    let received = server.recv().await.unwrap();
    assert_eq!(received, Some(Message::from("plain calls")));
}

/// RFC 6455 §5.5.2.
#[tokio::test]
async fn pings_are_answered_between_parts() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    ws.message_writer().write("one ").await.unwrap();
    let ping = support::frames::whole(Client, PING, b"p");
    far.tape().feed(Ok(ping));
    assert!(poll_once(ws.recv()).is_pending());
    ws.message_writer().finish("two").await.unwrap();
    let opcodes: Vec<_> = parse(&far.tape().written())
        .iter()
        .map(|frame| frame.opcode)
        .collect();
    assert_eq!(opcodes, [TEXT, 0xa, CONTINUATION]);
}

#[tokio::test]
async fn a_dropped_handle_leaves_the_message_open_for_the_next_one() {
    let (mut client, mut server) = support::pair(1000);
    client.message_writer().write("one ").await.unwrap();
    assert!(client.is_unfinished());
    let refused = client.send("other").await.unwrap_err();
    assert!(matches!(refused, Error::Send(SendError::Unfinished(()))));
    let refused = client.queue("other");
    assert_eq!(refused, Err(SendError::Unfinished("other")));
    let wrong = client.message_writer().write(&b"bytes"[..]).await;
    assert!(matches!(wrong, Err(Error::Send(SendError::WrongKind(())))));
    client.message_writer().finish("two").await.unwrap();
    client.send("other").await.unwrap();
    for expected in ["one two", "other"] {
        let received = server.recv().await.unwrap();
        assert_eq!(received, Some(Message::from(expected)));
    }
}

#[tokio::test]
async fn an_unfinished_message_can_be_given_up_by_closing() {
    let (mut client, mut server) = support::pair(1000);
    client.message_writer().write("one ").await.unwrap();
    let serving = tokio::spawn(async move { (server.recv().await, server) });
    let outcome = client.close(CloseCode::GOING_AWAY, "").await.unwrap();
    assert!(outcome.clean);
    assert_eq!(serving.await.unwrap().0.unwrap(), None);
    let late = client.message_writer().finish("two").await.unwrap_err();
    assert!(matches!(late, Error::Send(SendError::Closed(()))));
}

#[tokio::test]
async fn a_dropped_connection_closes_behind_the_last_whole_part() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    ws.queue_part("one ").unwrap();
    drop(ws);
    let opcodes: Vec<_> = parse(&far.tape().written())
        .iter()
        .map(|frame| frame.opcode)
        .collect();
    assert_eq!(opcodes, [TEXT, CLOSE]);
}

#[tokio::test]
async fn a_part_waits_for_room_and_is_not_sent_when_dropped_meanwhile() {
    let (io, far) = Recorder::with_room(1000);
    let mut ws = open(io, Server, no_deadlines());
    ws.queue_part(vec![1; 70_000]).unwrap();
    assert!(poll_once(ws.message_writer().write(&b"dropped"[..])).is_pending());
    assert!(poll_once(ws.message_writer().finish(&b"dropped"[..])).is_pending());
    assert!(ws.is_unfinished());
    far.tape().make_room(usize::MAX);
    ws.message_writer().finish(&b"end"[..]).await.unwrap();
    let written = frames(&far.tape().written());
    let expected = [
        (BINARY, false, vec![1; 70_000]),
        (CONTINUATION, true, b"end".to_vec()),
    ];
    assert!(written == expected);
}

/// Sends messages part by part through a pipe of `size` bytes; every third
/// call is dropped after `budget` polls.
async fn send_with_budget<S>(ws: &mut WebSocket<S>, far: &mut S, budget: usize) -> Vec<u8>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let mut wire = Vec::new();
    for n in 0..30 {
        let part = format!("part {n} {}", "x".repeat(n));
        let drained = async {
            loop {
                wire.extend(read_now(far));
                tokio::task::yield_now().await;
            }
        };
        let polls = if n % 3 == 0 { budget } else { usize::MAX };
        let sending = async {
            let mut message = ws.message_writer();
            if n % 5 == 4 {
                message.finish(&*part).await.unwrap();
            } else {
                message.write(&*part).await.unwrap();
            }
        };
        tokio::select! {
            biased;
            _ = poll_at_most(polls, sending) => {}
            () = drained => unreachable!(),
        }
    }
    while ws.buffered_amount() > 0 {
        let _ = poll_once(ws.flush());
        wire.extend(read_now(far));
    }
    wire.extend(read_now(far));
    wire
}

#[tokio::test]
async fn a_write_dropped_at_any_poll_leaves_whole_parts_in_order() {
    for role in [Client, Server] {
        for size in [1, 2, 5, 7] {
            for budget in 0..20 {
                let (near, mut far) = tokio::io::duplex(size);
                let mut ws = open(near, role, no_deadlines());
                let wire = send_with_budget(&mut ws, &mut far, budget).await;
                // Without a single poll a part is not there; all others are.
                let there = |n: &usize| budget > 0 || n % 3 != 0;
                let parts: Vec<_> = (0..30).filter(there).collect();
                let written = parse(&wire);
                assert_eq!(written.len(), parts.len(), "{size} {budget}");
                let mut begun = false;
                for (frame, n) in written.iter().zip(parts) {
                    let opcode = if begun { CONTINUATION } else { TEXT };
                    assert_eq!((frame.opcode, frame.fin), (opcode, n % 5 == 4));
                    let part = format!("part {n} {}", "x".repeat(n));
                    assert_eq!(frame.payload, part.as_bytes());
                    begun = !frame.fin;
                }
                assert_eq!(ws.is_unfinished(), begun);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_the_peer_never_takes_times_out() {
    let (near, _far) = tokio::io::duplex(10);
    let config = Config::new().stall_timeout(std::time::Duration::from_secs(8));
    let mut ws = open(near, Server, config);
    let mut message = ws.message_writer();
    let stalled = message.write(vec![0; 100]).await.unwrap_err();
    assert!(matches!(stalled, Error::Timeout(_)));
    let over = message.finish(vec![0]).await.unwrap_err();
    assert!(matches!(over, Error::Timeout(_)), "{over:?}");
}

// Beside senders, which may hand in messages at any time.

#[tokio::test]
async fn what_a_sender_hands_in_waits_until_the_message_ends() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    ws.message_writer().write("one ").await.unwrap();
    sender.try_send("other").unwrap();
    ws.flush().await.unwrap();
    // A receive that does not go round and round for it.
    assert!(poll_once(ws.recv()).is_pending());
    assert_eq!(sender.buffered_amount(), 5);
    ws.message_writer().finish("two").await.unwrap();
    assert_eq!(sender.buffered_amount(), 0);
    let expected = [
        (TEXT, false, b"one ".to_vec()),
        (CONTINUATION, true, b"two".to_vec()),
        (TEXT, true, b"other".to_vec()),
    ];
    assert_eq!(frames(&far.tape().written()), expected);
}

#[tokio::test]
async fn the_end_of_a_message_lets_the_reading_half_take_over_what_waits() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let sender = ws.sender();
    let (mut reader, mut writer) = ws.into_split();
    writer.message_writer().write("one ").await.unwrap();
    let receiving = tokio::spawn(async move { reader.recv().await.map(|_| ()) });
    tokio::task::yield_now().await;
    sender.send("other").await.unwrap();
    tokio::task::yield_now().await;
    assert_eq!(sender.buffered_amount(), 5);
    writer.queue_last_part("two").unwrap();
    // Nobody flushes: the reader, woken, does.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let opcodes: Vec<_> = parse(&far.tape().written())
        .iter()
        .map(|frame| (frame.opcode, frame.fin))
        .collect();
    assert_eq!(opcodes, [(TEXT, false), (CONTINUATION, true), (TEXT, true)]);
    receiving.abort();
}

#[tokio::test]
async fn a_sender_can_close_inside_a_message() {
    for at_once in [true, false] {
        let (io, far) = Recorder::new();
        let mut ws = open(io, Server, no_deadlines());
        let sender = ws.sender();
        ws.message_writer().write("one ").await.unwrap();
        let (wakes, waker) = support::Wakes::new();
        let mut receiving = std::pin::pin!(ws.recv());
        let mut cx = std::task::Context::from_waker(&waker);
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        if at_once {
            sender.try_send("dropped").unwrap();
            assert!(receiving.as_mut().poll(&mut cx).is_pending());
            sender.close_now(CloseCode::GOING_AWAY, "").unwrap();
            assert_eq!(wakes.count(), 2);
        } else {
            sender.close(CloseCode::GOING_AWAY, "").unwrap();
            assert_eq!(wakes.count(), 1);
        }
        assert!(receiving.as_mut().poll(&mut cx).is_pending());
        let opcodes: Vec<_> = parse(&far.tape().written())
            .iter()
            .map(|frame| frame.opcode)
            .collect();
        assert_eq!(opcodes, [TEXT, CLOSE]);
    }
}
