//! Little that inflates to much.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use socket_flow::{Acceptor, Config, Deflate, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::beside::turns;
use crate::heap::{Heap, alone};
use crate::peer::{
    BINARY, CONTINUATION, FIN, Peer, RSV1, bounded, client_with, greet, server_with,
};
use crate::support::bystander::Limits;

/// What is agreed on: permessage-deflate as it comes.
pub(crate) const EXTENSION: &str = "Sec-WebSocket-Extensions: permessage-deflate\r\n";

const LIMIT: usize = 1 << 20;
const INFLATED: usize = 16 << 20;

#[test]
fn a_server_refuses_16_kib_that_inflate_to_16_mib_at_its_limit() {
    alone(async || {
        let acceptor = Acceptor::new()
            .config(Config::new().max_message(LIMIT))
            .deflate(Deflate::balanced());
        let (ws, peer) = server_with(acceptor, EXTENSION).await;
        explode(ws, peer, Cut::Whole).await;
    });
}

#[test]
fn a_client_refuses_16_kib_that_inflate_to_16_mib_at_its_limit() {
    alone(async || {
        let config = Config::new().max_message(LIMIT);
        let settings = |builder: socket_flow::ClientBuilder| {
            builder.config(config).deflate(Deflate::balanced())
        };
        let (ws, peer) = client_with(settings, EXTENSION).await;
        explode(ws, peer, Cut::Whole).await;
    });
}

#[test]
fn a_server_refuses_a_bomb_in_fragments_at_its_limit() {
    alone(async || {
        let acceptor = Acceptor::new()
            .config(Config::new().max_message(LIMIT))
            .deflate(Deflate::balanced());
        let (ws, peer) = server_with(acceptor, EXTENSION).await;
        explode(ws, peer, Cut::Fragments).await;
    });
}

enum Cut {
    Whole,
    /// Of a byte each.
    Fragments,
}

async fn explode<S>(mut ws: WebSocket<S>, mut peer: Peer, cut: Cut)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bomb = deflate(&vec![0; INFLATED]);
    assert!((15 << 10..17 << 10).contains(&bomb.len()), "{}", bomb.len());
    let wire = match cut {
        Cut::Whole => peer.frame(FIN | RSV1 | BINARY, &bomb),
        Cut::Fragments => {
            let mut wire = peer.frame(RSV1 | BINARY, b"");
            for byte in &bomb {
                wire.extend(peer.frame(CONTINUATION, &[*byte]));
            }
            wire.extend(peer.frame(FIN | CONTINUATION, b""));
            wire
        }
    };
    greet(&mut ws, &mut peer, "hello", &[]).await;

    let before = turns();
    let heap = Heap::watch();
    let (result, code) = tokio::join!(bounded(ws.recv()), async {
        peer.send(wire).await;
        let code = peer.close_code().await;
        assert!(peer.next().await.is_none(), "frames behind a Close");
        drop(peer);
        code
    });
    let peak = heap.peak();
    println!("{peak} bytes at a limit of {LIMIT}");
    assert_eq!(code, 1009);
    assert_eq!(result.unwrap_err().close_code(), Some(1009));
    // Others had theirs meanwhile.
    let turns = turns() - before;
    assert!(turns >= LIMIT / Limits::INFLATED.made, "{turns} turns");
    // The limit, the thread's buffer for what was just inflated, and the context.
    assert!(peak < LIMIT + (256 << 10), "{peak} bytes");
}

/// A message's payload (RFC 7692 §7.2.1), made by another library.
pub(crate) fn deflate(message: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(message).unwrap();
    encoder.flush().unwrap();
    let mut payload = encoder.get_ref().clone();
    assert!(payload.ends_with(&[0, 0, 0xff, 0xff]));
    payload.truncate(payload.len() - 4);
    payload
}
