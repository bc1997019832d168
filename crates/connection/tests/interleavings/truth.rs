//! What `Ok` says, beside a reader that ends meanwhile.

use shuttle::future::{block_on, spawn, yield_now};
use socket_flow_connection::Role::Client;

use crate::frames::close;
use crate::pipe::server;
use crate::schedule::explore;

/// The peer says this, ends its side, reads a little, and takes nothing more; whoever was told that
/// messages are sent finds them in the transport.
fn an_ok_is_true_when_the_peer_says(last: &[u8]) {
    let last = last.to_vec();
    block_on(async move {
        let (ws, mut peer) = server(6);
        let (mut reader, mut writer) = ws.into_split();
        let wire = peer.clone();
        let ending = spawn(async move {
            yield_now().await;
            peer.write(&last).await;
            peer.end();
            for _ in 0..4 {
                peer.read_some(2).await;
            }
            peer.stop();
        });
        let sending = spawn(async move {
            let mut queued = 0;
            let outcome = loop {
                // A header of two bytes and two of payload; what is refused is not queued.
                if writer.queue(b"ab".as_slice()).is_ok() {
                    queued += 4;
                }
                let sent = match writer.flush().await {
                    Ok(()) => writer.send(b"cd".as_slice()).await.map(|()| queued += 4),
                    failed => failed,
                };
                match sent {
                    Ok(()) => assert!(wire.written() >= queued, "{queued} bytes are not sent"),
                    failed => break failed,
                }
            };
            let flushed = writer.flush().await;
            assert!(flushed.is_err() || wire.written() >= queued);
            outcome
        });
        while let Ok(Some(_)) = reader.recv().await {}
        assert!(sending.await.unwrap().is_err());
        ending.await.unwrap();
    });
}

#[test]
fn what_was_told_to_be_sent_is_in_the_transport_when_the_peer_closes() {
    explore(|| an_ok_is_true_when_the_peer_says(&close(Client, 1000, "")));
}

#[test]
fn what_was_told_to_be_sent_is_in_the_transport_when_the_peer_breaks_the_protocol() {
    explore(|| an_ok_is_true_when_the_peer_says(b"\xff\xff"));
}

#[test]
fn what_was_told_to_be_sent_is_in_the_transport_when_the_peer_ends() {
    explore(|| an_ok_is_true_when_the_peer_says(b""));
}
