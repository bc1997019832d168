//! Small messages where memory is short: they go on beside large ones, which may hold all the rest
//! for long.

use std::time::Duration;

use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{Budget, Role};

use crate::support::{Endpoint, frame, seconds};
use crate::tools::{MIB, half, hog, server};

/// A message of which so much has come that the rest waits for memory, where that is used up.
fn begun(budget: &Budget, len: usize) -> Endpoint {
    let mut endpoint = server(budget);
    endpoint.feed(&frame(Role::Server, 0x02, &vec![7; len]));
    endpoint
}

/// What it waits with.
fn goes_on(endpoint: &mut Endpoint) {
    endpoint.feed(&frame(Role::Server, 0x80, &vec![7; MIB]));
}

/// A message that comes in two reads, the first of which is not all of it.
fn arrives(endpoint: &mut Endpoint, len: usize) {
    let bytes = frame(Role::Server, 0x82, &vec![7; len]);
    let (front, back) = bytes.split_at(len / 2);
    endpoint.feed(front);
    endpoint.feed(back);
}

#[test]
fn a_small_message_goes_on_beside_large_ones_that_wait() {
    let budget = Budget::new(64 * MIB);
    let (mut beyond, mut waits) = (server(&budget), begun(&budget, 400 << 10));
    let mut hog = hog(&budget, 64 * MIB);
    beyond.feed(&half());
    goes_on(&mut waits);
    assert!(waits.lacks_memory && !beyond.lacks_memory);
    // There is room now, but most of it is for smaller ones.
    hog.set(62 * MIB - budget.usage().receiving);
    assert!(!waits.is_called());
    let mut small = server(&budget);
    for len in [1_500, 4_000, 10_000] {
        arrives(&mut small, len);
        assert_eq!(small.events.len(), 1, "{len}");
        small.events.clear();
    }
    hog.set(0);
    assert!(waits.pump_if_called());
    assert!(!waits.lacks_memory);
}

/// Cause: who needed 2 KiB waited as long as those who held the rest, for patience to end.
#[test]
fn a_small_message_that_waits_lets_one_go_that_holds_far_more() {
    let budget = Budget::with_patience(64 * MIB, seconds(5));
    let (mut large, mut larger) = (begun(&budget, 2 * MIB), begun(&budget, 4 * MIB));
    let mut beyond = server(&budget);
    let mut hog = hog(&budget, 64 * MIB);
    beyond.feed(&half());
    goes_on(&mut large);
    goes_on(&mut larger);
    // What the largest holds is enough, whatever buffers other threads have.
    hog.set(65 * MIB - budget.usage().receiving);
    assert!(large.lacks_memory && larger.lacks_memory);
    let mut small = server(&budget);
    arrives(&mut small, 4_000);
    assert!(small.lacks_memory);
    small.now += Duration::from_millis(99);
    small.pump();
    assert!(!larger.is_called());
    small.now += Duration::from_millis(1);
    small.pump();
    small.now += Duration::from_millis(100);
    small.pump();
    // The largest goes, and one is enough.
    assert!(larger.is_called() && !large.is_called());
    larger.pump();
    assert!(matches!(
        larger.receiving.failure(),
        Some(Failure::Memory(_))
    ));
    drop(larger);
    hog.set(62 * MIB - budget.usage().receiving);
    small.pump_if_called();
    assert_eq!(small.events.len(), 1);
    assert!(large.receiving.failure().is_none());
}

/// A small one goes after all others when its own patience ends, as before.
#[test]
fn small_messages_that_wait_for_each_other_wait_as_long_as_the_patience() {
    let budget = Budget::with_patience(64 * MIB, seconds(5));
    let _hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut first, mut second) = (server(&budget), server(&budget), server(&budget));
    beyond.feed(&half());
    for endpoint in [&mut first, &mut second] {
        arrives(endpoint, 4_000);
        assert!(endpoint.lacks_memory);
    }
    let wait = |endpoint: &mut Endpoint, time| {
        let end = endpoint.now + time;
        while endpoint.now < end {
            endpoint.now += Duration::from_millis(100);
            endpoint.pump();
        }
    };
    wait(&mut first, Duration::from_millis(4_900));
    assert!(first.receiving.failure().is_none() && !second.is_called());
    wait(&mut first, seconds(1));
    assert!(matches!(
        first.receiving.failure(),
        Some(Failure::Memory(_))
    ));
}
