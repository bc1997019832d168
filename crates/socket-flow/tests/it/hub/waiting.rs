//! Publishing that waits for room, without a connection of its own.

use std::time::Duration;

use socket_flow::{Hub, SlowPolicy};
use tokio::time::Instant;

use crate::hub::tools::{Member, OVERHEAD};

/// Room for two messages of one byte.
const ROOM: usize = 2 * (OVERHEAD + 1);

/// By default.
const SLOW: Duration = Duration::from_secs(5);

/// A hub whose first member's queue is full.
fn hub_of_two() -> (Hub, Member, Member) {
    let hub = Hub::new(SlowPolicy::Wait);
    let full = Member::new(ROOM, 10_000);
    let free = Member::new(ROOM, 10_000);
    hub.join("a", &full.sender);
    hub.join("a", &free.sender);
    while full.sender.try_send("x").is_ok() {}
    (hub, full, free)
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_room_ends_and_names_whom_the_message_missed() {
    let (hub, mut full, mut free) = hub_of_two();
    let start = Instant::now();
    let delivery = hub.publish("a", "1").await;
    assert_eq!(start.elapsed(), SLOW);
    assert_eq!(delivery.delivered, 1);
    assert_eq!(delivery.missed.len(), 1);
    assert!(delivery.missed[0].same_connection(&full.sender));
    assert_eq!(free.receive(), ["1"]);
    // It is not waited for again until it has run.
    let delivery = hub.publish("a", "2").await;
    assert_eq!(start.elapsed(), SLOW);
    assert_eq!(delivery.missed.len(), 1);
    assert_eq!(full.receive(), ["x", "x"]);
    assert_eq!(hub.publish("a", "3").await.delivered, 2);
    assert_eq!(full.receive(), ["3"]);
    let stats = hub.stats();
    assert_eq!((stats.missed, stats.dropped, stats.delivered), (2, 0, 4));
}

#[tokio::test(start_paused = true)]
async fn a_member_blocked_by_its_transport_is_waited_for_until_there_is_room() {
    let hub = Hub::new(SlowPolicy::Wait);
    let mut member = Member::new(ROOM, 1_000);
    hub.join("a", &member.sender);
    // The pipe is full, the write queue too, and then the queue of senders.
    member.server.queue("z".repeat(2_000)).unwrap();
    member.run();
    while member.sender.try_send("x").is_ok() {}
    let publishing = tokio::spawn({
        let hub = hub.clone();
        async move { hub.publish("a", "y").await.delivered }
    });
    tokio::time::sleep(SLOW / 2).await;
    member.run();
    assert!(!publishing.is_finished(), "its turn alone makes no room");
    let mut texts = Vec::new();
    while texts.len() < 3 {
        texts.extend(member.receive());
    }
    assert_eq!(texts[1..], ["x", "x"]);
    assert_eq!(publishing.await.unwrap(), 1);
    assert_eq!(member.receive(), ["y"]);
}
