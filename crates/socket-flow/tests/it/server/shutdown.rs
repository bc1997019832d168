//! How a server ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow::{CloseCode, Server, ServerEvent, ServerStream, WebSocket};
use tokio::net::TcpStream;

use crate::server::tools::{bounded, connect, echo, sockets_at, tasks, until, url};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_sees_1001_also_under_load() {
    const CLIENTS: usize = 100;
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let mut connections = Vec::new();
    for _ in 0..CLIENTS {
        connections.push(connect(&server).await);
    }
    let mut clients = Vec::new();
    let busy = Arc::new(AtomicUsize::new(0));
    for ws in connections {
        let busy = Arc::clone(&busy);
        clients.push(tokio::spawn(async move {
            let (mut reader, mut writer) = ws.into_split();
            let sending =
                tokio::spawn(async move { while writer.send("again and again").await.is_ok() {} });
            bounded(reader.recv()).await.unwrap().unwrap();
            busy.fetch_add(1, Ordering::SeqCst);
            while bounded(reader.recv()).await.unwrap().is_some() {}
            sending.await.unwrap();
            reader.close_frame().cloned().unwrap().code
        }));
    }
    until(|| busy.load(Ordering::SeqCst) == CLIENTS).await;
    assert_eq!(server.connections(), CLIENTS);
    let outcome = bounded(server.shutdown(Duration::from_secs(30))).await;
    assert_eq!(outcome.dropped, 0);
    assert_eq!(server.connections(), 0);
    for client in clients {
        assert_eq!(client.await.unwrap(), CloseCode::GOING_AWAY);
    }
    assert!(
        TcpStream::connect(server.local_addr().unwrap())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn what_is_queued_leaves_before_the_close() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut ws = connect(&server).await;
    let Some(ServerEvent::Open { sender, .. }) = bounded(events.next()).await else {
        panic!("not open");
    };
    for _ in 0..50 {
        sender.try_send(vec![1; 1000]).unwrap();
    }
    let stopping = {
        let server = server.clone();
        tokio::spawn(async move { server.shutdown(Duration::from_secs(30)).await })
    };
    let mut received = 0;
    while bounded(ws.recv()).await.unwrap().is_some() {
        received += 1;
    }
    assert_eq!(received, 50);
    assert_eq!(stopping.await.unwrap().dropped, 0);
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Close { code: 1001, .. })
    ));
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn stopping_does_not_wait_for_events_to_be_read() {
    let (server, mut events) = Server::bind("127.0.0.1:0")
        .event_capacity(1)
        .serve()
        .await
        .unwrap();
    let mut clients = Vec::new();
    for _ in 0..5 {
        let ws = connect(&server).await;
        assert!(matches!(
            bounded(events.next()).await,
            Some(ServerEvent::Open { .. })
        ));
        clients.push(ws);
    }
    for ws in &mut clients {
        ws.send("unread").await.unwrap();
        ws.send("unread too").await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    let reading: Vec<_> = clients
        .into_iter()
        .map(|mut ws| tokio::spawn(async move { bounded(ws.recv()).await }))
        .collect();
    let outcome = bounded(server.shutdown(Duration::from_secs(30))).await;
    assert_eq!(outcome.dropped, 0);
    for client in reading {
        assert_eq!(client.await.unwrap().unwrap(), None);
    }
    // One Close for each Open, all the same.
    let mut closes = 0;
    while let Some(event) = events.next().await {
        closes += usize::from(matches!(event, ServerEvent::Close { .. }));
    }
    assert_eq!(closes, 5);
}

#[tokio::test]
async fn whoever_is_not_done_in_time_is_dropped_with_all_it_held() {
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|ws: WebSocket<ServerStream>, _| async move {
            // Deaf to everything.
            std::future::pending::<()>().await;
            drop(ws);
        })
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let mut clients = Vec::new();
    for _ in 0..5 {
        clients.push(connect(&server).await);
    }
    let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    until(|| server.connections() == 5 && sockets_at(port) == 7).await;
    let outcome = bounded(server.shutdown(Duration::from_millis(50))).await;
    assert_eq!(outcome.dropped, 5);
    assert_eq!(server.connections(), 0);
    assert_eq!((sockets_at(port), tasks()), (0, 0));
    for ws in &mut clients {
        // The one attempt that dropping makes.
        assert_eq!(bounded(ws.recv()).await.unwrap(), None);
        assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
    }
    drop(silent);
}

#[tokio::test]
async fn connections_that_are_dropped_are_told_as_closed_too() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    // A client that never answers a Close.
    let parts = connect(&server).await.into_parts();
    assert!(matches!(
        bounded(events.next()).await,
        Some(ServerEvent::Open { .. })
    ));
    let outcome = bounded(server.shutdown(Duration::from_millis(50))).await;
    assert_eq!(outcome.dropped, 1);
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Close { code: 1006, .. })
    ));
    assert!(events.next().await.is_none());
    drop(parts);
}

#[tokio::test]
async fn a_second_shutdown_brings_the_end_forward_and_a_dropped_one_goes_on() {
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|ws: WebSocket<ServerStream>, _| async move {
            std::future::pending::<()>().await;
            drop(ws);
        })
        .await
        .unwrap();
    let _ws = connect(&server).await;
    let patient = server.shutdown(Duration::MAX);
    let impatient = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let _ = futures_util::FutureExt::now_or_never(server.shutdown(Duration::ZERO));
    };
    let (outcome, ()) = bounded(async { tokio::join!(patient, impatient) }).await;
    assert_eq!(outcome.dropped, 1);
}

#[tokio::test]
async fn dropping_the_last_handle_stops_a_server_with_a_handler() {
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let port = server.local_addr().unwrap().port();
    let other = server.clone();
    let mut ws = connect(&server).await;
    drop(server);
    ws.send("still there").await.unwrap();
    assert!(bounded(ws.recv()).await.unwrap().is_some());
    let url = url(&other);
    drop(other);
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
    until(|| tasks() == 0 && sockets_at(port) == 0).await;
    assert!(socket_flow::connect(&url).await.is_err());
}
