//! Slow ends: a peer that does not read, and an application that does not receive.

use socket_flow::{Config, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::heap::{Heap, alone};
use crate::peer::{
    BINARY, Buffers, FIN, PING, PONG, Peer, bounded, client_over, echo, greet, server_over,
};

const MESSAGE: usize = 1 << 20;

#[test]
fn a_server_holds_two_messages_for_a_client_that_sends_and_does_not_read() {
    alone(async || {
        let (ws, peer) = server_over(Config::new(), Buffers::Small, Buffers::Small).await;
        peer_does_not_read(ws, peer).await;
    });
}

#[test]
fn a_client_holds_two_messages_for_a_server_that_sends_and_does_not_read() {
    alone(async || {
        let (ws, peer) = client_over(Config::new(), Buffers::Small, Buffers::Small).await;
        peer_does_not_read(ws, peer).await;
    });
}

/// Messages of a megabyte, echoed: the one that is being written, and the one that came meanwhile.
async fn peer_does_not_read<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const MESSAGES: usize = 6;
    let mut payload = vec![0; MESSAGE];
    let mut wire = Vec::new();
    for number in 0..MESSAGES {
        payload.fill(number as u8);
        wire.extend(peer.frame(FIN | BINARY, &payload));
    }
    greet(&mut ws, &mut peer, "hello", &[]).await;

    let heap = Heap::watch();
    let sent = tokio::select! {
        result = echo(&mut ws) => panic!("{result:?}"),
        sent = peer.send_until_blocked(&wire) => sent,
    };
    println!("{} bytes for {sent} received", heap.peak());
    assert!(sent < wire.len(), "nothing held the peer back");
    // And the buffer that the thread's other connection reads into meanwhile.
    assert!(
        heap.peak() < 2 * MESSAGE + (64 << 10) + (66 << 10),
        "{} bytes",
        heap.peak()
    );
    drop(heap);

    // Now it reads: nothing is missing.
    let frames = tokio::select! {
        result = echo(&mut ws) => panic!("{result:?}"),
        frames = bounded(peer.exchange(&wire[sent..], MESSAGES)) => frames,
    };
    for (number, frame) in frames.iter().enumerate() {
        assert_eq!(frame.payload.len(), MESSAGE);
        assert!(frame.payload.iter().all(|byte| *byte == number as u8));
    }
}

#[test]
fn a_server_whose_application_does_not_receive_holds_the_client_back_and_loses_nothing() {
    alone(async || {
        let (ours, theirs) = (Buffers::SmallToReceive, Buffers::SmallToSend);
        let (ws, peer) = server_over(Config::new(), ours, theirs).await;
        application_does_not_receive(ws, peer).await;
    });
}

#[test]
fn a_client_whose_application_does_not_receive_holds_the_server_back_and_loses_nothing() {
    alone(async || {
        let (ours, theirs) = (Buffers::SmallToReceive, Buffers::SmallToSend);
        let (ws, peer) = client_over(Config::new(), ours, theirs).await;
        application_does_not_receive(ws, peer).await;
    });
}

/// Messages and pings, numbered; the application is busy, and then it is not.
async fn application_does_not_receive<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const MESSAGES: u32 = 2_000;
    let mut payload = [0; 1000];
    let mut wire = Vec::new();
    for number in 0..MESSAGES {
        payload[..4].copy_from_slice(&number.to_be_bytes());
        wire.extend(peer.frame(FIN | BINARY, &payload));
        wire.extend(peer.frame(FIN | PING, &number.to_be_bytes()));
    }
    greet(&mut ws, &mut peer, "hello", &[]).await;

    let heap = Heap::watch();
    let sent = peer.send_until_blocked(&wire).await;
    println!("{} bytes while {sent} wait", heap.peak());
    assert!(sent < wire.len() / 2, "nothing held the peer back");
    assert!(heap.peak() < 1 << 10, "{} bytes", heap.peak());
    drop(heap);

    let receiving = async {
        for number in 0..MESSAGES {
            let message = ws.recv().await.unwrap().unwrap();
            assert_eq!(message.as_bytes()[..4], number.to_be_bytes());
        }
        // The last pong is on its way while it waits for more.
        ws.recv().await
    };
    let answered = async {
        let (mut rest, mut newest) = (&wire[sent..], None);
        while newest != Some(MESSAGES - 1) {
            let pong = peer.exchange(rest, 1).await.remove(0);
            rest = &[];
            assert_eq!(pong.opcode, PONG);
            let number = u32::from_be_bytes(pong.payload[..].try_into().unwrap());
            assert!(Some(number) > newest, "{number} behind {newest:?}");
            newest = Some(number);
        }
    };
    tokio::select! {
        message = receiving => panic!("{message:?}"),
        () = bounded(answered) => {}
    }
}
