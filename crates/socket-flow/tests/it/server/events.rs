//! Connections told in events.

use std::collections::HashMap;

use futures_util::StreamExt;
use socket_flow::{CloseCode, ConnectionId, Events, Message, Sender, Server, ServerEvent};

use crate::server::tools::{bounded, connect, dial, tasks, until, url};
use crate::support::MASKED_HELLO;

async fn next(events: &mut Events) -> ServerEvent {
    bounded(events.next()).await.expect("the events ended")
}

async fn opened(events: &mut Events) -> (ConnectionId, Sender) {
    match next(events).await {
        ServerEvent::Open { id, sender, .. } => (id, sender),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_connection_is_told_from_its_request_to_its_close() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut ws = connect(&server).await;
    let ServerEvent::Open {
        id,
        peer,
        request,
        sender,
    } = next(&mut events).await
    else {
        panic!("not open");
    };
    assert_eq!(peer.socket_addr(), ws.get_ref().local_addr().ok());
    assert_eq!(request.uri(), "/chat");
    sender.try_send("welcome").unwrap();
    assert_eq!(bounded(ws.recv()).await.unwrap(), Some("welcome".into()));
    ws.send("hello").await.unwrap();
    let ServerEvent::Message { id: same, message } = next(&mut events).await else {
        panic!("no message");
    };
    assert_eq!((same, message), (id, Message::from("hello")));
    ws.close(CloseCode::NORMAL, "bye").await.unwrap();
    match next(&mut events).await {
        ServerEvent::Close {
            id: same,
            code: 1000,
            reason,
            error: None,
        } => {
            assert_eq!(same, id);
            assert_eq!(&*reason, "bye");
        }
        other => panic!("{other:?}"),
    }
    assert!(sender.is_closed());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn every_kind_of_end_is_told_with_its_code() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    // Without a code, without a Close, against the protocol.
    for (bytes, expected) in [
        (&b"\x88\x80\0\0\0\0"[..], 1005),
        (b"", 1006),
        (b"\xff\x80\0\0\0\0", 1002),
    ] {
        let mut parts = connect(&server).await.into_parts();
        let (id, _sender) = opened(&mut events).await;
        tokio::io::AsyncWriteExt::write_all(&mut parts.io, bytes)
            .await
            .unwrap();
        drop(parts);
        match next(&mut events).await {
            ServerEvent::Close {
                id: same,
                code,
                error,
                ..
            } => {
                assert_eq!((same, code), (id, expected));
                assert_eq!(error.is_some(), expected != 1005);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn connections_are_closed_through_their_sender() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut ws = connect(&server).await;
    let (_, sender) = opened(&mut events).await;
    sender.try_send("last").unwrap();
    sender.close(CloseCode::POLICY_VIOLATION, "out").unwrap();
    assert_eq!(bounded(ws.recv()).await.unwrap(), Some("last".into()));
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    let frame = ws.close_frame().unwrap();
    assert_eq!((frame.code.as_u16(), &*frame.reason), (1008, "out"));
    assert!(matches!(
        next(&mut events).await,
        ServerEvent::Close {
            code: 1008,
            error: None,
            ..
        }
    ));
}

#[tokio::test]
async fn events_that_nobody_reads_push_back_and_none_is_lost() {
    const MESSAGES: u32 = 5_000;
    let (server, mut events) = Server::bind("127.0.0.1:0")
        .event_capacity(4)
        .serve()
        .await
        .unwrap();
    let mut ws = connect(&server).await;
    let sending = tokio::spawn(async move {
        for number in 0..MESSAGES {
            ws.send(&number.to_be_bytes()[..]).await.unwrap();
        }
        ws.close(CloseCode::NORMAL, "").await.unwrap();
    });
    let (id, _sender) = opened(&mut events).await;
    for number in 0..MESSAGES {
        match next(&mut events).await {
            ServerEvent::Message { id: same, message } => {
                assert_eq!((same, message.as_bytes()), (id, &number.to_be_bytes()[..]));
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(
        next(&mut events).await,
        ServerEvent::Close { code: 1000, .. }
    ));
    sending.await.unwrap();
}

#[tokio::test]
async fn a_loop_that_waits_to_send_each_reply_does_not_block_itself() {
    // The client sends without reading, until everything is full.
    let config = socket_flow::Config::default().high_water(2048);
    let (server, mut events) = Server::bind("127.0.0.1:0")
        .config(config)
        .event_capacity(1)
        .serve()
        .await
        .unwrap();
    let serving = tokio::spawn(async move {
        let mut senders = HashMap::new();
        while let Some(event) = events.next().await {
            match event {
                ServerEvent::Open { id, sender, .. } => {
                    senders.insert(id, sender);
                }
                ServerEvent::Message { id, message } => senders[&id].send(message).await.unwrap(),
                ServerEvent::Close { .. } => break,
                _ => {}
            }
        }
    });
    let ws = connect(&server).await;
    let (mut reader, mut writer) = ws.into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..3000 {
            writer.send(vec![7; 1000]).await.unwrap();
        }
        writer
    });
    for _ in 0..3000 {
        assert_eq!(bounded(reader.recv()).await.unwrap().unwrap().len(), 1000);
    }
    let mut writer = sending.await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(bounded(reader.recv()).await.unwrap(), None);
    bounded(serving).await.unwrap();
}

#[tokio::test]
async fn messages_in_the_segment_of_the_request_are_not_lost() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let request = [crate::support::REQUEST.as_bytes(), MASKED_HELLO].concat();
    let mut tcp = dial(&server).await;
    tokio::io::AsyncWriteExt::write_all(&mut tcp, &request)
        .await
        .unwrap();
    opened(&mut events).await;
    match next(&mut events).await {
        ServerEvent::Message { message, .. } => assert_eq!(message.as_text(), Some("Hello")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn dropping_the_events_stops_the_server_and_leaves_no_task() {
    let (server, events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..10 {
        clients.push(connect(&server).await);
    }
    assert!(tasks() >= 11);
    drop(events);
    for ws in &mut clients {
        assert_eq!(bounded(ws.recv()).await.unwrap(), None);
        assert_eq!(ws.close_frame().unwrap().code, CloseCode::GOING_AWAY);
    }
    assert_eq!(bounded(server.closed()).await.dropped, 0);
    until(|| tasks() == 0).await;
    assert!(socket_flow::connect(&url(&server)).await.is_err());
}

#[tokio::test]
async fn the_server_goes_on_while_only_its_events_are_left() {
    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let url = url(&server);
    drop(server);
    let (ws, _) = socket_flow::connect(&url).await.unwrap();
    let event = bounded(StreamExt::next(&mut events)).await;
    assert!(matches!(event, Some(ServerEvent::Open { .. })));
    drop((ws, events));
    until(|| tasks() == 0).await;
}
