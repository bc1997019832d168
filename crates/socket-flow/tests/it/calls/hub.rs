//! Calls of a hub.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use socket_flow::{Delivery, Error, Hub, Prepared, Sender, SlowPolicy};
use tokio::time::Instant;

use crate::calls::tools::open;

/// Hands in what a member's queue holds.
fn fill(member: &Sender) {
    while member.try_send("x").is_ok() {}
}

type Publish = for<'a> fn(&'a Hub, &'a Sender) -> BoxFuture<'a, Delivery>;

/// Of a task that runs no connection.
const CALLS: [Publish; 3] = [
    |hub, _| hub.publish("t", "y").boxed(),
    |hub, _| async { hub.publish_prepared("t", &Prepared::new("y")).await }.boxed(),
    |hub, except| hub.publish_except("t", except, "y").boxed(),
];

#[tokio::test(start_paused = true)]
async fn publish_waits_for_a_turn_once_and_for_room_where_it_is_to_wait() {
    for (policy, first) in [
        (SlowPolicy::DropNewest, Duration::from_millis(100)),
        (SlowPolicy::DropOldest, Duration::from_millis(100)),
        (SlowPolicy::Close, Duration::from_millis(100)),
        (SlowPolicy::Wait, Duration::from_secs(5)),
    ] {
        for call in CALLS {
            let hub = Hub::new(policy);
            let (mut other, _far) = open(1);
            let nobody = &other.sender();
            let mut members: Vec<_> = (0..2).map(|_| open(1)).collect();
            let senders: Vec<_> = members.iter_mut().map(|(ws, _)| ws.sender()).collect();
            for sender in &senders {
                hub.join("t", sender);
                fill(sender);
            }
            for expected in [first, Duration::ZERO] {
                let start = Instant::now();
                let delivery = call(&hub, nobody).await;
                assert_eq!(start.elapsed(), expected, "{policy:?}");
                let missed: Vec<_> = delivery.missed.iter().map(Sender::key).collect();
                let told = delivery.delivered + delivery.dropped + missed.len();
                assert_eq!((told, delivery.closed), (2, 0), "{policy:?}");
                if policy == SlowPolicy::Wait {
                    let all: Vec<_> = senders.iter().map(Sender::key).collect();
                    assert_eq!(missed.len(), all.len());
                    assert!(all.iter().all(|key| missed.contains(key)));
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn publish_from_runs_the_connection_it_is_given() {
    let hub = Hub::new(SlowPolicy::Wait);
    let (mut ws, far) = open(1 << 20);
    let own = ws.sender();
    hub.join("t", &own);
    fill(&own);
    let start = Instant::now();
    let delivery = hub.publish_from(&mut ws, "t", "y").await;
    assert_eq!((delivery.delivered, start.elapsed()), (1, Duration::ZERO));

    // It ends while another is waited for: that is told by its next call.
    let (mut other, _far) = open(1);
    hub.join("u", &other.sender());
    fill(&other.sender());
    drop(far);
    let delivery = hub.publish_to_others(&mut ws, "u", "y").await;
    assert_eq!(
        (delivery.missed.len(), start.elapsed()),
        (1, Duration::from_secs(5))
    );
    let ended = ws.recv().await;
    assert!(
        matches!(ended, Err(Error::Closed { .. } | Error::Io(_))),
        "{ended:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn publish_now_waits_for_nothing() {
    for policy in [
        SlowPolicy::Wait,
        SlowPolicy::DropNewest,
        SlowPolicy::DropOldest,
        SlowPolicy::Close,
    ] {
        let hub = Hub::new(policy);
        let (mut ws, _far) = open(1);
        hub.join("t", &ws.sender());
        fill(&ws.sender());
        let start = Instant::now();
        let delivery = hub.publish_now("t", "y");
        assert!(start.elapsed().is_zero());
        let kept = usize::from(policy == SlowPolicy::Close);
        assert_eq!((delivery.delivered, delivery.dropped), (kept, 1 - kept));
    }
}
