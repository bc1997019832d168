//! Connections that share a budget, and applications that keep what they received.

use std::future::pending;
use std::time::Duration;

use socket_flow_connection::{Budget, Lease, NEVER, Purpose, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::support::frames::{BINARY, whole};
use crate::support::{Client, Server, no_deadlines, raw};

const LEN: usize = 300_000;

/// A budget of which all is used.
fn used_up(patience: Duration) -> (Budget, Lease) {
    let budget = Budget::with_patience(1 << 20, patience);
    let mut all = budget.lease(Purpose::Events);
    all.set(1 << 20);
    (budget, all)
}

/// A connection to which a large message was sent, and its peer.
async fn connection(budget: &Budget) -> (WebSocket<DuplexStream>, DuplexStream) {
    let config = no_deadlines().budget(budget.clone());
    let (ws, mut peer) = raw(Server, 2 * LEN, config);
    let message = whole(Client, BINARY, &vec![7; LEN]);
    peer.write_all(&message).await.unwrap();
    (ws, peer)
}

/// Cause: the right to go beyond the budget was a connection's until it received again, and its
/// handler slept with the message.
#[tokio::test(start_paused = true)]
async fn a_handler_that_sleeps_with_its_message_keeps_no_other_from_one_for_ever() {
    for patience in [Duration::from_secs(3), NEVER] {
        for is_lent in [false, true] {
            let (budget, _all) = used_up(patience);
            let (mut ws, _peer) = connection(&budget).await;
            let (told, is_kept) = tokio::sync::oneshot::channel();
            let asleep = tokio::spawn(async move {
                if is_lent {
                    let (reader, writer) = ws.halves();
                    let message = reader.recv(writer).await.unwrap().unwrap();
                    told.send(message.len()).unwrap();
                    pending::<()>().await;
                    drop(message.to_message());
                } else {
                    let message = ws.recv().await.unwrap().unwrap();
                    told.send(message.len()).unwrap();
                    pending::<()>().await;
                    drop(message);
                }
            });
            assert_eq!(is_kept.await, Ok(LEN));

            let (mut ws, _peer) = connection(&budget).await;
            let start = Instant::now();
            let message = ws.recv().await.unwrap().unwrap();
            assert_eq!(message.len(), LEN);
            let waited = start.elapsed();
            let least = patience.min(Duration::from_secs(5));
            assert!((least..least * 2).contains(&waited), "{waited:?}");
            asleep.abort();
        }
    }
}

/// Cause: a connection that received one large message after the other took the right for each of
/// them before the one that was called for it had come.
#[tokio::test(start_paused = true)]
async fn a_stream_of_large_messages_starves_no_other_where_memory_is_used_up() {
    let (budget, _all) = used_up(NEVER);
    let start = Instant::now();
    let (mut stream, mut peer) = connection(&budget).await;
    let flood = tokio::spawn(async move {
        let message = whole(Client, BINARY, &vec![7; LEN]);
        while peer.write_all(&message).await.is_ok() {}
    });
    let mut received = 0;
    let (mut other, _peer) = connection(&budget).await;
    let message = tokio::select! {
        biased;
        message = async { loop {
            stream.recv().await.unwrap().unwrap();
            received += 1;
            assert!(received < 100);
            tokio::task::yield_now().await;
        } } => message,
        message = other.recv() => message.unwrap(),
    };
    assert_eq!(message.map(|message| message.len()), Some(LEN));
    // It was not for a deadline.
    assert_eq!(start.elapsed(), Duration::ZERO);
    flood.abort();
}
