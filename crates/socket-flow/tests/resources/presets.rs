//! What an idle connection keeps of compression, by preset: the figures of `Deflate`'s rustdoc and of
//! `docs/compression.md`.

use socket_flow::{Acceptor, Deflate, ServerStream, WebSocket};

use crate::bombs::{EXTENSION, deflate};
use crate::heap::{Heap, alone};
use crate::peer::{FIN, Peer, RSV1, TEXT, bounded, poll_once, server_with};

const CONNECTIONS: usize = 8;

/// With what waits, each has two blocks for its deadlines: 240 bytes.
const DEADLINES: usize = 240;

#[test]
fn an_idle_connection_keeps_428_kb_of_the_preset_balanced() {
    alone(async || keeps(Some(Deflate::balanced()), 427_840).await);
}

#[test]
fn an_idle_connection_keeps_543_kb_of_the_preset_best_ratio() {
    alone(async || keeps(Some(Deflate::best_ratio()), 542_528).await);
}

#[test]
fn an_idle_connection_keeps_nothing_of_the_preset_smallest_memory() {
    alone(async || keeps(Some(Deflate::smallest_memory()), 0).await);
}

#[test]
fn an_idle_connection_keeps_nothing_of_balanced_without_its_contexts() {
    let deflate = Deflate::balanced()
        .server_no_context_takeover(true)
        .client_no_context_takeover(true);
    alone(async || keeps(Some(deflate), 0).await);
}

#[test]
fn an_idle_connection_keeps_nothing_where_compression_is_off() {
    alone(async || keeps(None, 0).await);
}

/// Once each has received and sent a message: so many bytes, and what it keeps in any case.
async fn keeps(settings: Option<Deflate>, expected: usize) {
    let text = "the quick brown fox ".repeat(20);
    let (first, payload) = match settings {
        Some(_) => (FIN | RSV1 | TEXT, deflate(text.as_bytes())),
        None => (FIN | TEXT, text.clone().into_bytes()),
    };
    let acceptor = match settings {
        Some(settings) => Acceptor::new().deflate(settings),
        None => Acceptor::new(),
    };
    let mut pairs = Vec::with_capacity(CONNECTIONS + 1);
    for _ in 0..=CONNECTIONS {
        pairs.push(server_with(acceptor.clone(), EXTENSION).await);
    }
    let (mut ws, mut peer) = pairs.pop().unwrap();
    // What a thread shares.
    echo_one(&mut ws, &mut peer, first, &payload, &text).await;
    let heap = Heap::watch();
    for (ws, peer) in &mut pairs {
        echo_one(ws, peer, first, &payload, &text).await;
    }
    let each = heap.bytes() / CONNECTIONS;
    println!("{each} bytes each");
    let kept = expected..=expected + DEADLINES;
    assert!(kept.contains(&each), "{each} bytes, {kept:?}");
}

async fn echo_one(
    ws: &mut WebSocket<ServerStream>,
    peer: &mut Peer,
    first: u8,
    payload: &[u8],
    text: &str,
) {
    let wire = peer.frame(first, payload);
    peer.send(wire).await;
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(text));
    ws.send(message).await.unwrap();
    assert!(poll_once(ws.recv()).is_pending());
}
