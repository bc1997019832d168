//! Futures that are dropped before they are ready: nothing is lost, doubled or torn.

use socket_flow::{CloseCode, Config, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::beside::beside;
use crate::peer::{
    BINARY, Buffers, CLOSE, FIN, Peer, bounded, client, client_over, poll_once, server, server_over,
};

#[tokio::test]
async fn a_server_loses_nothing_when_receiving_is_given_up_again_and_again() {
    beside(async {
        let (ws, peer) = server(Config::new()).await;
        bounded(receiving(ws, peer)).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_loses_nothing_when_receiving_is_given_up_again_and_again() {
    beside(async {
        let (ws, peer) = client(Config::new()).await;
        bounded(receiving(ws, peer)).await;
    })
    .await;
}

/// Frames come in pieces; each future is polled once.
async fn receiving<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let lengths = [0, 1, 125, 126, 1000, 65_530, 70_000, 200_000];
    let mut wire = Vec::new();
    for (number, len) in lengths.into_iter().enumerate() {
        let (start, end) = (len / 3, len - len / 3);
        wire.extend(peer.frame(BINARY, &vec![number as u8; start]));
        wire.extend(peer.frame(FIN, &vec![number as u8; end]));
    }
    let mut received = Vec::new();
    let mut given_up = 0;
    let mut pieces = wire.chunks(997);
    while received.len() < lengths.len() {
        if let Some(piece) = pieces.next() {
            peer.send(piece).await;
        }
        match poll_once(ws.recv()) {
            std::task::Poll::Ready(message) => received.push(message.unwrap().unwrap()),
            std::task::Poll::Pending => given_up += 1,
        }
        tokio::task::yield_now().await;
    }
    assert!(given_up > 100, "{given_up}");
    for (number, len) in lengths.into_iter().enumerate() {
        assert_eq!(received[number].as_bytes(), vec![number as u8; len]);
    }
}

#[tokio::test]
async fn a_server_sends_a_message_whole_or_not_at_all_when_sending_is_given_up() {
    beside(async {
        let (ours, theirs) = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (ws, peer) = server_over(Config::new(), ours, theirs).await;
        bounded(sending(ws, peer)).await;
    })
    .await;
}

#[tokio::test]
async fn a_client_sends_a_message_whole_or_not_at_all_when_sending_is_given_up() {
    beside(async {
        let (ours, theirs) = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (ws, peer) = client_over(Config::new(), ours, theirs).await;
        bounded(sending(ws, peer)).await;
    })
    .await;
}

/// A peer that reads now and then; each send is polled once.
async fn sending<S>(mut ws: WebSocket<S>, mut peer: Peer)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    const MESSAGES: u32 = 300;
    let mut acknowledged = Vec::new();
    let mut refused = Vec::new();
    let mut frames = Vec::new();
    for number in 0..MESSAGES {
        let mut payload = vec![7; 20_000];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        let before = ws.buffered_amount();
        if poll_once(ws.send(payload)).is_ready() {
            acknowledged.push(number);
        } else if ws.buffered_amount() <= before && before >= 64 << 10 {
            // Given up while it waited for room.
            refused.push(number);
        }
        if number % 3 == 0 {
            tokio::select! {
                biased;
                frame = peer.next() => frames.push(frame.unwrap()),
                () = tokio::task::yield_now() => {}
            }
        }
    }
    assert!(!acknowledged.is_empty() && !refused.is_empty());
    let ((), rest) = tokio::join!(
        async {
            // Dropped and called again: there is one Close.
            for _ in 0..3 {
                let _ = poll_once(ws.close(CloseCode::NORMAL, ""));
            }
            let _ = ws.close(CloseCode::NORMAL, "").await;
            drop(ws);
        },
        async {
            let mut frames = Vec::new();
            loop {
                let frame = peer.next().await.unwrap();
                let is_close = frame.opcode == CLOSE;
                frames.push(frame);
                if is_close {
                    break;
                }
            }
            let answer = peer.frame(FIN | CLOSE, b"\x03\xe8");
            peer.send(answer).await;
            peer.shut_down().await;
            assert!(peer.next().await.is_none(), "frames behind the Close");
            frames
        }
    );
    frames.extend(rest);
    assert_eq!(frames.pop().unwrap().close_code(), 1000);
    let mut arrived = Vec::new();
    for frame in frames {
        assert_eq!((frame.opcode, frame.payload.len()), (BINARY, 20_000));
        arrived.push(u32::from_be_bytes(frame.payload[..4].try_into().unwrap()));
    }
    assert!(arrived.is_sorted_by(|a, b| a < b), "{arrived:?}");
    assert!(acknowledged.iter().all(|number| arrived.contains(number)));
    assert!(refused.iter().all(|number| !arrived.contains(number)));
}
