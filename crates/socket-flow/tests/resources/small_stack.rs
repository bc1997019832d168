//! The codec on little stack: whatever a message inflates to or from, it must not depend on how much
//! there is of it.

use std::thread;

use socket_flow::{Acceptor, Deflate, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::runtime::Builder;

use crate::bombs::{EXTENSION, deflate};
use crate::peer::{BINARY, FIN, Peer, RSV1, bounded, client_with, server_with};

/// A thread's stack; two megabytes are usual.
const STACK: usize = 256 << 10;

#[test]
fn a_server_inflates_and_deflates_on_256_kib_of_stack() {
    on_little_stack(async || {
        for (name, payload) in payloads() {
            let acceptor = Acceptor::new().deflate(Deflate::best_ratio());
            let (ws, peer) = server_with(acceptor, EXTENSION).await;
            answers_or_refuses(ws, peer, name, payload).await;
        }
    });
}

#[test]
fn a_client_inflates_and_deflates_on_256_kib_of_stack() {
    on_little_stack(async || {
        for (name, payload) in payloads() {
            let settings =
                |builder: socket_flow::ClientBuilder| builder.deflate(Deflate::best_ratio());
            let (ws, peer) = client_with(settings, EXTENSION).await;
            answers_or_refuses(ws, peer, name, payload).await;
        }
    });
}

fn on_little_stack<F>(test: F)
where
    F: AsyncFnOnce() + Send + 'static,
{
    let run = move || {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test());
    };
    let thread = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap();
}

/// Compressed payloads, good and bad.
fn payloads() -> Vec<(&'static str, Vec<u8>)> {
    let noise = noise(300_000);
    let text: Vec<u8> = noise.iter().map(|byte| b'a' + byte % 20).collect();
    let mut broken = deflate(&text);
    for at in (1000..broken.len()).step_by(997) {
        broken[at] ^= 0x55;
    }
    let mut tables = Vec::new();
    // Blocks with tables of their own, a bit each: 3 bits say so, and all that follows is noise.
    for piece in noise.chunks(97) {
        tables.push(piece[0] & !0b111 | 0b100);
        tables.extend(&piece[1..]);
    }
    vec![
        ("zeros", deflate(&vec![0; 4 << 20])),
        ("noise, stored", deflate(&noise)),
        ("text, with tables", deflate(&text)),
        ("broken", broken),
        ("tables of noise", tables),
        ("noise", noise),
        (
            "a last block",
            vec![0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00],
        ),
    ]
}

/// Sends a compressed message to an echo.
async fn answers_or_refuses<S>(mut ws: WebSocket<S>, mut peer: Peer, name: &str, payload: Vec<u8>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let is_good = !matches!(name, "broken" | "tables of noise" | "noise");
    let wire = peer.frame(FIN | RSV1 | BINARY, &payload);
    let echo = async {
        let (reader, writer) = ws.halves();
        while let Some(message) = reader.recv(writer).await? {
            writer.queue(message)?;
        }
        Ok::<_, socket_flow::Error>(())
    };
    let play = async {
        peer.send(wire).await;
        let frame = peer.next().await.unwrap();
        if is_good {
            assert_eq!(frame.opcode, BINARY, "{name}");
            assert!(frame.rsv1 || frame.payload.len() < 64, "{name}");
        } else {
            assert_eq!(frame.close_code(), 1007, "{name}");
        }
        drop(peer);
    };
    let (result, ()) = bounded(async { tokio::join!(echo, play) }).await;
    assert!(result.is_err(), "{name}");
}

/// Bytes that do not compress, the same every time (xorshift64*).
pub(crate) fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
    };
    (0..len).map(|_| next()).collect()
}
