//! Calls of a connection's senders.

use std::time::Duration;

use socket_flow::{CloseCode, Error, Message, SendError, Sender, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::{Instant, sleep, timeout};

use crate::calls::tools::{CLOSE, is_after, kilobyte, open, read, stall};

fn fill(sender: &Sender) {
    while sender.try_send(kilobyte()).is_ok() {}
}

#[tokio::test(start_paused = true)]
async fn handing_in_without_waiting_waits_for_nothing() {
    let (mut ws, _far) = open(1);
    let start = Instant::now();
    let sender = ws.sender();
    fill(&sender);
    assert_eq!(
        sender.try_send(kilobyte()),
        Err(SendError::Full(kilobyte()))
    );
    let newest = sender.send_newest(kilobyte());
    assert_eq!(newest, Err(SendError::Full(kilobyte())));
    assert!(sender.close(CloseCode::NORMAL, &"x".repeat(124)).is_err());
    sender.close(CloseCode::NORMAL, "").unwrap();
    sender.close_now(CloseCode::NORMAL, "").unwrap();
    assert_eq!(sender.buffered_amount(), 0);
    assert_eq!(sender.try_send("late"), Err(SendError::Closed("late")));
    assert_eq!(sender.send_newest("late"), Err(SendError::Closed("late")));
    assert!(start.elapsed().is_zero());
}

#[tokio::test(start_paused = true)]
async fn send_of_a_sender_waits_for_room_at_most_the_stall_time() {
    let (mut ws, _far) = open(1 << 20);
    let sender = ws.sender();
    fill(&sender);
    let running = tokio::spawn(async move {
        sleep(Duration::from_secs(20)).await;
        let _ = timeout(Duration::from_millis(1), ws.recv()).await;
        ws
    });
    let start = Instant::now();
    sender.send(kilobyte()).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(20));
    let _ws = running.await.unwrap();
    fill(&sender);
    let start = Instant::now();
    let given_back = sender.send(kilobyte()).await;
    assert_eq!(given_back, Err(SendError::Stalled(kilobyte())));
    is_after(start, &stall());
}

#[tokio::test(start_paused = true)]
async fn flush_of_a_sender_waits_until_all_is_sent_at_most_the_stall_time() {
    let (mut ws, mut far) = open(1024);
    let sender = ws.sender();
    sender.try_send("x").unwrap();
    let start = Instant::now();
    let held_up = sender.flush().await;
    let stalled = |ended: &_| matches!(ended, Err(Error::Send(SendError::Stalled(()))));
    assert!(stalled(&held_up), "{held_up:?}");
    is_after(start, &stall());
    let running = tokio::spawn(async move { ws.recv().await });
    sender.flush().await.unwrap();
    running.abort();
    assert_eq!(read(&mut far, 3).await, b"\x81\x01x");
}

/// How a peer goes, as far as a pipe can tell.
#[derive(Clone, Copy, Debug)]
enum Gone {
    Dropped,
    Ended,
    Closed,
}

/// What the call after a wait that stalled was, and how it ended.
type Next = Result<Option<Message>, Error>;

/// A handler waits for its own connection until it stalls, and its peer goes meanwhile: how its next
/// call ends, and how long that takes.
async fn next_call(
    gone: Gone,
    next: impl AsyncFnOnce(&mut WebSocket<DuplexStream>) -> Next,
) -> Next {
    let (mut ws, mut far) = open(1 << 20);
    let sender = ws.sender();
    fill(&sender);
    let going = async {
        sleep(Duration::from_secs(10)).await;
        match gone {
            Gone::Dropped => return None,
            Gone::Ended => {}
            Gone::Closed => far.write_all(CLOSE).await.unwrap(),
        }
        far.shutdown().await.unwrap();
        Some(far)
    };
    let (given_back, _far) = tokio::join!(sender.send(kilobyte()), going);
    assert_eq!(given_back, Err(SendError::Stalled(kilobyte())));
    let start = Instant::now();
    let ended = next(&mut ws).await;
    assert!(start.elapsed().is_zero(), "{gone:?}: {:?}", start.elapsed());
    ended
}

#[tokio::test(start_paused = true)]
async fn the_call_after_a_send_that_stalled_tells_that_the_peer_has_gone() {
    for gone in [Gone::Dropped, Gone::Ended] {
        let ended = [
            next_call(gone, async |ws| ws.recv().await).await,
            next_call(gone, async |ws| ws.recv_event().await.map(|_| None)).await,
            // It leaves to `recv` how the connection ended.
            next_call(gone, async |ws| {
                ws.drive().await?;
                ws.recv().await
            })
            .await,
        ];
        for ended in ended {
            assert!(
                matches!(ended, Err(Error::Closed { .. } | Error::Io(_))),
                "{gone:?}: {ended:?}"
            );
        }
    }
    // What only sends is told where nobody takes it.
    let ended = [
        next_call(Gone::Dropped, async |ws| ws.send("x").await.map(|()| None)).await,
        next_call(Gone::Dropped, async |ws| ws.flush().await.map(|()| None)).await,
    ];
    for ended in ended {
        assert!(matches!(ended, Err(Error::Io(_))), "{ended:?}");
    }
    // A Close that was answered is no error.
    let ended = next_call(Gone::Closed, async |ws| ws.recv().await).await;
    assert!(matches!(ended, Ok(None)), "{ended:?}");
}
