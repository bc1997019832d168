//! Replies to messages that are told in events.

use std::collections::HashMap;

use socket_flow::{
    ClientBuilder, CloseCode, Config, Events, Message, SendError, Sender, Server, ServerBuilder,
    ServerEvent, ServerHandle,
};
use tokio::task::JoinSet;

use crate::server::tools::{bounded, url};

/// The room in a queue of senders, and what a message takes of it beside its payload.
const CAPACITY: usize = 64 << 10;
const OVERHEAD: usize = 64;

fn server() -> ServerBuilder {
    Server::bind("127.0.0.1:0")
}

/// Replies to each message before it reads the next event, until so many connections are closed;
/// how many replies found no room.
async fn echo(mut events: Events, clients: usize) -> usize {
    let mut senders = HashMap::new();
    let (mut refused, mut closed) = (0, 0);
    while closed < clients {
        match events.next().await.expect("the events ended") {
            ServerEvent::Open { id, sender, .. } => {
                senders.insert(id, sender);
            }
            ServerEvent::Message { id, message } => match senders[&id].try_send(message) {
                Ok(()) => {}
                Err(SendError::Full(_)) => refused += 1,
                Err(error) => panic!("{error}"),
            },
            ServerEvent::Close { id, code, .. } => {
                assert_eq!(code, 1000);
                senders.remove(&id);
                closed += 1;
            }
            _ => {}
        }
    }
    refused
}

/// Sends everything in one go, receives meanwhile, and closes once every reply is there.
async fn burst(server: &ServerHandle, payloads: &[Vec<u8>]) {
    let config = Config::default().high_water(usize::MAX);
    let client = ClientBuilder::new(url(server)).config(config);
    let (ws, _) = client.connect().await.unwrap();
    let (mut reader, mut writer) = ws.into_split();
    let sent = payloads.to_vec();
    let sending = tokio::spawn(async move {
        for payload in sent {
            writer.queue(payload).unwrap();
        }
        writer.flush().await.unwrap();
        writer
    });
    for (number, payload) in payloads.iter().enumerate() {
        let reply = bounded(reader.recv()).await.unwrap();
        let reply = reply.expect("the server closed");
        assert!(reply.as_bytes() == payload, "reply {number}");
    }
    let mut writer = sending.await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(bounded(reader.recv()).await.unwrap(), None);
}

/// Each of so many clients sends these at once; not one reply finds no room.
async fn all_come_back(server: ServerBuilder, clients: usize, payloads: Vec<Vec<u8>>) {
    let (handle, events) = server.serve().await.unwrap();
    let serving = tokio::spawn(echo(events, clients));
    let mut bursts = JoinSet::new();
    for _ in 0..clients {
        let (handle, payloads) = (handle.clone(), payloads.clone());
        bursts.spawn(async move { burst(&handle, &payloads).await });
    }
    while let Some(result) = bursts.join_next().await {
        result.unwrap();
    }
    assert_eq!(bounded(serving).await.unwrap(), 0);
}

/// `count` payloads, each of its own bytes.
fn payloads(count: usize, size: impl Fn(usize) -> usize) -> Vec<Vec<u8>> {
    let payload = |number: usize| vec![number.to_le_bytes()[0]; size(number)];
    (0..count).map(payload).collect()
}

/// From nothing to a quarter of the queue.
fn mixed(count: usize) -> Vec<Vec<u8>> {
    const SIZES: [usize; 7] = [0, 3, 900, 1, 17_000, 40, 5_000];
    payloads(count, |number| SIZES[number % SIZES.len()])
}

#[tokio::test]
async fn every_reply_to_a_burst_finds_room() {
    all_come_back(server(), 1, payloads(2000, |_| 1000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_to_a_burst_finds_room_on_two_workers() {
    all_come_back(server(), 1, payloads(2000, |_| 1000)).await;
}

#[tokio::test]
async fn every_reply_to_messages_of_many_sizes_finds_room() {
    all_come_back(server(), 1, mixed(2000)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_to_messages_of_many_sizes_finds_room_on_two_workers() {
    all_come_back(server(), 1, mixed(2000)).await;
}

#[tokio::test]
async fn every_reply_to_bursts_on_several_connections_finds_room() {
    all_come_back(server(), 8, mixed(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_to_bursts_on_several_connections_finds_room_on_two_workers() {
    all_come_back(server(), 8, mixed(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reply_finds_room_where_one_event_may_wait() {
    all_come_back(server().event_capacity(1), 2, mixed(300)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reply_that_is_larger_than_all_room_finds_room_among_others() {
    let size = |number| match number % 10 {
        5 => CAPACITY + 1,
        7 => 1 << 20,
        _ => 1000,
    };
    all_come_back(server(), 1, payloads(100, size)).await;
}

#[tokio::test]
async fn replies_that_just_fill_the_room_find_it() {
    all_come_back(server(), 1, payloads(200, |_| CAPACITY - OVERHEAD)).await;
    all_come_back(server(), 1, payloads(200, |_| CAPACITY / 2 - OVERHEAD)).await;
    all_come_back(server(), 1, payloads(200, |_| CAPACITY / 2 - OVERHEAD + 1)).await;
}

/// The next message; the senders of connections are kept.
async fn message(events: &mut Events, senders: &mut Vec<Sender>) -> Message {
    loop {
        match bounded(events.next()).await.expect("the events ended") {
            ServerEvent::Open { sender, .. } => senders.push(sender),
            ServerEvent::Message { message, .. } => return message,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_message_without_a_reply_gives_its_room_to_the_next() {
    let (handle, mut events) = server().serve().await.unwrap();
    let mut ws = crate::server::tools::connect(&handle).await;
    for _ in 0..4 {
        ws.send(vec![7; CAPACITY / 2 - OVERHEAD]).await.unwrap();
    }
    let mut senders = Vec::new();
    // Two fill the room.
    let first = message(&mut events, &mut senders).await;
    senders[0].try_send(first).unwrap();
    let second = message(&mut events, &mut senders).await;
    senders[0].try_send(second).unwrap();
    message(&mut events, &mut senders).await;
    let last = message(&mut events, &mut senders).await;
    senders[0].try_send(last).unwrap();
    for _ in 0..3 {
        assert!(bounded(ws.recv()).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn who_keeps_messages_and_replies_later_may_find_no_room() {
    const COUNT: usize = 100;
    let (handle, mut events) = server().serve().await.unwrap();
    let mut ws = crate::server::tools::connect(&handle).await;
    let sending = tokio::spawn(async move {
        for _ in 0..COUNT {
            ws.send(vec![7; 1000]).await.unwrap();
        }
        ws
    });
    let (mut senders, mut kept) = (Vec::new(), Vec::new());
    for _ in 0..COUNT {
        kept.push(message(&mut events, &mut senders).await);
    }
    let _ws = bounded(sending).await.unwrap();
    let room = CAPACITY / (1000 + OVERHEAD);
    for (number, message) in kept.into_iter().enumerate() {
        let result = senders[0].try_send(message);
        assert_eq!(result.is_ok(), number < room, "{number}");
    }
}

#[tokio::test]
async fn a_message_that_waits_for_room_is_told_once_its_connection_ends() {
    let (handle, mut events) = server().serve().await.unwrap();
    let mut ws = crate::server::tools::connect(&handle).await;
    for _ in 0..2 {
        ws.send(vec![7; CAPACITY]).await.unwrap();
    }
    let mut senders = Vec::new();
    message(&mut events, &mut senders).await;
    // The second waits now, for the first event is not finished with.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    senders[0].close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    let second = message(&mut events, &mut senders).await;
    assert_eq!(second.len(), CAPACITY);
    let close = bounded(events.next()).await.unwrap();
    assert!(
        matches!(close, ServerEvent::Close { code: 1000, .. }),
        "{close:?}"
    );
}

/// Messages become events while so many tasks never stop sending to their connection.
async fn messages_are_told_beside(tasks: usize, size: usize) {
    const COUNT: usize = 5;
    let (handle, mut events) = server().serve().await.unwrap();
    let (mut reader, mut writer) = crate::server::tools::connect(&handle).await.into_split();
    let receiving = tokio::spawn(async move { while let Ok(Some(_)) = reader.recv().await {} });
    let mut sending = JoinSet::new();
    for sent in 0..COUNT {
        writer.send("x").await.unwrap();
        let mut senders = Vec::new();
        assert_eq!(message(&mut events, &mut senders).await.len(), 1);
        if sent == 0 {
            for _ in 0..tasks {
                let sender = senders[0].clone();
                sending.spawn(async move { while sender.send(vec![0; size]).await.is_ok() {} });
            }
            // They have filled the queue, and wait.
            crate::server::tools::until(|| senders[0].room() == 0).await;
        }
    }
    receiving.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn senders_that_keep_the_queue_full_do_not_keep_messages_from_becoming_events() {
    messages_are_told_beside(200, 1000).await;
    messages_are_told_beside(2, 100_000).await;
}

#[tokio::test]
async fn senders_that_keep_the_queue_full_do_not_keep_messages_from_becoming_events_on_one_thread()
{
    messages_are_told_beside(200, 1000).await;
    messages_are_told_beside(2, 100_000).await;
}
