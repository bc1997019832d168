//! A queue that is full, and whose turn it is. Time stands still unless a test waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket_flow::{Hub, HubError, SlowPolicy};
use tokio::time::Instant;

use crate::hub::tools::{Member, OVERHEAD, poll};

/// Room for four messages of one byte.
const ROOM: usize = 4 * (OVERHEAD + 1);

/// By default.
const TURN: Duration = Duration::from_millis(100);

/// The policies that wait for nothing but a turn.
const POLICIES: [SlowPolicy; 3] = [
    SlowPolicy::DropNewest,
    SlowPolicy::DropOldest,
    SlowPolicy::Close,
];

/// A member whose queue is full and whose connection nobody has run.
fn full(hub: &Hub) -> Member {
    let member = Member::new(ROOM, 10_000);
    hub.join("a", &member.sender);
    fill(&member);
    member
}

fn fill(member: &Member) {
    while member.sender.try_send("x").is_ok() {}
}

/// How long a message took.
async fn publish(hub: &Hub) -> Duration {
    let start = Instant::now();
    hub.publish("a", "y").await;
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_sleeps_costs_one_turn_until_it_runs() {
    for policy in POLICIES {
        let hub = Hub::new(policy);
        let mut member = full(&hub);
        for expected in [TURN, Duration::ZERO, Duration::ZERO] {
            assert_eq!(publish(&hub).await, expected, "{policy:?}");
        }
        member.receive();
        fill(&member);
        for expected in [TURN, Duration::ZERO] {
            assert_eq!(publish(&hub).await, expected, "{policy:?}");
        }
        assert_eq!(hub.stats().waited, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn many_handlers_that_sleep_cost_one_turn_together() {
    for policy in POLICIES {
        let hub = Hub::new(policy);
        let _members: Vec<_> = (0..1_000).map(|_| full(&hub)).collect();
        for expected in [TURN, Duration::ZERO] {
            assert_eq!(publish(&hub).await, expected, "{policy:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_blocked_by_its_transport_has_had_its_turn() {
    for policy in POLICIES {
        let hub = Hub::new(policy);
        // The pipe takes one byte, and nobody reads it.
        let mut member = Member::new(ROOM, 1);
        hub.join("a", &member.sender);
        fill(&member);
        member.run();
        // The write queue has room for three bytes of each message, so it takes
        // a while until it is full as well.
        while member.sender.try_send("x").is_ok() {
            fill(&member);
            member.run();
        }
        assert_eq!(publish(&hub).await, Duration::ZERO, "{policy:?}");
        assert_eq!(hub.stats().waited, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_member_that_becomes_blocked_is_waited_for_no_longer() {
    let hub = Hub::new(SlowPolicy::DropNewest);
    let mut member = Member::new(ROOM, 1);
    hub.join("a", &member.sender);
    member.server.queue("z".repeat(ROOM)).unwrap();
    fill(&member);
    let publishing = tokio::spawn({
        let hub = hub.clone();
        async move { (publish(&hub).await, hub.stats()) }
    });
    tokio::task::yield_now().await;
    member.run();
    let (elapsed, stats) = publishing.await.unwrap();
    assert_eq!(elapsed, Duration::ZERO);
    assert_eq!((stats.waited, stats.dropped), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_task_without_budget_left_is_not_blocked() {
    use tokio::task::coop::{consume_budget, has_budget_remaining};

    let hub = Hub::new(SlowPolicy::DropNewest);
    let mut member = Member::new(ROOM, 10_000);
    hub.join("a", &member.sender);
    fill(&member);
    member.server.queue("z".repeat(ROOM)).unwrap();
    // Its write is put off, though the pipe has room.
    while has_budget_remaining() {
        poll(consume_budget());
    }
    member.run();
    tokio::task::yield_now().await;
    let publishing = tokio::spawn(async move { hub.publish("a", "y").await });
    tokio::task::yield_now().await;
    assert!(!publishing.is_finished());
    member.run();
    assert_eq!(publishing.await.unwrap().delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_waits_for_one_member_has_reached_the_others() {
    let hub = Hub::new(SlowPolicy::DropNewest);
    let mut members: Vec<_> = (0..3).map(|_| full(&hub)).collect();
    let publishing = tokio::spawn({
        let hub = hub.clone();
        async move { (publish(&hub).await, hub.stats()) }
    });
    tokio::task::yield_now().await;
    for member in &mut members[1..] {
        member.run();
    }
    tokio::task::yield_now().await;
    assert_eq!(members[1].receive(), ["x", "x", "x", "x", "y"]);
    let (elapsed, stats) = publishing.await.unwrap();
    assert_eq!(elapsed, TURN);
    assert_eq!((stats.delivered, stats.dropped), (2, 1));
    assert_eq!(members[2].receive(), ["x", "x", "x", "x", "y"]);
    assert_eq!(members[0].receive(), ["x", "x", "x", "x"]);
}

#[tokio::test(start_paused = true)]
async fn publishers_that_wait_get_their_room_in_order() {
    let hub = Hub::new(SlowPolicy::DropNewest);
    let mut member = full(&hub);
    let publishers: Vec<_> = (0..4)
        .map(|number| {
            let hub = hub.clone();
            tokio::spawn(async move { hub.publish("a", number.to_string()).await.delivered })
        })
        .collect();
    tokio::task::yield_now().await;
    member.run();
    for publisher in publishers {
        assert_eq!(publisher.await.unwrap(), 1);
    }
    let all = ["x", "x", "x", "x", "0", "1", "2", "3"];
    assert_eq!(member.receive(), all);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_while_it_waits_for_a_turn_loses_nothing_of_others() {
    for policy in POLICIES {
        let hub = Hub::new(policy);
        let mut slow = full(&hub);
        let mut quick = Member::new(ROOM, 10_000);
        hub.join("a", &quick.sender);
        let dropped = async { hub.publish("a", "dropped").await };
        assert!(tokio::time::timeout(TURN / 2, dropped).await.is_err());
        let other = tokio::spawn({
            let hub = hub.clone();
            async move { hub.publish("a", "other").await.delivered }
        });
        tokio::task::yield_now().await;
        slow.run();
        assert_eq!(other.await.unwrap(), 2);
        assert_eq!(slow.receive(), ["x", "x", "x", "x", "other"]);
        assert_eq!(quick.receive(), ["dropped", "other"]);
        let stats = hub.stats();
        assert_eq!((stats.published, stats.delivered), (2, 3));
    }
}

#[tokio::test]
async fn publishing_lets_other_tasks_run_after_every_512_members_and_without_any() {
    let hub = Hub::new(SlowPolicy::Close);
    let members: Vec<_> = (0..2_048).map(|_| Member::new(ROOM, 1)).collect();
    for member in &members {
        hub.join("a", &member.sender);
    }
    let turns = Arc::new(AtomicUsize::new(0));
    let other = tokio::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    tokio::task::yield_now().await;
    let before = turns.load(Ordering::Relaxed);
    assert_eq!(hub.publish("a", "x").await.delivered, 2_048);
    let during = turns.load(Ordering::Relaxed) - before;
    assert!(during >= 3, "{during}");
    let before = turns.load(Ordering::Relaxed);
    for _ in 0..1_000 {
        hub.publish("nobody", "x").await;
    }
    assert!(turns.load(Ordering::Relaxed) > before);
    other.abort();
}

#[test]
fn outside_of_a_runtime_nothing_is_waited_for() {
    for policy in [SlowPolicy::DropNewest, SlowPolicy::Wait] {
        let hub = Hub::new(policy);
        let (sender, mut outlet) = socket_flow::connection::Outlet::new(65);
        hub.join("a", &sender);
        assert_eq!(poll(hub.publish("a", "x")).unwrap().delivered, 1);
        let delivery = poll(hub.publish("a", "y")).unwrap();
        assert_eq!(delivery.dropped + delivery.missed.len(), 1);
        let next = std::future::poll_fn(|cx| outlet.poll_next(cx));
        assert!(poll(next).is_some());
    }
}

#[test]
fn times_of_zero_are_refused() {
    let builder = Hub::builder();
    assert!(builder.build().is_ok());
    let refused = builder.turn(Duration::ZERO).build();
    assert_eq!(refused.unwrap_err(), HubError::ZeroTurn);
    let refused = builder.slow(Duration::ZERO).build();
    assert_eq!(refused.unwrap_err(), HubError::ZeroSlow);
    assert_eq!(
        HubError::ZeroSlow.to_string(),
        "a hub for which everyone is slow at once"
    );
}
