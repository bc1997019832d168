//! Pings without end from a peer that does not read the answers.

use socket_flow::{Config, Server};

use crate::heap::{Heap, alone};
use crate::peer::{
    Buffers, FIN, PING, PONG, Peer, TEXT, bounded, client_over, echo, listen, visit,
};

#[test]
fn a_server_holds_little_for_a_ping_flood_and_answers_the_newest() {
    alone(async || {
        let server = Server::with_listener(listen(Buffers::Small))
            .serve_with(async |mut ws, _| echo(&mut ws).await)
            .await
            .unwrap();
        let peer = visit(server.local_addr().unwrap(), Buffers::Small).await;
        flood(peer).await;
    });
}

#[test]
fn a_client_holds_little_for_a_ping_flood_and_answers_the_newest() {
    alone(async || {
        let small = Buffers::Small;
        let (mut ws, peer) = client_over(Config::new(), small, small).await;
        let echoing = tokio::spawn(async move { echo(&mut ws).await });
        flood(peer).await;
        drop(echoing.await.unwrap());
    });
}

/// Megabytes of pings; the sockets hold far less of pongs.
const PINGS: u32 = 30_000;

/// Plays a peer that sends pings and reads nothing until it has sent them all.
async fn flood(mut peer: Peer) {
    let mut payload = [0; 125];
    let mut wire = Vec::new();
    for number in 0..PINGS {
        payload[..4].copy_from_slice(&number.to_be_bytes());
        wire.extend(peer.frame(FIN | PING, &payload));
    }
    assert!(wire.len() > 3 << 20);
    wire.extend(peer.frame(FIN | TEXT, b"now I read"));

    let heap = Heap::watch();
    // The sockets hold little: nearly all of it has been received by then.
    bounded(peer.send(wire)).await;
    let (kept, peak) = (heap.bytes(), heap.peak());
    println!("{kept} bytes, peak {peak}");
    assert!(peak < 256 << 10, "{peak} bytes");

    let mut newest = None;
    let mut pongs = 0;
    let mut echoes = 0;
    // The newest may find room only behind what was queued meanwhile.
    while newest != Some(PINGS - 1) || echoes == 0 {
        let frame = bounded(peer.next()).await.unwrap();
        if frame.opcode == TEXT {
            assert_eq!(frame.payload, b"now I read");
            echoes += 1;
            continue;
        }
        assert_eq!((frame.opcode, frame.payload.len()), (PONG, 125));
        let (number, _) = frame.payload.split_first_chunk().unwrap();
        let number = Some(u32::from_be_bytes(*number));
        assert!(number > newest, "{number:?} behind {newest:?}");
        newest = number;
        pongs += 1;
    }
    println!("{pongs} pongs");
    assert_eq!(echoes, 1);
    assert!(
        pongs < PINGS / 2,
        "{pongs} pongs: the peer has been reading"
    );
}
