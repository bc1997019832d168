//! A Close against everything that is sent at the same moment.

use shuttle::future::{block_on, spawn, yield_now};
use socket_flow_connection::CloseCode;
use socket_flow_connection::Role::Client;

use crate::frames::{CLOSE, TEXT, close, parse, whole};
use crate::pipe::server;
use crate::schedule::explore;

#[test]
fn nothing_follows_the_answer_to_the_peers_close() {
    explore(|| {
        block_on(async {
            let (ws, mut peer) = server(8);
            let (mut reader, mut writer) = ws.into_split();
            let wire = spawn(peer.clone().follow_to_the_end(4));
            let closing = spawn(async move {
                yield_now().await;
                peer.write(&close(Client, 1001, "going")).await;
            });
            let sending = spawn(async move {
                let mut sent = 0_u8;
                while writer.send([sent].as_slice()).await.is_ok() {
                    sent += 1;
                    if sent == 6 {
                        break;
                    }
                }
                sent
            });
            assert!(reader.recv().await.unwrap().is_none());
            assert_eq!(reader.close_frame().unwrap().code.as_u16(), 1001);
            let sent = sending.await.unwrap();
            drop(reader);
            closing.await.unwrap();

            let frames = parse(&wire.await.unwrap());
            let closes = frames.iter().filter(|frame| frame.opcode == CLOSE).count();
            assert_eq!(closes, 1);
            assert_eq!(frames.last().unwrap().close_code(), 1001);
            assert!(
                frames.len() > usize::from(sent),
                "a message that was sent is missing"
            );
            for (n, frame) in frames[..frames.len() - 1].iter().enumerate() {
                assert_eq!(frame.payload, [n as u8]);
            }
        });
    });
}

#[test]
fn two_closes_that_cross_end_both_sides() {
    explore(|| {
        block_on(async {
            let (ws, mut peer) = server(8);
            let (mut reader, mut writer) = ws.into_split();
            let wire = spawn(peer.clone().follow_to_the_end(8));
            let crossing = spawn(async move {
                peer.write(&whole(Client, TEXT, b"late")).await;
                peer.write(&close(Client, 1000, "")).await;
            });
            let closing = spawn(async move {
                // Whoever is first: the peer's own Close may have been answered already.
                let _ = writer.close(CloseCode::GOING_AWAY, "").await;
            });
            let mut received = 0;
            while let Some(message) = reader.recv().await.unwrap() {
                assert_eq!(message.as_bytes(), b"late");
                received += 1;
            }
            assert!(received <= 1);
            closing.await.unwrap();
            drop(reader);
            crossing.await.unwrap();

            let frames = parse(&wire.await.unwrap());
            assert_eq!(frames.len(), 1);
            assert!([1000, 1001].contains(&frames[0].close_code()));
        });
    });
}

#[test]
fn a_writer_that_waits_is_told_when_the_connection_is_cut() {
    explore(|| {
        block_on(async {
            let (ws, peer) = server(2);
            let (mut reader, mut writer) = ws.into_split();
            let cutting = spawn(async move {
                yield_now().await;
                // Both directions: nothing is taken any more, and nothing comes.
                peer.end();
                peer.stop();
            });
            let sending = spawn(async move {
                while writer.send("more than there is room for").await.is_ok() {}
            });
            assert!(reader.recv().await.is_err());
            cutting.await.unwrap();
            sending.await.unwrap();
        });
    });
}
