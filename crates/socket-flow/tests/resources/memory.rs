//! What a connection costs, term by term: the formula of `docs/reliability.md`, measured.
//!
//! The bounds are upper ones, close to what is measured. Where opening a connection is counted,
//! its peer is a socket of the standard library, which takes no heap.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket_flow::{
    Acceptor, Budget, ClientBuilder, ClientStream, Config, Listener, ServerStream, WebSocket,
};

use crate::heap::{Heap, alone_on_its_thread};
use crate::peer::{BINARY, Buffers, FIN, PING, bounded, greet, poll_once, server, server_over};
use crate::support::{REQUEST, switching_protocols};

/// Enough that what is allocated now and then shows as little.
const CONNECTIONS: usize = 64;

/// What a thread reads into, for whichever of its connections is busy.
const READ_BUFFER: usize = 66 << 10;

/// Bytes and allocations of each of many connections.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Each {
    pub(crate) bytes: usize,
    blocks: usize,
}

impl Each {
    pub(crate) fn of(heap: &Heap, count: usize, what: &str) -> Self {
        let each = Self {
            bytes: heap.bytes() / count,
            blocks: heap.blocks() / count,
        };
        println!("{what}: {} bytes in {} blocks", each.bytes, each.blocks);
        each
    }

    pub(crate) fn is_at_most(&self, bytes: usize, blocks: usize) {
        assert!(self.bytes <= bytes && self.blocks <= blocks, "{self:?}");
    }
}

#[test]
fn an_accepted_connection_that_waits_costs_520_bytes_in_3_blocks_and_itself() {
    alone_on_its_thread(async || {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let acceptor = Acceptor::new();
        let mut connections = Vec::with_capacity(CONNECTIONS);
        let mut peers = Vec::with_capacity(CONNECTIONS);
        let mut warm = accept(&listener, &acceptor, "").await;
        assert!(poll_once(warm.0.recv()).is_pending());
        let heap = Heap::watch();
        for _ in 0..CONNECTIONS {
            let (ws, peer) = accept(&listener, &acceptor, "").await;
            connections.push(ws);
            peers.push(peer);
        }
        Each::of(&heap, CONNECTIONS, "open").is_at_most(280, 1);
        for ws in &mut connections {
            assert!(poll_once(ws.recv()).is_pending());
        }
        Each::of(&heap, CONNECTIONS, "waiting").is_at_most(520, 3);
        let itself = size_of::<WebSocket<ServerStream>>();
        println!("itself: {itself} bytes");
        assert!(itself <= 400);
        drop(warm);
    });
}

#[test]
fn a_client_connection_that_waits_costs_1000_bytes_in_5_blocks_and_itself() {
    alone_on_its_thread(async || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/chat", listener.local_addr().unwrap());
        let mut connections = Vec::with_capacity(CONNECTIONS);
        let granting = grant(listener, CONNECTIONS + 1, "");
        let (mut warm, _) = ClientBuilder::new(&url).connect().await.unwrap();
        assert!(poll_once(warm.recv()).is_pending());
        let heap = Heap::watch();
        for _ in 0..CONNECTIONS {
            let (ws, response) = ClientBuilder::new(&url).connect().await.unwrap();
            connections.push(ws);
            drop(response);
        }
        Each::of(&heap, CONNECTIONS, "open").is_at_most(760, 3);
        for ws in &mut connections {
            assert!(poll_once(ws.recv()).is_pending());
        }
        Each::of(&heap, CONNECTIONS, "waiting").is_at_most(1000, 5);
        let itself = size_of::<WebSocket<ClientStream>>();
        println!("itself: {itself} bytes");
        assert!(itself <= 400);
        drop((warm, granting));
    });
}

#[cfg(feature = "deflate")]
#[test]
fn a_context_to_inflate_costs_48_kb_and_both_at_level_6_and_15_bits_428_kb() {
    use socket_flow::{Deflate, Message};

    use crate::bombs::{EXTENSION, deflate};
    use crate::peer::{Peer, RSV1, TEXT, server_with};

    const CONNECTIONS: usize = 8;

    async fn receive(ws: &mut WebSocket<ServerStream>, peer: &mut Peer, payload: &[u8]) -> Message {
        let wire = peer.frame(FIN | RSV1 | TEXT, payload);
        peer.send(wire).await;
        let message = bounded(ws.recv()).await.unwrap().unwrap();
        assert!(poll_once(ws.recv()).is_pending());
        message
    }

    alone_on_its_thread(async || {
        let text = "the quick brown fox ".repeat(20);
        let payload = deflate(text.as_bytes());
        let acceptor = Acceptor::new().deflate(Deflate::balanced().level(6));
        let mut pairs = Vec::with_capacity(CONNECTIONS);
        for _ in 0..=CONNECTIONS {
            pairs.push(server_with(acceptor.clone(), EXTENSION).await);
        }
        // What a thread shares.
        let (mut ws, mut peer) = pairs.pop().unwrap();
        let message = receive(&mut ws, &mut peer, &payload).await;
        ws.send(message).await.unwrap();
        drop((ws, peer));

        let heap = Heap::watch();
        for (ws, peer) in &mut pairs {
            assert_eq!(receive(ws, peer, &payload).await.as_text(), Some(&*text));
        }
        // Two of the blocks are the deadlines of a connection that waits.
        Each::of(&heap, CONNECTIONS, "one context").is_at_most(48_200, 4);
        for (ws, _) in &mut pairs {
            ws.send(&*text).await.unwrap();
            assert!(poll_once(ws.recv()).is_pending());
        }
        Each::of(&heap, CONNECTIONS, "both").is_at_most(428_500, 6);
    });
}

#[cfg(feature = "deflate")]
#[test]
fn without_context_takeover_an_idle_connection_has_no_context() {
    use socket_flow::Deflate;

    use crate::bombs::deflate;
    use crate::peer::{RSV1, TEXT, server_with};

    alone_on_its_thread(async || {
        let payload = deflate(b"the quick brown fox");
        let acceptor = Acceptor::new().deflate(Deflate::smallest_memory());
        let lines = "Sec-WebSocket-Extensions: permessage-deflate; \
            client_no_context_takeover; client_max_window_bits\r\n";
        let mut pairs = Vec::with_capacity(9);
        for _ in 0..9 {
            pairs.push(server_with(acceptor.clone(), lines).await);
        }
        let mut heap = None;
        for (ws, peer) in &mut pairs {
            let wire = peer.frame(FIN | RSV1 | TEXT, &payload);
            peer.send(wire).await;
            let message = bounded(ws.recv()).await.unwrap().unwrap();
            ws.send(message).await.unwrap();
            assert!(poll_once(ws.recv()).is_pending());
            // The first puts in place what all share.
            heap.get_or_insert_with(Heap::watch);
        }
        Each::of(&heap.unwrap(), 8, "without takeover").is_at_most(300, 2);
    });
}

/// Bytes of a frame that have come, and what is kept for them at most.
type Arrived = (usize, usize);

#[test]
fn half_a_message_costs_what_has_come_of_it_and_some() {
    // A small frame waits where it was read; a large one is put together, and once 64 KiB are in,
    // a megabyte of what it declares is believed.
    let small: &[Arrived] = &[(1, 64), (100, 128), (999, 1024)];
    let medium: &[Arrived] = &[
        (1_000, 1024),
        (10_000, 32 << 10),
        (33_000, READ_BUFFER),
        (59_999, READ_BUFFER),
    ];
    let large: &[Arrived] = &[
        (1, 4 << 10),
        (33_000, 64 << 10),
        (65_000, 64 << 10),
        (66_000, (64 << 10) + (1 << 20)),
        (1 << 20, (64 << 10) + (1 << 20)),
        ((3 << 20) - 1, 3 << 20),
    ];
    alone_on_its_thread(async || {
        let (mut ws, mut peer) = server(Config::new()).await;
        greet(&mut ws, &mut peer, "hello", &[]).await;
        let payload = vec![7; 3 << 20];
        for (declared, pieces) in [(1_000, small), (60_000, medium), (3 << 20, large)] {
            let heap = Heap::watch();
            let header = peer.header(FIN | BINARY, declared as u64);
            peer.send(header).await;
            let mut sent = 0;
            for &(arrived, most) in pieces {
                while sent < arrived {
                    let step = (arrived - sent).min(10_000);
                    peer.send(&payload[sent..sent + step]).await;
                    sent += step;
                    // Small enough to be there at once, and read in a few turns.
                    for _ in 0..4 {
                        tokio::task::yield_now().await;
                        assert!(poll_once(ws.recv()).is_pending());
                    }
                }
                let kept = heap.bytes();
                println!("{arrived} of {declared}: {kept} bytes");
                assert!(kept <= most + 128, "{kept} bytes for {arrived}");
            }
            peer.send(&payload[sent..declared]).await;
            let message = bounded(ws.recv()).await.unwrap().unwrap();
            assert_eq!(message.as_bytes().len(), declared);
            drop(message);
            assert!(poll_once(ws.recv()).is_pending());
            // The thread's own buffer at most.
            assert!(heap.bytes() <= READ_BUFFER + 128, "{} bytes", heap.bytes());
        }
    });
}

/// Cause: behind a message that was split off a buffer, what was left of it was doubled with all of it,
/// and kept by the thread; and a frame was moved to a second buffer though its rest fits the first.
#[test]
fn half_a_frame_behind_a_message_waits_in_one_buffer() {
    alone_on_its_thread(async || {
        let (mut ws, mut peer) = server(Config::new()).await;
        greet(&mut ws, &mut peer, "hello", &[]).await;
        // Messages of so many bytes, what comes of the frame behind them, and what that may cost beside
        // the thread's buffer.
        let cases = [
            (1, 0, 34_000, 0),
            (1, 3_000, 40_000, READ_BUFFER),
            (1, 10_000, 34_000, READ_BUFFER),
            (1, 12_000, 45_000, READ_BUFFER),
            (1, 19_000, 25_000, READ_BUFFER),
            (1, 20_000, 40_000, READ_BUFFER),
            (12, 1_000, 45_000, READ_BUFFER),
            (20, 1_500, 25_000, 0),
            (3, 16_384, 17_000, 0),
        ];
        for (messages, len, arrived, most) in cases {
            let mut wire = peer.frame(FIN | BINARY, &vec![7; len]).repeat(messages);
            let begun = wire.len() + 8 + arrived;
            wire.extend(peer.frame(FIN | BINARY, &vec![8; 60_000]));
            let heap = Heap::watch();
            peer.send(&wire[..begun]).await;
            for _ in 0..messages {
                let message = bounded(ws.recv()).await.unwrap().unwrap();
                assert_eq!(message.as_bytes().len(), len);
            }
            for _ in 0..4 {
                tokio::task::yield_now().await;
                assert!(poll_once(ws.recv()).is_pending());
            }
            let peak = heap.peak();
            println!("{arrived} behind {messages} of {len}: {peak} bytes at most");
            assert!(peak <= most + len + 512, "{peak} bytes");
            peer.send(&wire[begun..]).await;
            let message = bounded(ws.recv()).await.unwrap().unwrap();
            assert_eq!(message.as_bytes().len(), 60_000);
            drop(message);
            assert!(poll_once(ws.recv()).is_pending());
            // The thread's own buffer at most.
            assert!(heap.bytes() <= READ_BUFFER + 128, "{} bytes", heap.bytes());
        }
    });
}

#[test]
fn half_a_head_costs_its_limit_and_a_read() {
    alone_on_its_thread(async || {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().await;
        let acceptor = Acceptor::new();
        let heap = Heap::watch();
        let mut accepting = Box::pin(acceptor.accept(stream));
        peer.write_all(b"GET / HTTP/1.1\r\n").unwrap();
        // 16,361 bytes; the limit is 16,384.
        for _ in 0..2 {
            peer.write_all(b"a: ").unwrap();
            peer.write_all(&[b'a'; 8_160]).unwrap();
            peer.write_all(b"\r\n").unwrap();
            for _ in 0..8 {
                tokio::task::yield_now().await;
                assert!(poll_once(&mut accepting).is_pending());
            }
        }
        println!("{} bytes", heap.peak());
        assert!(
            heap.peak() < (16 << 10) + (4 << 10) + 2048,
            "{} bytes",
            heap.peak()
        );
    });
}

#[test]
fn what_a_request_holds_until_it_is_answered_is_what_it_is_charged() {
    let value = "a".repeat(6_000);
    let repeated = "a:\r\n".repeat(95);
    let distinct: String = (0..95)
        .map(|line| format!("x-{line}: {line}\r\n"))
        .collect();
    let subprotocols = vec!["a"; 4_000].join(",");
    let subprotocols = format!("Sec-WebSocket-Protocol: {subprotocols}\r\n");
    alone_on_its_thread(async || {
        let listener = Listener::bind("127.0.0.1:0").await.unwrap();
        for lines in [
            "",
            &format!("Cookie: {value}\r\nX: {value}\r\n"),
            &repeated,
            &distinct,
            &subprotocols,
        ] {
            let budget = Budget::new(1 << 20);
            let acceptor = Acceptor::new().budget(budget.clone());
            let peer = ask(listener.local_addr().unwrap(), lines);
            let (stream, _) = listener.accept().await;
            let heap = Heap::watch();
            let pending = acceptor.read(stream).await.unwrap();
            let usage = budget.usage();
            let (held, charged) = (heap.bytes(), usage.connections + usage.handshakes);
            println!(
                "{} bytes of lines: {held} held, {charged} charged",
                lines.len()
            );
            assert!(
                held <= charged && charged <= 2 * held + Budget::SHARE,
                "{charged} for {held}"
            );
            drop((pending, peer));
        }
    });
}

#[test]
fn the_worst_connection_costs_its_limits_and_what_a_thread_shares() {
    alone_on_its_thread(async || {
        const LIMIT: usize = 1 << 20;
        const LARGE: usize = 300_000;
        let config = Config::new().max_message(LIMIT);
        let (ours, theirs) = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (mut ws, mut peer) = server_over(config, ours, theirs).await;
        // A message that lacks its end, pings, and the most of a ping.
        let mut wire = peer.frame(BINARY, &vec![7; LIMIT]);
        wire.extend(peer.frame(FIN | PING, &[7; 125]).repeat(40));
        wire.extend(&peer.frame(FIN | PING, &[7; 125])[..130]);

        let heap = Heap::watch();
        // The peer does not read: what its socket takes is gone before the queue stays full.
        for _ in 0..1000 {
            while ws.buffered_amount() < (64 << 10) - 1010 {
                ws.queue(&[7; 1000][..]).unwrap();
            }
            let _ = poll_once(ws.flush());
            tokio::task::yield_now().await;
        }
        let large = vec![7; LARGE];
        ws.queue(large).unwrap();
        println!("{} queued in {} bytes", ws.buffered_amount(), heap.bytes());
        assert!(ws.buffered_amount() > LARGE + (60 << 10));
        let unread = async {
            peer.send(&wire).await;
            // It is there; now it is read.
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        tokio::select! {
            message = ws.recv() => panic!("{message:?}"),
            () = unread => {}
        }
        // Eight segments of the queue, the payload one of them, and the rest.
        let segments = 8 * size_of::<bytes::Bytes>();
        let most = LIMIT + (80 << 10) + LARGE + READ_BUFFER + segments + 1024;
        println!("{} bytes, peak {}", heap.bytes(), heap.peak());
        assert!(heap.bytes() > LIMIT + LARGE);
        assert!(heap.peak() < most, "{} bytes", heap.peak());
    });
}

/// Connects and asks for a WebSocket, with these lines in the request too.
pub(crate) fn ask(address: SocketAddr, lines: &str) -> TcpStream {
    let mut tcp = TcpStream::connect(address).unwrap();
    let (head, _) = REQUEST.split_once("\r\n\r\n").unwrap();
    for part in [head, "\r\n", lines, "\r\n"] {
        tcp.write_all(part.as_bytes()).unwrap();
    }
    tcp
}

/// Opens a connection of our server's.
async fn accept(
    listener: &Listener,
    acceptor: &Acceptor,
    lines: &str,
) -> (WebSocket<ServerStream>, TcpStream) {
    let mut peer = ask(listener.local_addr().unwrap(), lines);
    let (stream, _) = listener.accept().await;
    let ws = acceptor.accept(stream).await.unwrap();
    read_head(&mut peer, &mut [0; 1024]);
    (ws, peer)
}

/// Grants as many WebSockets, on a thread of its own.
fn grant(
    listener: std::net::TcpListener,
    count: usize,
    lines: &'static str,
) -> std::thread::JoinHandle<Vec<TcpStream>> {
    std::thread::spawn(move || {
        let mut peers = Vec::with_capacity(count);
        for _ in 0..count {
            let (mut peer, _) = listener.accept().unwrap();
            let mut head = [0; 1024];
            let len = read_head(&mut peer, &mut head);
            let request = std::str::from_utf8(&head[..len]).unwrap();
            let answer = switching_protocols(request) + lines + "\r\n";
            peer.write_all(answer.as_bytes()).unwrap();
            peers.push(peer);
        }
        peers
    })
}

fn read_head(peer: &mut TcpStream, head: &mut [u8]) -> usize {
    let mut len = 0;
    while !head[..len].ends_with(b"\r\n\r\n") {
        len += peer.read(&mut head[len..len + 1]).unwrap();
    }
    len
}
