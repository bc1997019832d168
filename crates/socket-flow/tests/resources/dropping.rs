//! Connections that the application drops without closing them.

use socket_flow::{Config, Server, WebSocket};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::beside::tasks;
use crate::heap::alone;
use crate::peer::{
    BINARY, Buffers, CLOSE, FIN, Peer, TEXT, bounded, client, client_over, listen, server,
    server_over, until, visit,
};

#[test]
fn a_dropped_server_connection_says_1001_and_leaves_nothing() {
    alone(async || {
        let (ws, peer) = server(Config::new()).await;
        says_goodbye(ws, peer).await;
    });
}

#[test]
fn a_dropped_client_connection_says_1001_and_leaves_nothing() {
    alone(async || {
        let (ws, peer) = client(Config::new()).await;
        says_goodbye(ws, peer).await;
    });
}

/// What is queued leaves first; the socket is closed at once, without a task.
async fn says_goodbye<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = descriptors();
    ws.queue("last words").unwrap();
    drop(ws);
    assert_eq!((descriptors(), tasks()), (open - 1, 0));
    let frames = bounded(peer.rest()).await;
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].payload, b"last words");
    assert_eq!(
        (frames[1].opcode, &frames[1].payload[..]),
        (CLOSE, &b"\x03\xe9"[..])
    );
}

#[test]
fn a_server_connection_split_and_dropped_leaves_nothing() {
    alone(async || {
        let (ws, peer) = server(Config::new()).await;
        halves_say_goodbye(ws, peer).await;
    });
}

#[test]
fn a_client_connection_split_and_dropped_leaves_nothing() {
    alone(async || {
        let (ws, peer) = client(Config::new()).await;
        halves_say_goodbye(ws, peer).await;
    });
}

async fn halves_say_goodbye<S>(ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = descriptors();
    let (mut reader, mut writer) = ws.into_split();
    writer.queue("last words").unwrap();
    // A task that waits for a message is the application's own: with it goes its half.
    let reading = tokio::spawn(async move { reader.recv().await });
    drop(writer);
    assert_eq!((descriptors(), tasks()), (open, 1));
    tokio::task::yield_now().await;
    reading.abort();
    assert!(reading.await.unwrap_err().is_cancelled());
    assert_eq!((descriptors(), tasks()), (open - 1, 0));
    let frames = bounded(peer.rest()).await;
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[0].payload, b"last words");
    assert_eq!(frames[1].close_code(), 1001);
}

#[test]
fn a_server_connection_dropped_before_a_peer_that_does_not_read_is_gone_at_once() {
    alone(async || {
        let buffers = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (ws, peer) = server_over(Config::new(), buffers.0, buffers.1).await;
        is_cut_off(ws, peer).await;
    });
}

#[test]
fn a_client_connection_dropped_before_a_peer_that_does_not_read_is_gone_at_once() {
    alone(async || {
        let buffers = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (ws, peer) = client_over(Config::new(), buffers.0, buffers.1).await;
        is_cut_off(ws, peer).await;
    });
}

/// One attempt is made, which does not wait.
async fn is_cut_off<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let open = descriptors();
    ws.queue(vec![7; 1 << 20]).unwrap();
    drop(ws);
    assert_eq!((descriptors(), tasks()), (open - 1, 0));
    let mut wire = Vec::new();
    bounded(peer.io.read_to_end(&mut wire)).await.unwrap();
    assert!((1..1 << 20).contains(&wire.len()), "{} bytes", wire.len());
    assert_eq!(wire[0], FIN | BINARY);
}

/// The peer is still sending: closed at once, the socket would be reset, and the Close lost.
#[test]
fn under_a_server_the_close_of_a_dropped_connection_arrives() {
    alone(async || {
        let server = Server::with_listener(listen(Buffers::Usual))
            .serve_with(async |mut ws, _| {
                let first = ws.recv().await;
                drop(ws);
                first.map(drop)
            })
            .await
            .unwrap();
        let idle = (descriptors(), tasks());
        for _ in 0..10 {
            let mut peer = visit(server.local_addr().unwrap(), Buffers::Usual).await;
            let message = peer.frame(FIN | TEXT, &[b'a'; 1000]);
            peer.send(message.repeat(100)).await;
            assert_eq!(bounded(peer.close_code()).await, 1000);
            peer.send(message.repeat(100)).await;
            assert!(bounded(peer.next()).await.is_none());
        }
        until(|| (descriptors(), tasks()) == idle).await;
        assert_eq!(server.connections(), 0);
    });
}

/// Open file descriptors of this process.
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
