//! Messages in fragments: without end, and without size.

use socket_flow::{Config, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::beside::{beside, turns};
use crate::heap::{Heap, alone};
use crate::peer::{
    BINARY, CONTINUATION, FIN, PING, PONG, Peer, bounded, client, greet, poll_once, server,
};

#[tokio::test]
async fn a_server_refuses_the_fragment_that_goes_over_the_limit_on_its_header() {
    beside(async {
        for last in [499, 500, 501] {
            let (mut ws, peer) = server(Config::new().max_message(1000)).await;
            goes_over_the_limit(&mut ws, peer, last).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_refuses_the_fragment_that_goes_over_the_limit_on_its_header() {
    beside(async {
        for last in [499, 500, 501] {
            let (mut ws, peer) = client(Config::new().max_message(1000)).await;
            goes_over_the_limit(&mut ws, peer, last).await;
        }
    })
    .await;
}

/// 250 and 250 bytes, and then this many; the limit is 1,000.
async fn goes_over_the_limit<S>(ws: &mut WebSocket<S>, mut peer: Peer, last: usize)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = peer.frame(BINARY, &[1; 250]);
    wire.extend(peer.frame(CONTINUATION, &[2; 250]));
    // No byte of the last fragment's payload, if it is one too many.
    match last {
        ..=500 => wire.extend(peer.frame(FIN | CONTINUATION, &vec![3; last])),
        _ => wire.extend(peer.header(FIN | CONTINUATION, last as u64)),
    }
    peer.send(wire).await;
    if last <= 500 {
        let message = bounded(ws.recv()).await.unwrap().unwrap();
        assert_eq!(message.as_bytes().len(), 500 + last);
        return;
    }
    let (result, code) = tokio::join!(bounded(ws.recv()), async {
        let code = peer.close_code().await;
        assert!(peer.next().await.is_none(), "frames behind a Close");
        drop(peer);
        code
    });
    assert_eq!(code, 1009);
    assert_eq!(result.unwrap_err().close_code(), Some(1009));
}

#[test]
fn a_server_keeps_no_more_of_endless_fragments_than_its_limit() {
    alone(async || {
        let (ws, peer) = server(limited()).await;
        never_ends(ws, peer).await;
    });
}

#[test]
fn a_client_keeps_no_more_of_endless_fragments_than_its_limit() {
    alone(async || {
        let (ws, peer) = client(limited()).await;
        never_ends(ws, peer).await;
    });
}

/// Not a power of two, nor a multiple of what is sent.
const LIMIT: usize = 1_500_000;

fn limited() -> Config {
    Config::new().max_message(LIMIT)
}

async fn never_ends<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = peer.frame(BINARY, &[1; 5000]);
    for _ in 0..LIMIT / 5000 {
        wire.extend(peer.frame(CONTINUATION, &[2; 5000]));
    }
    greet(&mut ws, &mut peer, "hello", &[]).await;
    let heap = Heap::watch();
    let (result, code) = tokio::join!(bounded(ws.recv()), async {
        peer.send(&wire).await;
        let code = peer.close_code().await;
        drop(peer);
        code
    });
    assert_eq!((result.unwrap_err().close_code(), code), (Some(1009), 1009));
    println!("{} bytes at a limit of {LIMIT}", heap.peak());
    assert!(heap.peak() < LIMIT + (200 << 10), "{} bytes", heap.peak());
}

#[test]
fn a_server_pays_for_300_000_tiny_fragments_by_their_payload_only() {
    alone(async || {
        let (ws, peer) = server(Config::new()).await;
        tiny_fragments(ws, peer).await;
    });
}

#[test]
fn a_client_pays_for_300_000_tiny_fragments_by_their_payload_only() {
    alone(async || {
        let (ws, peer) = client(Config::new()).await;
        tiny_fragments(ws, peer).await;
    });
}

/// 200,000 empty fragments and 100,000 of one byte: legal, and worth 100,000 bytes.
async fn tiny_fragments<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const BYTES: usize = 100_000;
    let empty = peer.frame(CONTINUATION, b"");
    let one = peer.frame(CONTINUATION, b"x");
    let ping = peer.frame(FIN | PING, b"still there?");
    let end = peer.frame(FIN | CONTINUATION, b"");
    let begin = peer.frame(BINARY, b"");
    let rounds = [empty.clone(), one, empty].concat().repeat(BYTES);

    greet(&mut ws, &mut peer, "hello", &[]).await;
    let before = turns();
    let heap = Heap::watch();
    let sending = async {
        peer.send(begin).await;
        peer.send(rounds).await;
        // It is all there once the ping behind it is answered.
        peer.send(ping).await;
        let pong = peer.next().await.unwrap();
        assert_eq!(
            (pong.opcode, &pong.payload[..]),
            (PONG, &b"still there?"[..])
        );
    };
    tokio::select! {
        message = ws.recv() => panic!("{message:?}"),
        () = bounded(sending) => {}
    }
    assert!(poll_once(ws.recv()).is_pending());
    println!(
        "{} bytes in {} blocks, peak {}, {} requests for {} bytes",
        heap.bytes(),
        heap.blocks(),
        heap.peak(),
        heap.requests(),
        heap.asked_for()
    );
    assert!(heap.bytes() < BYTES + (64 << 10), "{} bytes", heap.bytes());
    // 1,024 frames a turn, and others had theirs meanwhile.
    let turns = turns() - before;
    assert!(turns >= 3 * BYTES / 1024, "{turns} turns");
    // Linear work: the message moved to larger memory a few times, not for every fragment.
    assert!(heap.requests() < 100, "{} requests", heap.requests());
    assert!(heap.asked_for() < 10 * BYTES as u64);

    peer.send(end).await;
    let message = bounded(ws.recv()).await.unwrap().unwrap().into_bytes();
    assert_eq!(message, [b'x'; BYTES][..]);
}

/// Cause: the next message was put together in the memory of the last one, and kept all of it.
#[test]
fn the_first_byte_of_a_message_does_not_keep_the_memory_of_the_last_one() {
    alone(async || {
        let (mut ws, mut peer) = server(Config::new()).await;
        greet(&mut ws, &mut peer, "hello", &[]).await;
        let heap = Heap::watch();
        let wire = peer.frame(FIN | BINARY, &vec![7; LARGE]);
        let mut last = wire[wire.len() - 100..].to_vec();
        last.extend(peer.frame(BINARY, &[8]));
        let sending = async {
            peer.send(&wire[..wire.len() - 100]).await;
            // The end of the one and the begin of the other come in one write.
            peer.send(&last).await;
        };
        let (reader, writer) = ws.halves();
        let receiving = async {
            let message = bounded(reader.recv(writer)).await.unwrap().unwrap();
            assert_eq!(message.as_bytes().len(), LARGE);
        };
        tokio::join!(sending, receiving);
        drop((wire, last));
        for _ in 0..4 {
            tokio::task::yield_now().await;
            assert!(poll_once(reader.recv(writer)).is_pending());
        }
        println!("{} bytes for one", heap.bytes());
        assert!(heap.bytes() <= (66 << 10) + 8 * 1024, "{}", heap.bytes());
        let end = peer.frame(FIN | CONTINUATION, &[9]);
        peer.send(end).await;
        let message = bounded(reader.recv(writer)).await.unwrap().unwrap();
        assert_eq!(message.as_bytes(), [8, 9]);
    });
}

const LARGE: usize = (16 << 20) - 1;
