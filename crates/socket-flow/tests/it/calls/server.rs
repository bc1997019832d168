//! What a server's application awaits.

use std::future::pending;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use socket_flow::{
    AcceptError, Acceptor, Error, Listener, SendError, Server, ServerEvent, ServerStream, WebSocket,
};
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep};

#[tokio::test]
async fn next_of_events_waits_for_an_event() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    {
        let mut next = pin!(events.next());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(next.as_mut().poll(&mut cx).is_pending());
    }
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let (_ws, _) = socket_flow::connect(&url).await.unwrap();
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Open { .. })
    ));
    server.shutdown(Duration::ZERO).await;
    while let Some(event) = events.next().await {
        assert!(matches!(event, ServerEvent::Close { .. }), "{event:?}");
    }
}

#[tokio::test]
async fn a_handler_moves_its_connection_only_by_calls_that_are_given_it() {
    let (told, mut senders) = mpsc::unbounded_channel();
    let handler = move |mut ws: WebSocket<ServerStream>, _| {
        let told = told.clone();
        async move {
            let (go_on, asleep) = oneshot::channel();
            let _ = told.send((ws.sender(), go_on));
            let _ = asleep.await;
            ws.recv().await?;
            Ok::<_, Error>(())
        }
    };
    let server = Server::bind("127.0.0.1:0").serve_with(handler).await;
    let url = format!("ws://{}/", server.as_ref().unwrap().local_addr().unwrap());
    let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
    let (sender, go_on) = senders.recv().await.unwrap();
    sender.try_send("x").unwrap();
    // Another connection comes and is served meanwhile.
    let (mut other, _) = socket_flow::connect(&url).await.unwrap();
    let (to_other, its_turn) = senders.recv().await.unwrap();
    its_turn.send(()).unwrap();
    to_other.try_send("y").unwrap();
    assert_eq!(other.recv().await.unwrap().unwrap().as_text(), Some("y"));
    assert_eq!(sender.buffered_amount(), 1, "nobody runs this one");
    go_on.send(()).unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("x"));
    ws.send("last").await.unwrap();
    assert_eq!(ws.recv().await.unwrap(), None);
    assert_eq!(sender.try_send("late"), Err(SendError::Closed("late")));
}

#[tokio::test]
async fn a_handler_that_is_dropped_closes_its_senders() {
    let (told, mut senders) = mpsc::unbounded_channel();
    let handler = move |mut ws: WebSocket<ServerStream>, _| {
        let _ = told.send(ws.sender());
        async move {
            let _kept = ws;
            pending::<Result<(), Error>>().await
        }
    };
    let server = Server::bind("127.0.0.1:0").serve_with(handler).await;
    let server = server.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let (_ws, _) = socket_flow::connect(&url).await.unwrap();
    let sender = senders.recv().await.unwrap();
    assert!(!sender.is_closed());
    server.shutdown(Duration::ZERO).await;
    assert_eq!(sender.send("late").await, Err(SendError::Closed("late")));
}

#[tokio::test]
async fn binding_fails_where_the_address_is_taken() {
    let taken = Listener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let bound = [
        Listener::bind(address).await.map(drop),
        Server::bind(address).serve().await.map(drop),
        Server::bind(address)
            .serve_with(|ws: WebSocket<ServerStream>, _| async move { drop(ws) })
            .await
            .map(drop),
    ];
    for bound in bound {
        assert_eq!(bound.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
}

/// The decision, and a client that does not take its answer.
#[tokio::test(start_paused = true)]
async fn accepting_has_what_is_left_of_the_ten_seconds() {
    for decision in [0, 4] {
        // The 101 is longer than this.
        let (near, mut far) = tokio::io::duplex(64);
        let start = Instant::now();
        let client = tokio::spawn(async move {
            let _ = far.write_all(REQUEST.as_bytes()).await;
            pending::<()>().await;
        });
        let request = Acceptor::new().read(near).await.unwrap();
        sleep(Duration::from_secs(decision)).await;
        let accepted = request.accept().await;
        assert!(matches!(accepted, Err(AcceptError::Timeout)));
        assert_eq!(start.elapsed(), Duration::from_secs(10));
        client.abort();
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

#[tokio::test]
async fn closed_waits_until_the_server_has_stopped() {
    let (server, events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    {
        let mut closed = pin!(server.closed());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(closed.as_mut().poll(&mut cx).is_pending());
    }
    drop(events);
    assert_eq!(server.closed().await.dropped, 0);
}
