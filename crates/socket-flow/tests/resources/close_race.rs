//! Sending that races closing: what was acknowledged is in front of the Close, and nothing behind it.

use socket_flow::{CloseCode, Config, SendError, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

use crate::peer::{CLOSE, FIN, Peer, TEXT, bounded, client, server};

const SENDERS: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_server_follows_its_close_and_nothing_acknowledged_is_missing() {
    for round in 0..20 {
        let (ws, peer) = server(Config::new()).await;
        bounded(race(ws, peer, 3 * round)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_of_a_client_follows_its_close_and_nothing_acknowledged_is_missing() {
    for round in 0..20 {
        let (ws, peer) = client(Config::new()).await;
        bounded(race(ws, peer, 3 * round)).await;
    }
}

/// Senders in tasks of their own send until they are refused; when the peer has had so many
/// messages, it asks for the Close.
async fn race<S>(mut ws: WebSocket<S>, mut peer: Peer, before: usize)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut sending = JoinSet::new();
    for name in 0..SENDERS {
        let sender = ws.sender();
        sending.spawn(async move {
            let mut acknowledged = 0;
            while sender.send(format!("{name} {acknowledged}")).await.is_ok() {
                acknowledged += 1;
            }
            (name, acknowledged)
        });
    }
    let closing = tokio::spawn(async move {
        assert!(ws.recv().await.unwrap().is_some());
        let outcome = ws.close(CloseCode::NORMAL, "").await.unwrap();
        assert!(outcome.clean);
        match ws.queue("late") {
            Err(SendError::Closed("late")) => {}
            other => panic!("{other:?}"),
        }
        assert!(ws.send("late").await.is_err());
    });

    let mut arrived = [0; SENDERS];
    let mut count = 0;
    loop {
        if count == before {
            let request = peer.frame(FIN | TEXT, b"close");
            peer.send(request).await;
        }
        let frame = peer.next().await.unwrap();
        count += 1;
        if frame.opcode == CLOSE {
            assert_eq!(frame.close_code(), 1000);
            break;
        }
        let text = String::from_utf8(frame.payload).unwrap();
        let (name, number) = text.split_once(' ').unwrap();
        let next = &mut arrived[name.parse::<usize>().unwrap()];
        assert_eq!(number.parse(), Ok(*next), "from {name}");
        *next += 1;
    }
    let answer = peer.frame(FIN | CLOSE, b"\x03\xe8");
    peer.send(answer).await;
    peer.shut_down().await;
    assert!(peer.next().await.is_none(), "a frame behind the Close");
    closing.await.unwrap();
    for (name, acknowledged) in sending.join_all().await {
        assert_eq!(arrived[name], acknowledged, "from {name}");
    }
}
