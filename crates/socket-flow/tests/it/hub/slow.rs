//! Members whose queue is full.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};

use socket_flow::{Hub, SlowPolicy};

use crate::hub::tools::{Member, OVERHEAD, poll};

/// Room for four messages of one byte.
const ROOM: usize = 4 * (OVERHEAD + 1);

/// A member that has four of six messages waiting, and one that keeps up.
fn after_six(policy: SlowPolicy) -> (Hub, Member, Member, [usize; 3]) {
    let hub = Hub::new(policy);
    let slow = Member::new(ROOM, 10_000);
    let mut quick = Member::new(ROOM, 10_000);
    hub.join("a", &slow.sender);
    hub.join("a", &quick.sender);
    let mut sums = [0; 3];
    for number in 1..=6 {
        let delivery = hub.publish_now("a", number.to_string());
        sums[0] += delivery.delivered;
        sums[1] += delivery.dropped;
        sums[2] += delivery.closed;
        assert_eq!(quick.receive(), [number.to_string()]);
    }
    (hub, slow, quick, sums)
}

#[tokio::test]
async fn the_newest_are_dropped() {
    let (hub, mut slow, _quick, sums) = after_six(SlowPolicy::DropNewest);
    assert_eq!(sums, [10, 2, 0]);
    assert_eq!(slow.receive(), ["1", "2", "3", "4"]);
    assert_eq!(hub.publish("a", "7").await.delivered, 2);
    assert_eq!(slow.receive(), ["7"]);
    let stats = hub.stats();
    assert_eq!(
        (stats.published, stats.delivered, stats.dropped),
        (7, 12, 2)
    );
}

#[tokio::test]
async fn the_oldest_are_dropped_and_nothing_that_was_sent_otherwise() {
    let (hub, mut slow, _quick, sums) = after_six(SlowPolicy::DropOldest);
    assert_eq!(sums, [12, 2, 0]);
    assert_eq!(slow.receive(), ["3", "4", "5", "6"]);
    for text in ["a", "b", "c", "d"] {
        slow.sender.try_send(text).unwrap();
    }
    let delivery = hub.publish("a", "7").await;
    assert_eq!((delivery.delivered, delivery.dropped), (1, 1));
    assert_eq!(slow.receive(), ["a", "b", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn the_oldest_are_dropped_also_where_they_were_waited_for() {
    let hub = Hub::new(SlowPolicy::DropOldest);
    let mut slow = Member::new(ROOM, 10_000);
    hub.join("a", &slow.sender);
    let mut sums = [0; 2];
    for number in 1..=6 {
        let delivery = hub.publish("a", number.to_string()).await;
        sums[0] += delivery.delivered;
        sums[1] += delivery.dropped;
    }
    assert_eq!(sums, [6, 2]);
    assert_eq!(slow.receive(), ["3", "4", "5", "6"]);
    // One that found room while it was waited for may be replaced, too.
    for number in 1..=4 {
        hub.publish_now("a", number.to_string());
    }
    let mut publishing = pin!(hub.publish("a", "5"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(publishing.as_mut().poll(&mut cx).is_pending());
    assert_eq!(slow.receive(), ["1", "2", "3", "4"]);
    assert!(publishing.as_mut().poll(&mut cx).is_ready());
    for number in 6..=9 {
        hub.publish_now("a", number.to_string());
    }
    assert_eq!(slow.receive(), ["6", "7", "8", "9"]);
}

#[tokio::test]
async fn whoever_publishes_waits_for_it() {
    let (hub, mut slow, mut quick, sums) = after_six(SlowPolicy::Wait);
    assert_eq!(sums, [10, 2, 0], "without waiting it misses them");
    let mut publishing = pin!(hub.publish("a", "7"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(publishing.as_mut().poll(&mut cx).is_pending());
    assert_eq!(quick.receive(), ["7"], "the others do not wait");
    assert_eq!(slow.receive(), ["1", "2", "3", "4"]);
    match publishing.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(delivery) => assert_eq!(delivery.delivered, 2),
        std::task::Poll::Pending => panic!("there is room now"),
    }
    assert_eq!(slow.receive(), ["7"]);
    assert_eq!(hub.stats().waited, 1);
}

#[tokio::test]
async fn a_member_that_ends_is_waited_for_no_longer() {
    let (hub, slow, _quick, _) = after_six(SlowPolicy::Wait);
    let mut publishing = pin!(hub.publish("a", "7"));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(publishing.as_mut().poll(&mut cx).is_pending());
    drop(slow);
    let delivery = poll(publishing).unwrap();
    assert_eq!(delivery.delivered, 1);
}

#[tokio::test]
async fn a_publish_that_is_dropped_while_it_waits_leaves_everyone_in_order() {
    let (hub, mut slow, mut quick, _) = after_six(SlowPolicy::Wait);
    assert!(poll(hub.publish("a", "dropped")).is_none());
    assert_eq!(slow.receive(), ["1", "2", "3", "4"]);
    assert_eq!(quick.receive(), ["dropped"]);
    assert_eq!(hub.publish("a", "8").await.delivered, 2);
    assert_eq!(slow.receive(), ["8"]);
}
