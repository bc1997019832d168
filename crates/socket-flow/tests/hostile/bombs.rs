//! Little that inflates to much, again and again, and compressed data that is much work and makes
//! nothing: also inside of one message each connection has its turn, and no more.

use std::collections::HashMap;
use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use socket_flow::{Config, Deflate, Error, Server, ServerEvent};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::bystander::{Beside, Books, Limits, Turns};
use crate::memory::{EXTENSION, Flood, bystander, open};
use crate::support::switching_protocols;
use crate::victim::{HONEST, SIDES, Side, honest, honest_client, serve, with};
use crate::wire::{Wire, bounded};

const INFLATED: usize = 4 << 20;

/// The turns in which a bomb is inflated at least.
const TURNS: usize = INFLATED / Limits::INFLATED.made;

/// A payload of 4 KiB (RFC 7692 §7.2.1), made by another library.
fn bomb() -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; INFLATED]).unwrap();
    encoder.flush().unwrap();
    let mut payload = encoder.get_ref().clone();
    assert!(payload.ends_with(&[0, 0, 0xff, 0xff]));
    payload.truncate(payload.len() - 4);
    assert!((4000..4500).contains(&payload.len()));
    payload
}

/// Bytes of compressed messages, sent by three peers at once.
async fn are_inflated(side: Side, limits: Limits, bytes: Vec<u8>, turns: usize) {
    let flood = Flood {
        side,
        peers: 3,
        is_compressed: true,
        limits,
        bytes,
        turns,
    };
    flood.runs().await;
}

/// Legal messages of 4 KiB that each become 4 MiB (RFC 7692 §8, RFC 6455 §10.4; CVE-2018-1000518,
/// CVE-2026-1526).
#[tokio::test]
async fn bombs_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        let bombs = side.whole(0xc2, &bomb()).repeat(6);
        are_inflated(side, Limits::INFLATED, bombs, 6 * TURNS).await;
    }
}

/// The same in fragments of a byte, with a ping inside (RFC 6455 §5.4, RFC 7692 §6.1).
#[tokio::test]
async fn bombs_in_many_fragments_keep_nobody_waiting() {
    for side in SIDES {
        let mut bytes = side.whole(0x42, b"");
        for byte in bomb() {
            bytes.extend(side.whole(0x00, &[byte]));
            bytes.extend(side.whole(0x00, b""));
        }
        bytes.extend(side.whole(0x89, b"inside"));
        bytes.extend(side.whole(0x80, b""));
        are_inflated(side, Limits::INFLATED, bytes.repeat(3), 3 * TURNS).await;
    }
}

/// Two blocks, each with codes of its own for 257 symbols, that end at once (RFC 1951 §3.2.7).
const CODES: &[u8] = b"\
    \x04\xc0\x03\x40\x18\x00\x00\x00\xb0\x6c\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\
    \xdb\xb6\x6d\xdb\xb6\x4d\xfc\xfb\x4f\x00\x3c\x00\x84\x01\x00\x00\x00\xcb\xb6\
    \x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xb6\x6d\xdb\xc4\xbf\xff";

/// Blocks that end at once: with fixed codes, eight of them in ten bytes, with codes of their own, and
/// empty stored ones. Codes are prepared, and nothing comes out (RFC 1951 §3.2.4, §3.2.6, §3.2.7).
/// A call of the codec takes up to 20 KiB of them.
#[tokio::test]
async fn blocks_that_make_nothing_keep_nobody_waiting() {
    let fixed = b"\x02\x08\x20\x80\x00\x02\x08\x20\x80\x00".repeat(5_000);
    let stored = b"\x00\x00\x00\xff\xff".repeat(10_000);
    let codes = CODES.repeat(900);
    for side in SIDES {
        for blocks in [&fixed, &codes, &stored] {
            // The last byte begins the block that the tail ends.
            let payload = [blocks, &b"\x00"[..]].concat();
            let message = side.whole(0xc2, &payload);
            let a_turn = (20 + 4) << 10;
            let limits = Limits::INFLATED.wire(a_turn);
            let bytes = message.repeat(40);
            let turns = bytes.len() / a_turn;
            are_inflated(side, limits, bytes, turns).await;
        }
    }
}

/// Bombs over the limit, each from a connection of its own: refusing one takes turns as well
/// (RFC 6455 §10.4, §7.4.1).
#[tokio::test]
async fn bombs_that_are_refused_keep_nobody_waiting() {
    const LIMIT: usize = 1 << 20;
    for side in SIDES {
        let books = Books::default();
        let bystander = bystander(side, &books).await;
        let mut peers = JoinSet::new();
        for _ in 0..10 {
            let turns = books.open(Limits::INFLATED);
            let config = Config::new().max_message(LIMIT);
            let (mut ws, mut wire) = open(side, true, config, turns.clone()).await;
            tokio::spawn(async move {
                let receiving = async {
                    let error = ws.recv().await.unwrap_err();
                    assert!(matches!(&error, Error::Protocol(_)), "{error:?}");
                    assert_eq!(error.close_code(), Some(1009));
                    // So much was inflated.
                    turns.message(LIMIT);
                };
                turns.of(receiving).await;
            });
            peers.spawn(async move {
                wire.send(side.whole(0xc2, &bomb())).await;
                assert_eq!(wire.frame().await.unwrap().close_code(), 1009);
                drop(wire);
            });
        }
        peers.join_all().await;
        bystander.goes_on().await;
        let least = LIMIT / Limits::INFLATED.made;
        assert!(books.turns().iter().all(|turns| *turns >= least));
    }
}

/// Three clients of a server with a handler, over sockets: their messages come back compressed
/// (RFC 7692 §8).
#[tokio::test]
async fn bombs_to_a_handler_over_sockets_keep_nobody_waiting() {
    let (sender, _seen) = mpsc::unbounded_channel();
    let books = Books::default();
    let builder = Server::bind("127.0.0.1:0").deflate(Deflate::balanced());
    let server = serve(builder, &books, Limits::INFLATED, sender).await;
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(with(EXTENSION)).await;
        assert!(wire.head().await.contains(EXTENSION));
        clients.spawn(explode(Side::Server, wire));
    }
    clients.join_all().await;
    server.bystander.goes_on().await;
    assert!(books.turns().iter().all(|turns| *turns >= 3 * TURNS));
}

/// The same to a server whose application reads events. Its tasks are its own: what is counted is
/// rounds, of a task beside each connection that is always ready.
#[tokio::test]
async fn bombs_to_a_server_with_events_keep_nobody_waiting() {
    let books = Books::default();
    let (victim, mut events) = Server::bind("127.0.0.1:0")
        .deflate(Deflate::balanced())
        .serve()
        .await
        .unwrap();
    let attacked = books.clone();
    tokio::spawn(async move {
        let mut senders = HashMap::new();
        let mut rounds: HashMap<_, Turns> = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                ServerEvent::Open {
                    id,
                    request,
                    sender,
                    ..
                } => {
                    senders.insert(id, sender);
                    if request.uri().path() != HONEST {
                        let turns = attacked.open(Limits::INFLATED);
                        rounds.insert(id, turns.clone());
                        tokio::spawn(always_ready(turns));
                    }
                }
                ServerEvent::Message { id, message } => {
                    if let Some(rounds) = rounds.get(&id) {
                        rounds.message(message.as_bytes().len());
                    }
                    if message.as_bytes().len() < 100 {
                        senders[&id].try_send(message).unwrap();
                    }
                }
                _ => {}
            }
        }
    });
    let bystander = honest(&victim, &books).await;
    let server = Beside { bystander, victim };
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(with(EXTENSION)).await;
        assert!(wire.head().await.contains(EXTENSION));
        clients.spawn(explode(Side::Server, wire));
    }
    clients.join_all().await;
    server.bystander.goes_on().await;
    assert!(books.turns().iter().all(|turns| *turns >= 3 * TURNS));
}

async fn always_ready(turns: Turns) {
    let ready = async {
        loop {
            tokio::task::yield_now().await;
        }
    };
    turns.of(ready).await;
}

/// Three clients in one application, each attacked by its server, over sockets (RFC 6455 §10.4).
#[tokio::test]
async fn bombs_to_clients_over_sockets_keep_nobody_waiting() {
    let books = Books::default();
    let bystander = honest_client(&books).await;
    let mut servers = JoinSet::new();
    for _ in 0..3 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let turns = books.open(Limits::INFLATED);
        tokio::spawn(async move {
            let builder = socket_flow::ClientBuilder::new(url).deflate(Deflate::balanced());
            let (ws, _) = builder.connect().await.unwrap();
            turns.of(crate::victim::echo(ws, &turns)).await
        });
        let mut wire = Wire::new(listener.accept().await.unwrap().0);
        let answer = switching_protocols(&wire.head().await) + EXTENSION + "\r\n";
        wire.send(answer).await;
        servers.spawn(explode(Side::Client, wire));
    }
    servers.join_all().await;
    bystander.goes_on().await;
    assert!(books.turns().iter().all(|turns| *turns >= 3 * TURNS));
}

/// Three bombs in a row, and what comes back of them.
async fn explode(side: Side, mut wire: Wire) {
    let bombs = side.whole(0xc2, &bomb()).repeat(3);
    let end = side.whole(0x81, b"over");
    bounded(wire.flood(&[bombs, end].concat(), (0x81, b"over"))).await;
}
