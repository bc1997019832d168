//! Lengths that are declared and not sent.

use socket_flow::{Config, Server};

use crate::beside::beside;
use crate::heap::{Heap, alone};
use crate::peer::{BINARY, Buffers, FIN, TEXT, bounded, client, echo, greet, server, visit};

/// How many connections declare a frame of 15 MiB.
const CONNECTIONS: usize = 50;
const DECLARED: u64 = 15 << 20;

/// What each of them may cost beyond an idle connection.
const EACH: usize = 512;

#[test]
fn a_server_holds_nothing_for_frames_that_fifty_clients_only_declare() {
    alone(async || {
        let server = Server::bind("127.0.0.1:0")
            .serve_with(async |mut ws, _| echo(&mut ws).await)
            .await
            .unwrap();
        let address = server.local_addr().unwrap();
        let mut peers = Vec::new();
        for _ in 0..CONNECTIONS {
            peers.push(visit(address, Buffers::Usual).await);
        }
        // An exchange of messages first: idle connections, everything they share in place.
        for peer in &mut peers {
            let hello = peer.frame(FIN | TEXT, b"hello");
            peer.send(hello).await;
            assert_eq!(bounded(peer.next()).await.unwrap().payload, b"hello");
        }
        let heap = Heap::watch();
        for peer in &mut peers {
            // In one segment with a message: its echo tells that the header was read.
            let mut wire = peer.frame(FIN | TEXT, b"declared");
            wire.extend(peer.header(FIN | BINARY, DECLARED));
            peer.send(wire).await;
            assert_eq!(bounded(peer.next()).await.unwrap().payload, b"declared");
        }
        let each = heap.bytes() / CONNECTIONS;
        println!("{each} bytes, peak {}", heap.peak());
        assert!(each < EACH, "{each} bytes for each");
        assert!(heap.peak() < CONNECTIONS * EACH + (128 << 10));
    });
}

#[test]
fn a_client_holds_nothing_for_frames_that_fifty_servers_only_declare() {
    alone(async || {
        let mut pairs = Vec::new();
        for _ in 0..CONNECTIONS {
            let (mut ws, mut peer) = client(Config::new()).await;
            greet(&mut ws, &mut peer, "hello", &[]).await;
            pairs.push((ws, peer));
        }
        let heap = Heap::watch();
        for (ws, peer) in &mut pairs {
            let header = peer.header(FIN | BINARY, DECLARED);
            greet(ws, peer, "declared", &header).await;
        }
        let each = heap.bytes() / CONNECTIONS;
        println!("{each} bytes, peak {}", heap.peak());
        assert!(each < EACH, "{each} bytes for each");
        assert!(heap.peak() < CONNECTIONS * EACH + (128 << 10));
    });
}

/// What has no limit at all is not believed either.
#[tokio::test]
async fn a_declared_length_is_not_believed_where_no_limit_is_set() {
    beside(async {
        let (mut ws, mut peer) = server(Config::new().max_message(usize::MAX)).await;
        let header = peer.header(FIN | BINARY, 1 << 62);
        greet(&mut ws, &mut peer, "declared", &header).await;
        drop(peer);
        assert!(bounded(ws.recv()).await.is_err());
    })
    .await;
}
