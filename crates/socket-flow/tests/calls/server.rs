//! What a server's application awaits.

use std::future::pending;
use std::pin::pin;
use std::task::{Context, Waker};

use socket_flow::{Error, SendError, Server, ServerEvent, ServerStream, WebSocket};
use tokio::sync::{mpsc, oneshot};

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
    server.shutdown(std::time::Duration::ZERO).await;
    assert_eq!(sender.send("late").await, Err(SendError::Closed("late")));
}
