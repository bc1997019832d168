//! A reader and a writer in two tasks that both have something to write.

use std::future::poll_fn;
use std::task::Poll;

use shuttle::future::{block_on, spawn, yield_now};
use socket_flow_connection::CloseCode;
use socket_flow_connection::Role::{Client, Server};

use crate::frames::{CLOSE, Frame, PING, PONG, TEXT, close, parse, whole};
use crate::pipe::{End, server};
use crate::schedule::explore;

const MESSAGES: u8 = 4;

/// Pings and messages as quickly as they are taken, then a Close; all that comes back.
async fn fast_peer(peer: End, read_at_once: usize) -> Vec<Frame> {
    let reader = spawn(peer.clone().follow_to_the_end(read_at_once));
    let mut writing = peer;
    for n in 0..MESSAGES {
        writing.write(&whole(Client, PING, &[n])).await;
        writing.write(&whole(Client, TEXT, &[b'a' + n])).await;
    }
    writing.write(&close(Client, 1000, "")).await;
    parse(&reader.await.unwrap())
}

/// One end of it all: messages both ways, with pings between them, under a pipe of `room` bytes.
fn both_ways(room: usize, read_at_once: usize) {
    block_on(async move {
        let (ws, peer) = server(room);
        let (mut reader, mut writer) = ws.into_split();
        let peer = spawn(fast_peer(peer, read_at_once));
        let sending = spawn(async move {
            let mut sent = Vec::new();
            for n in 0..MESSAGES {
                // The peer may have closed by now: then it is refused, and nothing follows.
                match writer.send([n, n].as_slice()).await {
                    Ok(()) => sent.push(vec![n, n]),
                    Err(_) => break,
                }
            }
            sent
        });
        for n in 0..MESSAGES {
            let message = reader.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes(), [b'a' + n]);
            yield_now().await; // a slow application
        }
        assert!(reader.recv().await.unwrap().is_none());
        let sent = sending.await.unwrap();
        drop(reader);
        let frames = peer.await.unwrap();

        let (last, others) = frames.split_last().unwrap();
        assert_eq!((last.opcode, last.close_code()), (CLOSE, 1000));
        let with = |opcode| {
            let matching = others.iter().filter(move |frame| frame.opcode == opcode);
            matching
                .map(|frame| frame.payload.clone())
                .collect::<Vec<_>>()
        };
        // Each that was acknowledged, in order; the one refused behind them may have gone too.
        let binary = with(0x2);
        assert_eq!(binary[..sent.len()], sent);
        assert!(binary.len() <= sent.len() + 1);
        let pongs = with(PONG);
        assert_eq!(pongs, (0..MESSAGES).map(|n| vec![n]).collect::<Vec<_>>());
        assert!(
            frames
                .iter()
                .all(|frame| frame.masked == (Server == Client))
        );
    });
}

#[test]
fn a_slow_application_and_a_fast_peer_lose_nothing() {
    explore(|| both_ways(64, 64));
}

#[test]
fn both_halves_that_wait_to_write_go_on_when_there_is_room() {
    explore(|| both_ways(3, 2));
}

#[test]
fn pings_are_answered_once_the_writer_is_gone() {
    explore(|| {
        block_on(async {
            let (ws, peer) = server(3);
            let (mut reader, mut writer) = ws.into_split();
            let peer = spawn(fast_peer(peer, 2));
            let leaving = spawn(async move {
                // The peer may have closed by now.
                let _ = writer.send("bye").await;
            });
            while reader.recv().await.unwrap().is_some() {}
            leaving.await.unwrap();
            drop(reader);
            let frames = peer.await.unwrap();
            let pongs = frames.iter().filter(|frame| frame.opcode == PONG).count();
            assert_eq!(pongs, usize::from(MESSAGES));
        });
    });
}

#[test]
fn a_writer_goes_on_while_nobody_receives() {
    explore(|| {
        block_on(async {
            let (ws, peer) = server(3);
            let (mut reader, mut writer) = ws.into_split();
            let wire = spawn(peer.clone().follow_to_the_end(2));
            let sending = spawn(async move {
                for n in 0..MESSAGES {
                    writer.send([n].as_slice()).await.unwrap();
                }
                writer.start_close(CloseCode::NORMAL, "").unwrap();
                writer.flush().await.unwrap();
            });
            // Waits for a while, perhaps to write for the writer, and loses interest.
            let mut turns = 2;
            let gave_up = poll_fn(|cx| {
                turns -= 1;
                if turns == 0 {
                    return Poll::Ready(());
                }
                cx.waker().wake_by_ref();
                let _ = reader.poll_event(cx);
                Poll::Pending
            });
            gave_up.await;
            sending.await.unwrap();
            let mut peer = peer;
            let answering = spawn(async move { peer.write(&close(Client, 1000, "")).await });
            assert!(reader.recv().await.unwrap().is_none());
            answering.await.unwrap();
            let frames = parse(&wire.await.unwrap());
            assert_eq!(frames.len(), usize::from(MESSAGES) + 1);
        });
    });
}
