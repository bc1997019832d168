//! Many members, some of whom do not read.

use std::time::Duration;

use socket_flow::{CloseCode, Error, Hub, Sender, Server, ServerStream, SlowPolicy, WebSocket};
use tokio::sync::mpsc;

use crate::hub::tools::{Member, bounded, text};

const MEMBERS: usize = 1000;
const STALLED: usize = 50;

#[tokio::test]
async fn a_thousand_join_and_fifty_that_stall_cost_the_others_nothing() {
    const MESSAGES: usize = 100;
    const ROOM: usize = 8 << 10;
    const BACKLOG: usize = 4 << 10;
    for policy in [
        SlowPolicy::DropNewest,
        SlowPolicy::DropOldest,
        SlowPolicy::Close,
    ] {
        let builder = Hub::builder().policy(policy).backlog(BACKLOG);
        let hub = builder.build().unwrap();
        let mut stalled = Vec::new();
        let mut reading = Vec::new();
        let mut serving = Vec::new();
        for number in 0..MEMBERS {
            let Member {
                mut server,
                mut client,
                sender,
            } = Member::new(ROOM, 1024);
            assert!(hub.join("news", &sender));
            serving.push(tokio::spawn(async move { server.recv().await }));
            if number % (MEMBERS / STALLED) == 0 {
                stalled.push((client, sender));
            } else {
                reading.push(tokio::spawn(async move {
                    for number in 0..MESSAGES {
                        let message = client.recv().await.unwrap().unwrap();
                        assert_eq!(text(&message)[..4], format!("{number:04}"));
                    }
                    client.close(CloseCode::NORMAL, "").await.unwrap();
                }));
            }
        }
        assert_eq!(hub.members("news"), MEMBERS);
        for number in 0..MESSAGES {
            let message = format!("{number:04}{}", "x".repeat(252));
            bounded(hub.publish("news", message)).await;
            // Whoever reads gets its turn.
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
        }
        for task in reading {
            bounded(task).await.unwrap();
        }
        let stats = hub.stats();
        assert_eq!(stats.published, MESSAGES as u64);
        assert!(stats.delivered >= ((MEMBERS - STALLED) * MESSAGES) as u64);
        match policy {
            SlowPolicy::Close => assert_eq!((stats.closed, stats.dropped), (STALLED as u64, 0)),
            _ => {
                assert_eq!(stats.closed, 0);
                let per_member = stats.dropped / STALLED as u64;
                assert!((20..=60).contains(&per_member), "{stats:?}");
            }
        }
        for (_, sender) in &stalled {
            assert!(sender.buffered_amount() <= ROOM + BACKLOG);
            assert_eq!(sender.is_closed(), policy == SlowPolicy::Close);
        }
        for task in serving {
            task.abort();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_and_a_hub_make_a_chat() {
    const PEOPLE: usize = 50;
    const LINES: usize = 15;
    let hub = Hub::new(SlowPolicy::Wait);
    let (joined, mut joins) = mpsc::unbounded_channel::<Sender>();
    let server = Server::bind("127.0.0.1:0")
        .serve_with({
            let hub = hub.clone();
            move |mut ws: WebSocket<ServerStream>, _| {
                let (hub, joined) = (hub.clone(), joined.clone());
                async move {
                    let sender = ws.sender();
                    hub.join("room", &sender);
                    let _ = joined.send(sender);
                    while let Some(message) = ws.recv().await? {
                        hub.publish_now("room", message);
                    }
                    Ok::<_, Error>(())
                }
            }
        })
        .await
        .unwrap();
    let url = format!("ws://{}/", server.local_addr().unwrap());
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        people.push(socket_flow::connect(&url).await.unwrap().0);
    }
    for _ in 0..PEOPLE {
        bounded(joins.recv()).await.unwrap();
    }
    let talking: Vec<_> = people
        .into_iter()
        .enumerate()
        .map(|(person, mut ws)| {
            tokio::spawn(async move {
                for line in 0..LINES {
                    ws.send(format!("{person} {line}")).await.unwrap();
                }
                let mut next = [0; PEOPLE];
                for _ in 0..PEOPLE * LINES {
                    let message = bounded(ws.recv()).await.unwrap().unwrap();
                    let (person, line) = message.as_text().unwrap().split_once(' ').unwrap();
                    let person: usize = person.parse().unwrap();
                    assert_eq!(line, next[person].to_string());
                    next[person] += 1;
                }
                assert_eq!(bounded(ws.recv()).await.unwrap(), None);
            })
        })
        .collect();
    let expected = (PEOPLE * PEOPLE * LINES) as u64;
    bounded(async {
        while hub.stats().delivered < expected {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(
        bounded(server.shutdown(Duration::from_secs(60)))
            .await
            .dropped,
        0
    );
    for person in talking {
        person.await.unwrap();
    }
    assert_eq!(hub.members("room"), 0);
}
