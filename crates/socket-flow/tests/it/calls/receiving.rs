//! Every way to receive from a connection.

use std::future::pending;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::StreamExt;
use socket_flow::connection::Expired;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{Budget, Config, Error, WebSocket};
use tokio::io::{AsyncWriteExt, DuplexStream};
use tokio::time::Instant;

use crate::calls::tools::{CLOSE, OUR_CLOSE, is_after, open, read, stall};

#[derive(Clone, Copy, Debug)]
enum Way {
    Recv,
    Event,
    Stream,
    Lent,
    LentEvent,
    Owned,
    OwnedLent,
    OwnedEvent,
}

const WAYS: [Way; 8] = [
    Way::Recv,
    Way::Event,
    Way::Stream,
    Way::Lent,
    Way::LentEvent,
    Way::Owned,
    Way::OwnedLent,
    Way::OwnedEvent,
];

/// Whether something was received. A Close is an event of its own.
async fn receive(way: Way, mut ws: WebSocket<DuplexStream>) -> Result<bool, Error> {
    Ok(match way {
        Way::Recv => ws.recv().await?.is_some(),
        Way::Event => {
            ws.recv_event().await?;
            ws.recv_event().await?.is_some()
        }
        Way::Stream => ws.next().await.transpose()?.is_some(),
        Way::Lent => {
            let (reader, writer) = ws.halves();
            reader.recv(writer).await?.is_some()
        }
        Way::LentEvent => {
            let (reader, writer) = ws.halves();
            reader.recv_event(writer).await?;
            reader.recv_event(writer).await?.is_some()
        }
        Way::Owned | Way::OwnedLent | Way::OwnedEvent => {
            let (mut reader, _writer) = ws.into_split();
            match way {
                Way::OwnedLent => reader.recv_ref().await?.is_some(),
                Way::OwnedEvent => {
                    reader.recv_event().await?;
                    reader.recv_event().await?.is_some()
                }
                _ => reader.recv().await?.is_some(),
            }
        }
    })
}

#[tokio::test(start_paused = true)]
async fn every_way_to_receive_ends_with_the_connection() {
    let pong = Duration::from_secs(40)..=Duration::from_secs(40);
    for way in WAYS {
        for (sent, expired, span) in [
            (&b""[..], Expired::Pong, pong.clone()),
            // Half a frame, and half a message.
            (b"\x82\xfd\0\0\0\0abc", Expired::Read, stall()),
            (b"\x02\x81\0\0\0\0x", Expired::Read, stall()),
        ] {
            let (ws, mut far) = open(1024);
            far.write_all(sent).await.unwrap();
            let start = Instant::now();
            let ended = receive(way, ws).await;
            assert!(
                matches!(ended, Err(Error::Timeout(cause)) if cause == expired),
                "{way:?} {sent:?}: {ended:?}"
            );
            is_after(start, &span);
        }
        let (ws, mut far) = open(1024);
        far.write_all(CLOSE).await.unwrap();
        far.shutdown().await.unwrap();
        assert!(!receive(way, ws).await.unwrap(), "{way:?}");
        assert_eq!(read(&mut far, 4).await, OUR_CLOSE, "{way:?}");
        // An end without a Close, and a violation.
        let (ws, mut far) = open(1024);
        far.shutdown().await.unwrap();
        let ended = receive(way, ws).await;
        assert!(matches!(ended, Err(Error::Closed { .. })), "{ended:?}");
        let (ws, mut far) = open(1024);
        far.write_all(b"\xff\x80\0\0\0\0").await.unwrap();
        far.shutdown().await.unwrap();
        let ended = receive(way, ws).await;
        assert!(matches!(ended, Err(Error::Protocol(_))), "{ended:?}");
    }
}

/// Receives a message of 4 MiB that comes but for its last byte: how that ends, and when.
async fn receives_all_but_a_byte(way: Way, budget: Budget) -> (Result<bool, Error>, Duration) {
    let config = Config::new().budget(budget);
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let (bytes, negotiated) = (BytesMut::new(), Negotiated::default());
    let ws = WebSocket::from_parts(near, bytes, Role::Server, negotiated, config);
    let sending = tokio::spawn(async move {
        let header = b"\x82\xff\0\0\0\0\0\x40\0\0\0\0\0\0";
        let _ = far.write_all(header).await;
        let _ = far.write_all(&vec![7; (4 << 20) - 1]).await;
        pending::<()>().await;
    });
    let start = Instant::now();
    let ended = receive(way, ws).await;
    sending.abort();
    (ended, start.elapsed())
}

/// One of them at a time goes beyond the budget, and who holds the others up is let go. Who that is:
/// `budget` in `crates/protocol/tests`.
#[tokio::test(start_paused = true)]
async fn messages_without_memory_are_let_go_after_about_the_patience_until_one_is_left() {
    for way in WAYS {
        let budget = Budget::new(1 << 20);
        let receiving = || receives_all_but_a_byte(way, budget.clone());
        let ended = tokio::join!(receiving(), receiving(), receiving());
        let mut let_go = 0;
        for (ended, after) in [ended.0, ended.1, ended.2] {
            match ended {
                Err(Error::Memory(_)) => {
                    // Two after the other, and a second in which its peer may end.
                    let about = Duration::from_secs(5)..=Duration::from_secs(12);
                    assert!(about.contains(&after), "{way:?}: {after:?}");
                    let_go += 1;
                }
                // It has what it needs, and no further byte comes.
                Err(Error::Timeout(_)) => {}
                other => panic!("{way:?}: {other:?}"),
            }
        }
        assert!((1..=2).contains(&let_go), "{way:?}: {let_go}");
        assert_eq!(budget.usage().waiting, 0);
    }
}
