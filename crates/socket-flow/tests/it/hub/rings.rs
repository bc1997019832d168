//! Handlers that publish to each other, and those that leave someone out.

use std::time::Duration;

use bytes::BytesMut;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{CloseCode, Config, Hub, Prepared, SlowPolicy, WebSocket};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::time::Instant;

use crate::hub::tools::{Member, OVERHEAD, bounded, on_every_runtime};

/// A connection in a room of its hub, and its other end.
fn member(hub: &Hub) -> (WebSocket<DuplexStream>, WebSocket<DuplexStream>) {
    let open = |io, role| {
        let (read, negotiated) = (BytesMut::new(), Negotiated::default());
        WebSocket::from_parts(io, read, role, negotiated, Config::new())
    };
    let (near, far) = tokio::io::duplex(16 << 10);
    let mut server = open(near, Role::Server);
    hub.join("room", &server.sender());
    (server, open(far, Role::Client))
}

/// So many members each publish ten kilobytes at once, and wait for each other.
async fn ring(count: usize) {
    const EACH: usize = 10;
    let builder = Hub::builder().policy(SlowPolicy::Wait);
    // Nobody waits in vain; a busy machine takes its time.
    let hub = builder.slow(Duration::from_secs(100)).build().unwrap();
    let members: Vec<_> = (0..count).map(|_| member(&hub)).collect();
    let mut handlers = Vec::new();
    let mut clients = Vec::new();
    for (mut server, mut client) in members {
        let hub = hub.clone();
        handlers.push(tokio::spawn(async move {
            for _ in 0..EACH {
                let delivery = hub.publish_from(&mut server, "room", vec![7; 1_000]).await;
                assert_eq!((delivery.delivered, delivery.missed.len()), (count, 0));
            }
            assert_eq!(server.recv().await.unwrap(), None);
        }));
        clients.push(tokio::spawn(async move {
            for heard in 0..count * EACH {
                let message = client.recv().await.unwrap();
                assert!(message.is_some(), "{heard}");
            }
            client
        }));
    }
    for (client, handler) in clients.into_iter().zip(handlers) {
        let mut client = bounded(client).await.unwrap();
        assert!(client.close(CloseCode::NORMAL, "").await.unwrap().clean);
        bounded(handler).await.unwrap();
    }
    let stats = hub.stats();
    assert_eq!(stats.delivered, (count * EACH * count) as u64);
    assert!(stats.waited > 0, "{stats:?}");
}

#[test]
fn fifty_members_that_all_publish_at_once_wait_for_each_other_and_lose_nothing() {
    on_every_runtime(async || ring(50).await);
}

#[test]
fn two_hundred_members_that_all_publish_at_once_wait_for_each_other_and_lose_nothing() {
    on_every_runtime(async || ring(200).await);
}

#[tokio::test(start_paused = true)]
async fn publishing_from_a_connection_takes_over_and_writes_what_waits_for_it() {
    let hub = Hub::new(SlowPolicy::Wait);
    let room = 2 * (OVERHEAD + 1);
    let mut own = Member::new(room, 10_000);
    let mut other = Member::new(room, 10_000);
    for member in [&own, &other] {
        hub.join("a", &member.sender);
        while member.sender.try_send("x").is_ok() {}
    }
    let start = Instant::now();
    let delivery = hub.publish_from(&mut own.server, "a", "y").await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(delivery.delivered, 1);
    assert!(delivery.missed[0].same_connection(&other.sender));
    assert_eq!(own.receive(), ["x", "x", "y"]);
    assert_eq!(other.receive(), ["x", "x"]);
}

/// Cause: what a client had said last was not waited for once its Close was read, and those without
/// room at that moment missed it.
#[tokio::test(start_paused = true)]
async fn publishing_from_a_connection_that_ends_goes_on_without_it() {
    let hub = Hub::new(SlowPolicy::Wait);
    let mut other = Member::new(OVERHEAD + 1, 10_000);
    hub.join("a", &other.sender);
    other.sender.try_send("x").unwrap();
    let mut own = Member::new(10_000, 10);
    own.server.queue("z".repeat(100)).unwrap();
    let start = Instant::now();
    let client = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        // Without a Close.
        drop(own.client.into_parts());
    });
    let delivery = hub.publish_from(&mut own.server, "a", "y").await;
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    assert_eq!(delivery.missed.len(), 1);
    client.await.unwrap();
    assert!(own.server.recv().await.is_err());
    assert_eq!(other.receive(), ["x"]);
}

#[tokio::test(start_paused = true)]
async fn publishing_from_a_connection_that_is_dropped_while_it_waits_loses_nothing_of_it() {
    let hub = Hub::new(SlowPolicy::Wait);
    let other = Member::new(OVERHEAD + 1, 10_000);
    hub.join("a", &other.sender);
    other.sender.try_send("x").unwrap();
    let mut own = Member::new(10_000, 10);
    hub.join("a", &own.sender);
    own.server.queue("first").unwrap();
    own.sender.try_send("second").unwrap();
    for time in 0..20 {
        let publishing = hub.publish_from(&mut own.server, "a", time.to_string());
        let publishing = tokio::time::timeout(Duration::from_millis(1), publishing);
        assert!(publishing.await.is_err());
    }
    let mut expected = vec!["first".to_owned(), "second".to_owned()];
    expected.extend((0..20).map(|time: i32| time.to_string()));
    assert_eq!(own.receive(), expected);
}

#[tokio::test(start_paused = true)]
async fn the_connection_that_publishes_can_be_left_out() {
    let hub = Hub::new(SlowPolicy::Close);
    let mut members: Vec<_> = (0..3).map(|_| Member::new(10_000, 10_000)).collect();
    for member in &members {
        hub.join("a", &member.sender);
    }
    let own = &mut members[0];
    let delivery = hub.publish_to_others(&mut own.server, "a", "1").await;
    assert_eq!(delivery.delivered, 2);
    let delivery = hub.publish_except("a", &members[1].sender, "2").await;
    assert_eq!(delivery.delivered, 2);
    let delivery = hub.publish_from(&mut members[2].server, "a", "3").await;
    assert_eq!(delivery.delivered, 3);
    assert_eq!(members[0].receive(), ["2", "3"]);
    assert_eq!(members[1].receive(), ["1", "3"]);
    assert_eq!(members[2].receive(), ["1", "2", "3"]);
    // One that is no member leaves nobody out.
    let mut stranger = Member::new(10_000, 10_000);
    let delivery = hub.publish_to_others(&mut stranger.server, "a", "4").await;
    assert_eq!(delivery.delivered, 3);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_of_the_one_that_is_left_out_is_not_waited_for() {
    let hub = Hub::new(SlowPolicy::Wait);
    let member = Member::new(OVERHEAD + 1, 1);
    hub.join("a", &member.sender);
    member.sender.try_send("x").unwrap();
    let start = Instant::now();
    let delivery = hub.publish_except("a", &member.sender, "y").await;
    assert!(delivery.missed.is_empty());
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_prepared_message_waits_as_any_other() {
    let hub = Hub::new(SlowPolicy::DropNewest);
    let member = Member::new(OVERHEAD + 1, 1);
    hub.join("a", &member.sender);
    member.sender.try_send("x").unwrap();
    let start = Instant::now();
    let delivery = hub.publish_prepared("a", &Prepared::new("y")).await;
    assert_eq!(delivery.dropped, 1);
    assert_eq!(start.elapsed(), Duration::from_millis(100));
}

#[tokio::test(start_paused = true)]
async fn the_bytes_of_a_connection_leave_while_it_waits_to_publish() {
    let hub = Hub::new(SlowPolicy::Wait);
    let other = Member::new(OVERHEAD + 1, 1);
    hub.join("a", &other.sender);
    other.sender.try_send("x").unwrap();
    let (near, mut far) = tokio::io::duplex(10);
    let (read, negotiated) = (BytesMut::new(), Negotiated::default());
    let mut ws = WebSocket::from_parts(near, read, Role::Server, negotiated, Config::new());
    ws.queue("z".repeat(100)).unwrap();
    let publishing = hub.publish_from(&mut ws, "a", "y");
    let mut bytes = [0; 102];
    tokio::select! {
        _ = publishing => panic!("there is no room"),
        read = far.read_exact(&mut bytes) => { read.unwrap(); }
    }
    assert_eq!(bytes[..4], *b"\x81\x64zz");
}
