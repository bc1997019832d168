//! Names that the extension traits of the ecosystem do not take away: `StreamExt` and its like have
//! methods that take `self` by value, and those come before any inherent method that borrows.

// All of them are imported for the names they bring, used or not.
#![allow(unused_imports)]

use std::task::{Context, Waker};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::{
    FutureExt as _, SinkExt as _, StreamExt as _, TryFutureExt as _, TryStreamExt as _,
};
use socket_flow::connection::Outlet;
use socket_flow::{
    Backoff, ClientBuilder, CloseCode, Config, Event, Hub, Message, Negotiated, Prepared, Retry,
    Role, Server, ServerEvent, SlowPolicy, WebSocket,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

fn pair() -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let (near, far) = tokio::io::duplex(1 << 16);
    let open = |io, role| {
        let config = Config::new();
        WebSocket::from_parts(io, BytesMut::new(), role, Negotiated::default(), config)
    };
    (open(near, Role::Client), open(far, Role::Server))
}

#[tokio::test]
async fn every_method_of_a_connection_can_be_called() {
    let (mut ws, mut peer) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    peer.send("one").await.unwrap();
    peer.send("two").await.unwrap();
    assert_eq!(ws.recv().await.unwrap().unwrap().as_text(), Some("one"));
    let event = ws.recv_event().await.unwrap().unwrap();
    assert_eq!(event, Event::Message("two".into()));
    assert!(ws.poll_event(&mut cx).is_pending());

    ws.queue("three").unwrap();
    assert_eq!(ws.buffered_amount(), 2 + 4 + 5);
    ws.ready().await.unwrap();
    ws.flush().await.unwrap();
    ws.send("four").await.unwrap();
    ws.ping(b"five").await.unwrap();
    ws.queue_part("six").unwrap();
    assert!(ws.is_unfinished());
    ws.queue_last_part("").unwrap();
    ws.message_writer().write("sev").await.unwrap();
    ws.message_writer().finish("en").await.unwrap();
    ws.sender().send("eight").await.unwrap();
    for text in ["three", "four", "six", "seven"] {
        assert_eq!(peer.recv().await.unwrap().unwrap().as_text(), Some(text));
    }
    peer.send("nine").await.unwrap();
    assert!(ws.drive().now_or_never().is_none());
    assert_eq!(peer.recv().await.unwrap().unwrap().as_text(), Some("eight"));

    assert!(!ws.span().is_none() || ws.span().is_disabled());
    assert_eq!(ws.config().limits().high_water, 64 << 10);
    assert_eq!(ws.negotiated().subprotocol(), None);
    assert!(!ws.closing().is_sent());
    assert_eq!(ws.close_frame(), None);
    let _: &DuplexStream = ws.get_ref();
    let _: &mut DuplexStream = ws.get_mut();
    let (reader, writer) = ws.halves();
    assert_eq!(
        reader.recv(writer).await.unwrap().unwrap().as_text(),
        Some("nine")
    );
    assert!(ws.into_parts().write.is_empty());

    let (mut ws, mut peer) = pair();
    ws.start_close(CloseCode::NORMAL, "").unwrap();
    let (closed, received) = tokio::join!(ws.close(CloseCode::NORMAL, ""), peer.recv());
    assert!(closed.unwrap().clean);
    assert_eq!(received.unwrap(), None);
}

#[tokio::test]
async fn every_method_of_lent_halves_can_be_called() {
    let (mut ws, mut peer) = pair();
    let (reader, writer) = ws.halves();
    writer.queue("one").unwrap();
    assert_eq!(writer.buffered_amount(), 2 + 4 + 3);
    writer.ready().await.unwrap();
    writer.flush().await.unwrap();
    writer.send("two").await.unwrap();
    writer.ping(b"three").await.unwrap();
    writer.queue_part("four").unwrap();
    assert!(writer.is_unfinished());
    writer.queue_last_part("").unwrap();
    writer.message_writer().finish("five").await.unwrap();
    writer.sender().try_send("six").unwrap();
    writer.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(writer.closing().is_sent());
    writer.flush().await.unwrap();
    for text in ["one", "two", "four", "five", "six"] {
        assert_eq!(peer.recv().await.unwrap().unwrap().as_text(), Some(text));
    }
    assert!(matches!(peer.recv_event().await, Ok(Some(Event::Close(_)))));
    assert_eq!(reader.negotiated().subprotocol(), None);
    assert_eq!(reader.close_frame(), None);
    let (event, _) = tokio::join!(reader.recv_event(writer), peer.recv());
    assert!(event.is_ok());
}

#[tokio::test]
async fn every_method_of_owned_halves_can_be_called() {
    let (ws, mut peer) = pair();
    let mut cx = Context::from_waker(Waker::noop());
    let (mut reader, mut writer) = ws.into_split();
    writer.queue("one").unwrap();
    assert_eq!(writer.buffered_amount(), 2 + 4 + 3);
    writer.ready().await.unwrap();
    writer.flush().await.unwrap();
    writer.send("two").await.unwrap();
    writer.ping(b"three").await.unwrap();
    writer.queue_part("four").unwrap();
    assert!(writer.is_unfinished());
    writer.queue_last_part("").unwrap();
    writer.message_writer().finish("five").await.unwrap();
    writer.sender().try_send("six").unwrap();
    for text in ["one", "two", "three"] {
        peer.send(text).await.unwrap();
    }
    assert_eq!(reader.recv().await.unwrap().unwrap().as_text(), Some("one"));
    assert_eq!(
        reader.recv_ref().await.unwrap().unwrap().as_text(),
        Some("two")
    );
    let event = reader.recv_event().await.unwrap();
    assert_eq!(event, Some(Event::Message("three".into())));
    assert!(reader.poll_event(&mut cx).is_pending());
    assert_eq!(reader.negotiated().subprotocol(), None);
    assert_eq!(reader.close_frame(), None);
    writer.start_close(CloseCode::NORMAL, "").unwrap();
    assert!(writer.closing().is_sent());
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    for text in ["one", "two", "four", "five", "six"] {
        assert_eq!(peer.recv().await.unwrap().unwrap().as_text(), Some(text));
    }
}

#[tokio::test]
async fn every_method_of_senders_can_be_called() {
    let (sender, mut outlet) = Outlet::new(1000);
    let mut cx = Context::from_waker(Waker::noop());
    sender.send("one").await.unwrap();
    sender.try_send("two").unwrap();
    assert_eq!(sender.send_newest("three").unwrap(), 0);
    assert_eq!((sender.buffered_amount(), sender.capacity()), (11, 1000));
    assert_eq!((sender.room(), sender.cost(1)), (1000 - 11 - 3 * 64, 65));
    assert!(sender.flush().now_or_never().is_none());
    assert!(sender.same_connection(&sender.clone()) && sender.key() != 0);
    assert!(!sender.is_closed());
    assert!(outlet.poll_closed(&mut cx).is_pending());
    assert!(outlet.poll_handed_in(false, &mut cx).is_ready());
    drop(outlet.handed_in());
    assert!(outlet.poll_next(&mut cx).is_ready());
    outlet.tell_dropped();
    assert!(outlet.poll_discard(&mut cx).is_pending());
    sender.close(CloseCode::NORMAL, "").unwrap();
    sender.close_now(CloseCode::NORMAL, "").unwrap();
    assert!(sender.is_closed());
    outlet.end();
}

#[tokio::test]
async fn every_method_of_hubs_servers_and_their_streams_can_be_called() {
    let hub = Hub::builder()
        .policy(SlowPolicy::DropNewest)
        .turn(Duration::from_millis(1))
        .slow(Duration::from_secs(1))
        .backlog(1 << 20)
        .build()
        .unwrap();
    let (mut ws, _peer) = pair();
    let own = ws.sender();
    assert!(hub.join("topic", &own));
    assert_eq!((hub.members("topic"), hub.topics()), (1, 1));
    assert_eq!(hub.publish("topic", "one").await.delivered, 1);
    let message = Prepared::new("two");
    assert_eq!(hub.publish_prepared("topic", &message).await.delivered, 1);
    assert_eq!(
        hub.publish_except("topic", &own, "three").await.delivered,
        0
    );
    assert_eq!(
        hub.publish_from(&mut ws, "topic", "four").await.delivered,
        1
    );
    assert_eq!(
        hub.publish_to_others(&mut ws, "topic", "five")
            .await
            .delivered,
        0
    );
    assert_eq!(hub.publish_now("topic", "six").delivered, 1);
    assert!(hub.leave("topic", &own));
    assert_eq!(hub.stats().delivered, 4);

    let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let (ws, _) = socket_flow::connect(url).await.unwrap();
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Open { .. })
    ));
    assert_eq!(server.connections(), 1);
    let stream = ws.get_ref();
    assert_eq!(stream.peer_addr().unwrap(), server.local_addr().unwrap());
    assert!(stream.local_addr().is_ok());
    #[cfg(feature = "rustls")]
    assert!(stream.tls().is_none());
    drop(ws);
    assert!(matches!(
        events.next().await,
        Some(ServerEvent::Close { .. })
    ));
    assert_eq!(server.shutdown(Duration::ZERO).await.dropped, 0);
    assert_eq!(server.closed().await.dropped, 0);
}

#[tokio::test]
async fn every_method_of_a_client_that_connects_again_can_be_called() {
    let (near, far) = tokio::io::duplex(1 << 16);
    let peer = tokio::spawn(async move {
        let mut ws = socket_flow::accept(far).await.unwrap();
        let mut texts = Vec::new();
        while let Some(message) = ws.recv().await.unwrap() {
            texts.push(message.as_text().unwrap().to_owned());
        }
        texts
    });
    let mut streams = vec![near];
    let dial = move || std::future::ready(streams.pop().ok_or(std::io::ErrorKind::NotFound.into()));
    let mut client = ClientBuilder::new("ws://localhost/")
        .reconnect_on(Backoff::default(), dial)
        .retry_if(|_| Retry::No)
        .queue_capacity(1 << 10)
        .drop_unsent(false);
    assert!(client.get_ref().is_none());
    client.queue("one").unwrap();
    client.ready().await.unwrap();
    client.send("two").await.unwrap();
    assert!(client.get_ref().is_some());
    client.sender().close(CloseCode::NORMAL, "").unwrap();
    while client.next().await.is_some() {}
    assert_eq!(peer.await.unwrap(), ["one", "two"]);
}

/// A reference is a stream and a sink as well, and so is a box: their own methods come first.
#[tokio::test]
async fn methods_can_be_called_through_references_locks_and_boxes() {
    async fn by_reference(ws: &mut WebSocket<DuplexStream>, text: &str) {
        assert_eq!(ws.buffered_amount(), 0);
        ws.queue(text).unwrap();
        ws.ready().await.unwrap();
        ws.flush().await.unwrap();
        assert!(ws.drive().now_or_never().is_none());
        assert!(ws.recv().now_or_never().is_none());
        assert!(ws.recv_event().now_or_never().is_none());
        assert!(!ws.closing().is_sent() && !ws.is_unfinished());
        let _: &DuplexStream = ws.get_ref();
        ws.send(text).await.unwrap();
        ws.ping(text.as_bytes()).await.unwrap();
    }

    let (mut ws, mut peer) = pair();
    by_reference(&mut ws, "one").await;
    let ws_again = &mut ws;
    by_reference(ws_again, "two").await;
    let lock = tokio::sync::Mutex::new(ws);
    lock.lock().await.send("three").await.unwrap();
    assert_eq!(lock.lock().await.buffered_amount(), 0);
    by_reference(&mut *lock.lock().await, "four").await;
    let mut boxed = Box::new(lock.into_inner());
    boxed.queue("five").unwrap();
    boxed.ping(b"").await.unwrap();
    by_reference(&mut boxed, "six").await;
    let mut slot = Some(boxed);
    if let Some(ws) = &mut slot {
        ws.queue("seven").unwrap();
        ws.start_close(CloseCode::NORMAL, "").unwrap();
        let closing = ws.as_mut().close(CloseCode::NORMAL, "");
        let reading = async {
            let mut count = 0;
            while peer.recv().await.unwrap().is_some() {
                count += 1;
            }
            count
        };
        let (closed, count) = tokio::join!(closing, reading);
        assert!(closed.unwrap().clean);
        assert_eq!(count, 2 + 2 + 1 + 2 + 1 + 2 + 1);
    }
    let (ws, _peer) = pair();
    let (reader, mut writer) = ws.into_split();
    let (reader, writer) = (&mut Box::new(reader), &mut writer);
    assert_eq!(writer.buffered_amount(), 0);
    writer.queue("one").unwrap();
    writer.flush().await.unwrap();
    assert_eq!(reader.close_frame(), None);
}

/// What is called above is all there is: each public method of these types, as their source says.
#[test]
fn no_method_is_missing_above() {
    let sources = [
        include_str!("../../../connection/src/websocket.rs"),
        include_str!("../../../connection/src/reader/mod.rs"),
        include_str!("../../../connection/src/writer/mod.rs"),
        include_str!("../../../connection/src/writer/feed.rs"),
        include_str!("../../../connection/src/split.rs"),
        include_str!("../../../connection/src/sender/mod.rs"),
        include_str!("../../../connection/src/sender/outlet.rs"),
        include_str!("../../../connection/src/message_writer.rs"),
        include_str!("../../src/client/reconnect/mod.rs"),
        include_str!("../../src/client/reconnect/sending.rs"),
        include_str!("../../src/hub/mod.rs"),
        include_str!("../../src/hub/builder.rs"),
        include_str!("../../src/server/event_stream.rs"),
        include_str!("../../src/server/handle.rs"),
        include_str!("../../src/stream/client.rs"),
        include_str!("../../src/stream/server.rs"),
    ];
    let here = include_str!("method_names.rs");
    let mut count = 0;
    for (kind, name) in sources.iter().flat_map(|source| methods(source)) {
        // None of a connection.
        if kind == "ClientBuilder" {
            continue;
        }
        let called = [format!(".{name}("), format!("{kind}::{name}(")];
        assert!(
            called.iter().any(|call| here.contains(call)),
            "{kind}::{name} is not called here"
        );
        count += 1;
    }
    assert!(count > 100, "{count} methods are found");
}

/// The public methods that take `self`, with their type.
fn methods(source: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut kind = String::new();
    let source = source.split("\nmod tests {").next().unwrap_or(source);
    for (at, line) in source
        .match_indices("\n")
        .map(|(at, _)| (at + 1, &source[at + 1..]))
    {
        let line = line.lines().next().unwrap_or_default();
        if let Some(head) = line.strip_prefix("impl") {
            let head = head.split(" for ").last().unwrap_or(head);
            let of = head.rsplit("> ").next().unwrap_or(head).trim();
            kind = of.split(['<', ' ']).next().unwrap_or(of).to_owned();
        }
        let is_hidden = source[..at].trim_end().ends_with("#[doc(hidden)]");
        let Some(rest) = line.strip_prefix("    pub ").filter(|_| !is_hidden) else {
            continue;
        };
        let Some(rest) = rest.trim_start_matches("async ").strip_prefix("fn ") else {
            continue;
        };
        let name = rest.split(['(', '<']).next().unwrap_or(rest);
        let signature = source[at..].split('{').next().unwrap_or_default();
        if signature.contains("self") {
            found.push((kind.clone(), name.to_owned()));
        }
    }
    found
}
