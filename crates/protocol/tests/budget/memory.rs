//! Memory that connections share: who waits for it, who goes beyond it, and who has to go.
//!
//! The buffers of this process's threads count against each budget: a few hundred KiB here, so
//! that what is measured is in MiB.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use socket_flow_protocol::driver::Failure;
use socket_flow_protocol::{
    Budget, CloseCode, Expired, Lease, NEVER, Newcomer, Prepared, Purpose, Role, Usage,
};

use crate::support::{self, Endpoint, Mode, ROLES, frame, header, seconds};
use crate::tools::{MIB, config, half, hog, server};

/// What is charged, without the threads' buffers.
fn used(budget: &Budget) -> usize {
    let usage = budget.usage();
    usage.used - usage.buffers
}

/// How the connection ended, as the budget has it.
fn is_let_go(endpoint: &mut Endpoint) -> bool {
    let is_let_go = matches!(endpoint.receiving.failure(), Some(Failure::Memory(_)));
    let told = [(0x88, b"\x03\xf5out of memory".to_vec())];
    is_let_go && endpoint.sent() == told
}

#[test]
fn each_connection_is_charged_its_share_while_it_lives() {
    let budget = Budget::new(64 * MIB);
    let connections = [server(&budget), server(&budget)];
    assert_eq!(budget.usage().connections, 2 * Budget::SHARE);
    assert_eq!(used(&budget), 2 * Budget::SHARE);
    drop(connections);
    assert_eq!(used(&budget), 0);
}

#[test]
fn shares_that_are_set_aside_are_there_when_all_else_is_used() {
    let budget = Budget::new(64 * MIB);
    let aside = budget.set_aside(1_024);
    assert_eq!(used(&budget), 2 * MIB);
    // All that are set aside take half at most.
    let more = budget.set_aside(usize::MAX);
    assert_eq!(used(&budget), 32 * MIB);
    drop(more);
    let mut lease = budget.lease(Purpose::Events);
    // An eighth of all is for smaller ones.
    assert!(!lease.try_set(54 * MIB + 1));
    assert!(lease.try_set(53 * MIB));
    let connections: Vec<_> = (0..1_024).map(|_| server(&budget)).collect();
    let usage = budget.usage();
    assert_eq!((usage.connections, usage.set_aside), (2 * MIB, 0));
    assert_eq!(used(&budget), 55 * MIB);
    drop(connections);
    assert_eq!(budget.usage().set_aside, 2 * MIB);
    drop((aside, lease));
    assert_eq!(used(&budget), 0);
}

/// Cause: whoever was first in the line kept its place while its application did
/// something else, and nobody else went on.
#[test]
fn whoever_waits_and_is_not_run_any_more_holds_up_nobody() {
    let budget = Budget::new(64 * MIB);
    let mut hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut away, mut waits) = (server(&budget), server(&budget), server(&budget));
    beyond.feed(&half());
    away.feed(&half());
    waits.feed(&half());
    // Room for one of them: the oldest is called, and does not come.
    while !away.is_called() {
        hog.set(hog.bytes() - 256);
    }
    assert!(!waits.is_called());
    hog.set(0);
    assert!(waits.pump_if_called());
    waits.feed(&vec![0; MIB / 2]);
    assert_eq!(waits.events.len(), 1);
    assert!(away.pump_if_called());
    away.feed(&vec![0; MIB / 2]);
    assert_eq!(away.events.len(), 1);
}

/// Cause: of those there was room for only the first was told, and the others when it
/// came.
#[test]
fn all_that_there_is_room_for_are_told_at_once() {
    let budget = Budget::new(64 * MIB);
    let hog = hog(&budget, 64 * MIB);
    let mut beyond = server(&budget);
    beyond.feed(&half());
    let mut waiting: Vec<_> = (0..20).map(|_| server(&budget)).collect();
    for endpoint in &mut waiting {
        endpoint.feed(&half());
        assert!(endpoint.lacks_memory);
    }
    drop(hog);
    for endpoint in waiting.iter_mut().rev() {
        assert!(endpoint.pump_if_called());
        endpoint.feed(&vec![0; MIB / 2]);
        assert_eq!(endpoint.events.len(), 1);
    }
}

/// Cause: what was written of a message was not charged any more, and its memory was
/// there until the last byte.
#[test]
fn a_message_that_is_partly_written_is_charged_whole() {
    let budget = Budget::new(64 * MIB);
    let mut endpoint = server(&budget);
    endpoint.blocked = true;
    endpoint.echo = true;
    endpoint.feed(&frame(Role::Server, 0x82, &vec![7; MIB]));
    endpoint.write_some(10);
    endpoint.write_some(MIB - 100);
    let sending = budget.usage().sending;
    assert!(
        (MIB - Budget::SHARE..MIB + 64).contains(&sending),
        "{sending}"
    );
    endpoint.blocked = false;
    endpoint.write();
    assert_eq!(budget.usage().sending, 0);
}

/// Cause: where memory was short a message grew by what one read brought, and a peer
/// that sent single bytes had it moved for each of them.
#[test]
fn a_message_that_grows_where_memory_is_short_is_not_moved_for_every_byte() {
    let budget = Budget::new(64 * MIB);
    let _hog = hog(&budget, 64 * MIB - MIB / 4);
    let mut endpoint = server(&budget);
    endpoint.feed(&header(Role::Server, 0x82, MIB as u64));
    endpoint.feed(&vec![0; 70_000]);
    let (mut moves, mut room) = (0, 0);
    for _ in 0..60_000 {
        endpoint.feed(&[0]);
        assert!(!endpoint.lacks_memory);
        let next = endpoint.direct().expect("a large message");
        moves += usize::from(next > room);
        room = next;
    }
    assert!((2..20).contains(&moves), "{moves}");
}

/// Cause: memory that was split off whole was not a buffer, and neither was the one
/// that took its place: it was counted for ever.
#[test]
fn buffers_are_counted_as_long_as_they_are_there() {
    let budget = Budget::new(64 * MIB);
    let mut endpoint = server(&budget);
    endpoint.feed(&frame(Role::Server, 0x82, &[7; 10]));
    let before = budget.usage().buffers;
    let exact = frame(Role::Server, 0x82, &vec![7; 32_768]);
    for _ in 0..100 {
        for piece in [&exact[..5_000], &exact[5_000..16_384], &exact[16_384..]] {
            endpoint.feed(piece);
        }
        endpoint.feed(&frame(Role::Server, 0x82, &vec![7; 17 << 10]));
        endpoint.events.clear();
        endpoint.pump();
    }
    drop(endpoint);
    let after = budget.usage().buffers;
    // Others of this process come and go.
    assert!(after < before + 2 * MIB, "{before} -> {after}");
}

/// Cause: the memory of a message that was lent until then was held while the next one
/// waited, which was the largest for it, and went.
#[test]
fn a_message_waits_for_memory_without_that_of_the_last_one() {
    let budget = Budget::with_patience(64 * MIB, seconds(5));
    let mut endpoint = server(&budget);
    let last = frame(Role::Server, 0x82, &vec![7; 4 * MIB]);
    let next = frame(Role::Server, 0x82, &vec![7; 30_000]);
    let hog = hog(&budget, 64 * MIB);
    // It is the oldest, and goes beyond the budget.
    endpoint.feed(&last[..2 * MIB]);
    let mut waits = server(&budget);
    waits.feed(&half());
    assert!(waits.lacks_memory && !endpoint.lacks_memory);
    endpoint.feed(&[&last[2 * MIB..], &next[..700]].concat());
    endpoint.feed(&next[700..20_000]);
    assert_eq!(endpoint.events.len(), 1);
    let usage = budget.usage();
    assert!(usage.receiving < 2 * MIB, "{usage:?}");
    drop(hog);
    endpoint.feed(&next[20_000..]);
    assert_eq!(endpoint.events.len(), 2);
}

/// Cause: the silence of a peer that was not read was counted as its own.
#[test]
fn a_peer_has_all_its_time_once_it_is_read_again() {
    let budget = Budget::with_patience(64 * MIB, NEVER);
    let config = config(&budget)
        .stall_timeout(seconds(4))
        .ping_interval(seconds(1))
        .pong_timeout(seconds(4));
    let hog = hog(&budget, 64 * MIB);
    let mut beyond = server(&budget);
    beyond.feed(&half());
    let mut waits = Endpoint::new(Role::Server, &config);
    waits.feed(&half()[..1000]);
    assert_eq!(waits.wait(seconds(2)), Ok(()));
    waits.feed(&half()[1000..]);
    assert!(waits.lacks_memory);
    waits.now += seconds(100);
    waits.pump();
    drop(hog);
    waits.pump();
    assert_eq!(waits.wait(seconds(3)), Ok(()));
}

/// Cause: the deadline of a closing handshake that began while a message waited for
/// memory began only once there was some.
#[test]
fn a_closing_handshake_ends_in_time_while_a_message_waits_for_memory() {
    let budget = Budget::with_patience(64 * MIB, NEVER);
    let config = config(&budget).close_timeout(seconds(4));
    let _hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut waits) = (server(&budget), Endpoint::new(Role::Server, &config));
    beyond.feed(&half());
    waits.feed(&half());
    waits.close(CloseCode::NORMAL, "").unwrap();
    assert_eq!(waits.expiry(), (Expired::Close, seconds(4)));
    // Whoever has the right goes on all the same.
    beyond.feed(&vec![0; MIB / 2]);
    assert_eq!(beyond.events.len(), 1);
}

/// Cause: one that found memory outside the line was still judged as one that waits.
#[test]
fn whoever_goes_on_is_not_judged_as_waiting() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let mut hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut goes_on, mut waits) = (server(&budget), server(&budget), server(&budget));
    beyond.feed(&half());
    goes_on.feed(&half());
    assert!(goes_on.lacks_memory);
    hog.set(0);
    assert!(goes_on.pump_if_called());
    hog.set(64 * MIB);
    waits.feed(&half());
    assert!(waits.lacks_memory);
    for _ in 0..7 {
        goes_on.now += Duration::from_millis(600);
        goes_on.feed(&vec![0; 64 << 10]);
        assert!(goes_on.receiving.failure().is_none());
    }
}

/// Cause: a frame that lies in the input did not count as coming.
#[test]
fn a_frame_that_comes_further_in_place_stays_where_memory_is_short() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let mut slow = server(&budget);
    let bytes = frame(Role::Server, 0x82, &[7; 60 << 10]);
    let _hog = hog(&budget, 62 * MIB);
    slow.feed(&bytes[..4 << 10]);
    for piece in bytes[4 << 10..].chunks(10 << 10) {
        slow.now += seconds(1);
        slow.feed(piece);
        assert!(slow.receiving.failure().is_none());
    }
    assert_eq!(slow.events.len(), 1);
}

/// Cause: two messages of which as much had come when they were looked at were one
/// that did not move.
#[test]
fn a_stream_of_large_messages_stays_where_memory_is_short() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let mut fast = server(&budget);
    let message = frame(Role::Server, 0x82, &[7; 100 << 10]);
    let _hog = hog(&budget, 62 * MIB);
    let stream = message.repeat(20);
    let (first, rest) = stream.split_at(50 << 10);
    fast.feed(first);
    for piece in rest.chunks(message.len()).take(12) {
        fast.now += Duration::from_millis(500);
        fast.feed(piece);
        assert!(fast.receiving.failure().is_none());
    }
    assert_eq!(fast.events.len(), 12);
}

/// Cause: of those that held as much, the one that came last was let go.
#[test]
fn of_equals_the_one_whose_patience_ends_is_let_go() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let _hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut first, mut late) = (server(&budget), server(&budget), server(&budget));
    beyond.feed(&half());
    first.feed(&half());
    first.now += seconds(2);
    first.pump();
    late.feed(&half());
    first.now += seconds(2);
    first.pump();
    late.pump_if_called();
    assert!(is_let_go(&mut first));
    assert!(!is_let_go(&mut late));
}

#[test]
fn small_messages_are_echoed_where_all_memory_is_used() {
    for role in ROLES {
        let budget = Budget::new(64 * MIB);
        let mut endpoint = Endpoint::new(role, &config(&budget));
        endpoint.echo = true;
        let _hog = hog(&budget, 100 * MIB);
        for len in [0, 1, 125, 126, 1000] {
            let message = vec![7; len];
            for _ in 0..3 {
                endpoint.feed(&frame(role, 0x82, &message));
                endpoint.feed(&[]);
            }
            let echoed = endpoint.sent();
            assert_eq!(echoed.len(), 3, "{len} bytes");
            assert!(!endpoint.lacks_memory);
        }
        let many = frame(role, 0x82, &[7; 100]).repeat(500);
        endpoint.feed(&many);
        assert_eq!(endpoint.sent().len(), 500);
        assert_eq!(used(&budget), 100 * MIB + Budget::SHARE);
    }
}

#[test]
fn the_oldest_message_that_waits_goes_beyond_the_budget_one_at_a_time() {
    let budget = Budget::new(64 * MIB);
    let _hog = hog(&budget, 64 * MIB);
    let (mut first, mut second, mut third) = (server(&budget), server(&budget), server(&budget));
    first.feed(&half());
    second.feed(&half());
    third.feed(&half());
    assert!(!first.lacks_memory);
    assert!(second.lacks_memory);
    assert!(third.lacks_memory);
    assert_eq!(budget.usage().waiting, 2);
    assert!(budget.usage().receiving >= MIB / 2);

    first.feed(&vec![0; MIB / 2]);
    assert_eq!(first.events.len(), 1);
    assert!(second.pump_if_called());
    assert!(!second.lacks_memory);
    assert!(!third.pump_if_called());

    second.feed(&vec![0; MIB / 2]);
    assert!(third.pump_if_called());
    third.feed(&vec![0; MIB / 2]);
    assert_eq!((second.events.len(), third.events.len()), (1, 1));
    assert_eq!(budget.usage().waiting, 0);
    assert_eq!(budget.usage().receiving, 0);
}

#[test]
fn whoever_waits_goes_on_once_there_is_memory() {
    let budget = Budget::new(64 * MIB);
    let hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut waiting) = (server(&budget), server(&budget));
    beyond.feed(&half());
    waiting.feed(&half());
    assert!(waiting.lacks_memory);
    drop(hog);
    assert!(waiting.pump_if_called());
    waiting.feed(&vec![0; MIB / 2]);
    assert_eq!(waiting.events.len(), 1);
}

#[test]
fn nothing_is_read_for_a_message_that_waits_and_pings_are_answered_after_it() {
    let budget = Budget::new(64 * MIB);
    let hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut waiting) = (server(&budget), server(&budget));
    beyond.feed(&half());
    waiting.feed(&half());
    waiting.arrive(&vec![0; MIB / 2]);
    waiting.feed(&frame(Role::Server, 0x89, b"still there?"));
    let held = budget.usage().receiving;
    assert!(held < 2 * MIB + MIB / 2, "{held} bytes");
    assert_eq!(waiting.sent(), []);
    drop(hog);
    waiting.pump();
    assert_eq!(waiting.sent(), [(0x8a, b"still there?".to_vec())]);
    assert_eq!(waiting.events.len(), 2);
}

#[test]
fn after_the_patience_the_largest_message_that_waits_is_let_go() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let (mut beyond, mut large, mut small) = (server(&budget), server(&budget), server(&budget));
    // Both have begun while there was memory.
    let begins = header(Role::Server, 0x82, 16 * MIB as u64);
    for (endpoint, len) in [(&mut large, 3 * MIB), (&mut small, MIB / 8)] {
        endpoint.feed(&begins);
        endpoint.feed(&vec![0; len]);
    }
    let _hog = hog(&budget, 64 * MIB);
    beyond.feed(&half());
    large.feed(&vec![0; 8 * MIB]);
    small.feed(&vec![0; 8 * MIB]);
    assert!(large.lacks_memory && small.lacks_memory);

    small.now += seconds(2);
    small.pump();
    assert!(!large.pump_if_called());
    small.now += seconds(1);
    small.pump();
    assert!(small.lacks_memory);
    // It is the other one that has to go.
    assert!(large.pump_if_called());
    assert!(is_let_go(&mut large));
    assert_eq!(budget.usage().closed, 1);

    // Nobody is larger than this one now.
    small.now += seconds(3);
    small.pump();
    assert!(is_let_go(&mut small));
    assert_eq!(budget.usage().waiting, 0);
}

/// Cause: each whose patience ended let one go, all of them in the same moment.
#[test]
fn of_many_whose_patience_ends_together_no_more_go_than_the_others_need() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let mut beyond = server(&budget);
    let mut many: Vec<_> = (0..16).map(|_| server(&budget)).collect();
    for endpoint in &mut many {
        endpoint.feed(&header(Role::Server, 0x82, 16 * MIB as u64));
        endpoint.feed(&vec![0; MIB]);
    }
    let _hog = hog(&budget, 64 * MIB - budget.usage().used);
    beyond.feed(&half());
    for endpoint in &mut many {
        endpoint.feed(&vec![0; MIB / 4]);
        assert!(endpoint.lacks_memory);
    }
    // Each has its time from when it waited first.
    for seconds_on in [2, 2] {
        for endpoint in &mut many {
            endpoint.now += seconds(seconds_on);
            endpoint.pump();
        }
    }
    for endpoint in &mut many {
        endpoint.pump_if_called();
    }
    let gone = many
        .iter_mut()
        .filter_map(|endpoint| is_let_go(endpoint).then_some(()));
    let gone = gone.count();
    // What went beyond, and an eighth more for each.
    assert!((1..=6).contains(&gone), "{gone} of 16");
    assert_eq!(budget.usage().closed, gone as u64);
}

#[test]
fn a_message_beyond_the_budget_has_to_end_within_the_patience_of_others() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let _hog = hog(&budget, 64 * MIB);
    let (mut beyond, mut waiting) = (server(&budget), server(&budget));
    beyond.feed(&half());
    waiting.feed(&half());
    assert!(waiting.lacks_memory);
    for _ in 0..4 {
        beyond.now += seconds(1);
        beyond.feed(&[0; 1024]);
    }
    assert!(is_let_go(&mut beyond));
    assert!(waiting.pump_if_called());
    waiting.feed(&vec![0; MIB / 2]);
    assert_eq!(waiting.events.len(), 1);
}

#[test]
fn a_message_that_hardly_moves_is_let_go_where_memory_is_short_and_only_there() {
    for is_short in [false, true] {
        let budget = Budget::with_patience(64 * MIB, seconds(3));
        let mut slow = server(&budget);
        let mut steady = server(&budget);
        slow.feed(&half());
        steady.feed(&half()[..MIB / 4]);
        let _hog = hog(&budget, if is_short { 60 * MIB } else { 0 });
        for _ in 0..20 {
            for endpoint in [&mut slow, &mut steady] {
                endpoint.now += Duration::from_millis(500);
            }
            slow.feed(&[0; 100]);
            steady.feed(&[0; 8 << 10]);
        }
        assert_eq!(is_let_go(&mut slow), is_short);
        assert!(!is_let_go(&mut steady));
    }
}

/// Cause: whoever was looked at for another deadline counted as a message that did not move.
/// Cause: with no patience a message that had its memory was looked at again in the
/// same moment, without end.
#[test]
fn without_patience_a_message_that_has_its_memory_is_looked_at_in_a_while() {
    let budget = Budget::with_patience(64 * MIB, seconds(0));
    let mut endpoint = server(&budget);
    endpoint.feed(&half());
    endpoint.pump();
    assert!(endpoint.deadline.is_some_and(|at| at > endpoint.now));
    endpoint.feed(&vec![0; MIB / 2]);
    assert_eq!(endpoint.events.len(), 1);
}

#[test]
fn an_idle_connection_stays_open_where_memory_is_short() {
    let budget = Budget::with_patience(64 * MIB, seconds(3));
    let config = config(&budget).ping_interval(seconds(2));
    let mut endpoint = Endpoint::new(Role::Server, &config);
    let _hog = hog(&budget, 64 * MIB);
    for _ in 0..10 {
        assert_eq!(endpoint.wait(seconds(2)), Ok(()));
        assert!(!is_let_go(&mut endpoint));
    }
    assert_eq!(budget.usage().closed, 0);
}

#[test]
fn a_queue_that_its_peer_hardly_reads_is_let_go_where_memory_is_short() {
    // Also where no write is ever late.
    for stall in [seconds(1000), NEVER] {
        let budget = Budget::with_patience(64 * MIB, seconds(3));
        let config = config(&budget).stall_timeout(stall);
        let mut endpoint = Endpoint::new(Role::Server, &config);
        endpoint.blocked = true;
        endpoint.echo = true;
        endpoint.feed(&frame(Role::Server, 0x82, &vec![7; MIB]));
        assert!(budget.usage().sending >= MIB - Budget::SHARE);
        assert_eq!(endpoint.wait(seconds(30)), Ok(()));
        let _hog = hog(&budget, 64 * MIB);
        let (expired, after) = endpoint.expiry();
        assert_eq!(expired, Expired::Memory);
        assert!(after <= seconds(6), "{after:?}");
        assert_eq!(budget.usage().sending, 0);
        assert_eq!(budget.usage().closed, 1);
    }
}

#[test]
fn a_queue_is_full_after_its_share_where_memory_is_short() {
    let budget = Budget::new(MIB / 16);
    let mut endpoint = server(&budget);
    endpoint.blocked = true;
    let mut queued = 0;
    while endpoint.sending.queue(&[7; 100][..]).is_ok() {
        queued += 1;
    }
    // The last one came while there was room for half of it.
    assert_eq!(queued, 11);
    assert!(used(&budget) <= Budget::SHARE + 1024);
    endpoint.blocked = false;
    endpoint.write();
    assert_eq!(endpoint.sent().len(), 11);
    // An empty queue takes any message, and it is charged.
    endpoint.sending.queue(&vec![7; 4000][..]).unwrap();
    assert!(endpoint.sending.queue(&b"no"[..]).is_err());
    assert!(budget.usage().sending >= 2900);
    endpoint.write();
    assert_eq!(used(&budget), Budget::SHARE);
}

/// Cause: a storage that was given back with nothing left in it was followed by
/// memory of the queue's own, of no bytes: the next storage counted as that, and for
/// ever.
#[test]
fn a_storage_that_a_blocked_queue_takes_again_is_counted_while_it_is_there() {
    let budget = Budget::new(64 * MIB);
    let mut endpoint = server(&budget);
    let before = budget.usage().buffers;
    for _ in 0..100 {
        endpoint.blocked = true;
        // Its header is in the storage, and nothing else.
        let linked = Bytes::from(vec![7; 20_000]);
        endpoint.sending.queue(linked).unwrap();
        endpoint.pump();
        endpoint.sending.queue(&b"next"[..]).unwrap();
        endpoint.blocked = false;
        endpoint.write();
    }
    assert_eq!(endpoint.sent().len(), 200);
    drop(endpoint);
    let after = budget.usage().buffers;
    // Others of this process come and go.
    assert!(after < before + 2 * MIB, "{before} -> {after}");
}

/// Cause: a storage that was filled to its last byte, and left with a linked message,
/// was counted for ever.
#[test]
fn a_storage_that_leaves_whole_is_counted_no_longer() {
    let budget = Budget::new(64 * MIB);
    let config = config(&budget).high_water(1 << 20);
    let [eighth, linked] = [10_236, 20_000].map(|len| Prepared::new(vec![7; len]));
    let before = budget.usage().buffers;
    for _ in 0..100 {
        let mut endpoint = Endpoint::new(Role::Server, &config);
        for _ in 0..8 {
            endpoint.sending.queue(&eighth).unwrap();
        }
        endpoint.sending.queue(&linked).unwrap();
        endpoint.write();
        assert_eq!(endpoint.sent().len(), 9);
    }
    let after = budget.usage().buffers;
    // Others of this process come and go.
    assert!(after < before + 2 * MIB, "{before} -> {after}");
}

#[test]
fn a_blocked_queue_of_a_few_bytes_keeps_no_storage_of_a_thread() {
    let budget = Budget::new(64 * MIB);
    let mut endpoint = server(&budget);
    endpoint.blocked = true;
    endpoint.echo = true;
    let before = budget.usage().buffers;
    let mut others: Vec<_> = (0..50).map(|_| server(&budget)).collect();
    for other in &mut others {
        (other.blocked, other.echo) = (true, true);
        other.feed(&frame(Role::Server, 0x82, &[7; 2000]));
    }
    let usage = budget.usage();
    // A buffer and a storage for each thread of this process's tests, and not 50.
    assert!(usage.buffers <= before + 10 * (80 << 10), "{usage:?}");
    assert!(usage.sending >= 40_000, "{usage:?}");
    for other in &mut others {
        other.blocked = false;
        other.write();
        assert_eq!(other.sent().len(), 1);
    }
    assert_eq!(budget.usage().sending, 0);
}

#[test]
fn whatever_a_connection_held_is_free_when_it_is_dropped_or_ends() {
    for mode in [Mode::Lent, Mode::Owned, Mode::Direct] {
        for ends in [false, true] {
            let budget = Budget::new(64 * MIB);
            let mut endpoint = server(&budget);
            endpoint.mode = mode;
            endpoint.echo = true;
            endpoint.blocked = true;
            endpoint.feed(&frame(Role::Server, 0x82, &vec![7; MIB]));
            endpoint.feed(&half());
            assert!(used(&budget) > MIB);
            if ends {
                endpoint.end();
                assert_eq!(budget.usage().receiving, 0);
            }
            drop(endpoint);
            assert_eq!(used(&budget), 0);
        }
    }
}

#[test]
fn a_partial_frame_in_the_input_is_charged_and_waits_for_memory() {
    let budget = Budget::new(64 * MIB);
    let hog = hog(&budget, 64 * MIB);
    let (mut first, mut second) = (server(&budget), server(&budget));
    let bytes = frame(Role::Server, 0x82, &[7; 60 << 10]);
    first.feed(&bytes[..50 << 10]);
    second.feed(&bytes[..50 << 10]);
    assert!(!first.lacks_memory && second.lacks_memory);
    let held = budget.usage().receiving;
    assert!((50 << 10..130 << 10).contains(&held), "{held} bytes");
    drop(hog);
    for endpoint in [&mut first, &mut second] {
        endpoint.feed(&bytes[50 << 10..]);
        assert_eq!(endpoint.events.len(), 1);
    }
    assert_eq!(budget.usage().receiving, 0);
}

#[test]
fn a_budget_without_an_end_only_counts() {
    let budget = Budget::new(usize::MAX);
    let mut endpoint = server(&budget);
    endpoint.feed(&half());
    let usage = budget.usage();
    assert!(usage.receiving >= MIB / 2);
    assert_eq!((usage.waiting, usage.closed), (0, 0));
}

#[test]
fn a_step_without_a_driver_takes_the_memory_it_needs() {
    let budget = Budget::new(MIB / 8);
    let _hog = hog(&budget, MIB);
    let mut core = support::protocol(Role::Server, &config(&budget), Default::default());
    let mut input = socket_flow_protocol::Input::new();
    input.extend_from_slice(&frame(Role::Server, 0x02, &[7; 100_000]));
    assert_eq!(core.step(&mut input), Ok(None));
    input.extend_from_slice(&frame(Role::Server, 0x80, &[7; 100_000]));
    assert!(core.step(&mut input).unwrap().is_some());
    assert!(budget.usage().receiving >= 200_000);
}

#[cfg(feature = "deflate")]
mod deflate {
    use super::*;
    use crate::support::deflate::{agreed, compressed};
    use crate::support::noise;
    use socket_flow_protocol::{Deflate, Event, Message};

    /// Cause: a message waited for a context of its own, of 43 KB, though it needs one for
    /// a moment only.
    #[test]
    fn a_small_compressed_message_needs_no_context_of_its_own_where_memory_is_short() {
        let budget = Budget::with_patience(64 * MIB, NEVER);
        let config = config(&budget);
        let open = || Endpoint::negotiated(Role::Server, &config, agreed(false));
        let (mut beyond, mut waits) = (open(), open());
        let mut hog = hog(&budget, 64 * MIB);
        let bomb = frame(Role::Server, 0xc2, &compressed(&vec![0; MIB]));
        let (front, back) = bomb.split_at(bomb.len() - 10);
        beyond.feed(front);
        waits.feed(front);
        assert!(waits.lacks_memory && !beyond.lacks_memory);
        // Room for a few small ones, beside the threads' buffers.
        let buffers = budget.usage().buffers;
        hog.set(62 * MIB - buffers - budget.usage().receiving);
        for len in [0, 1, 1_000, 2_000, 3_500] {
            let message = noise(len);
            let bytes = frame(Role::Server, 0xc2, &compressed(&message));
            for cut in [1, bytes.len() / 2, bytes.len() - 1, bytes.len()] {
                let mut small = open();
                small.feed(&bytes[..cut]);
                small.feed(&bytes[cut..]);
                assert!(!small.lacks_memory, "{len} cut at {cut}");
                assert_eq!(small.events, [Event::Message(message.clone().into())]);
            }
        }
        assert!(waits.lacks_memory);
        drop(hog);
        for endpoint in [&mut beyond, &mut waits] {
            endpoint.feed(back);
            assert_eq!(endpoint.events, [Event::Message(vec![0; MIB].into())]);
        }
    }

    /// A few bytes may become many: what was made of them at once is undone.
    #[test]
    fn a_compressed_message_that_is_small_only_in_length_comes_whole() {
        let budget = Budget::with_patience(64 * MIB, NEVER);
        let config = config(&budget);
        let _hog = hog(&budget, 62 * MIB);
        let (bomb, small) = (compressed(&vec![b'0'; 100_000]), compressed(&noise(2_000)));
        for (first, message) in [
            (0xc1, Message::from("0".repeat(100_000))),
            (0xc2, Message::from(vec![b'0'; 100_000])),
        ] {
            let bytes = frame(Role::Server, first, &bomb);
            let after = frame(Role::Server, 0xc2, &small);
            for cut in 0..bytes.len() {
                let mut endpoint = Endpoint::negotiated(Role::Server, &config, agreed(false));
                endpoint.feed(&bytes[..cut]);
                endpoint.feed(&[&bytes[cut..], &after].concat());
                let expected = [message.clone(), noise(2_000).into()].map(Event::Message);
                assert_eq!(endpoint.events, expected, "cut at {cut}");
            }
        }
    }

    /// Cause: a step asked for memory also where nothing had come to inflate. It took the
    /// right to go beyond the budget, made nothing, and asked again: two such connections
    /// went on in turn for ever.
    #[test]
    fn a_compressed_frame_of_which_nothing_more_has_come_asks_for_no_memory() {
        for keeps_context in [true, false] {
            let budget = Budget::with_patience(64 * MIB, NEVER);
            let config = config(&budget);
            let _hog = hog(&budget, 64 * MIB);
            let mut beyond = server(&budget);
            beyond.feed(&half());
            let bytes = frame(Role::Server, 0xc2, &compressed(&noise(2_000)));
            let negotiated = agreed(keeps_context);
            let mut begun = Endpoint::negotiated(Role::Server, &config, negotiated);
            begun.feed(&bytes[..8]);
            assert!(!begun.lacks_memory);
            begun.feed(&bytes[8..]);
            assert!(begun.lacks_memory);
        }
    }

    /// Cause: a last frame of which nothing had been taken counted as a whole message,
    /// also where the codec had taken the frames before it and made nothing of them yet.
    #[test]
    fn a_fragmented_message_is_never_undone() {
        let budget = Budget::with_patience(64 * MIB, NEVER);
        let config = config(&budget);
        let _hog = hog(&budget, 62 * MIB);
        let payload = compressed(&[b'a'; 10_000]);
        for cut in 1..payload.len() {
            let mut endpoint = Endpoint::negotiated(Role::Server, &config, agreed(false));
            endpoint.feed(&frame(Role::Server, 0x42, &payload[..cut]));
            endpoint.feed(&frame(Role::Server, 0x80, &payload[cut..]));
            let expected = [Event::Message(vec![b'a'; 10_000].into())];
            assert_eq!(endpoint.events, expected, "cut at {cut}");
        }
    }

    #[test]
    fn contexts_that_are_kept_are_charged_while_the_connection_lives() {
        let budget = Budget::new(64 * MIB);
        let config = config(&budget).deflate(Deflate::balanced());
        let kept = Endpoint::negotiated(Role::Server, &config, agreed(true));
        let contexts = budget.usage().contexts;
        assert!((420_000..450_000).contains(&contexts), "{contexts} bytes");
        let not_kept = Endpoint::negotiated(Role::Server, &config, agreed(false));
        assert_eq!(budget.usage().contexts, contexts);
        drop((kept, not_kept));
        assert_eq!(used(&budget), 0);
    }

    #[test]
    fn inflating_waits_for_memory_before_it_begins() {
        let budget = Budget::new(64 * MIB);
        let hog = hog(&budget, 64 * MIB);
        let config = config(&budget);
        let open = || Endpoint::negotiated(Role::Server, &config, agreed(false));
        let (mut first, mut second) = (open(), open());
        let bomb = frame(Role::Server, 0xc2, &compressed(&vec![0; 4 * MIB]));
        let (front, back) = bomb.split_at(bomb.len() - 10);
        first.feed(front);
        second.feed(front);
        assert!(!first.lacks_memory && second.lacks_memory);
        let held = budget.usage().receiving;
        assert!(held < 9 * MIB, "{held} bytes");
        drop(hog);
        for endpoint in [&mut first, &mut second] {
            endpoint.feed(back);
            assert_eq!(endpoint.events.len(), 1);
        }
        assert_eq!(budget.usage().receiving, 0);
    }

    /// Cause: where memory was short a step made 4 KiB, and the rest of what was there
    /// waited until more came.
    #[test]
    fn what_is_there_of_a_compressed_message_is_inflated_also_where_memory_is_short() {
        let budget = Budget::with_patience(64 * MIB, NEVER);
        let _hog = hog(&budget, 64 * MIB);
        let config = config(&budget);
        let mut endpoint = Endpoint::negotiated(Role::Server, &config, agreed(false));
        let whole = compressed(&noise(60_000).repeat(3));
        // The oldest that waits goes beyond the budget.
        endpoint.feed(&frame(Role::Server, 0xc2, &whole));
        assert_eq!(endpoint.events.len(), 1);
    }

    /// Cause: the context of a message that never ended was held until the closing
    /// handshake was complete.
    #[test]
    fn a_context_is_given_back_once_nothing_is_parsed_any_more() {
        let budget = Budget::new(64 * MIB);
        let config = config(&budget);
        let mut endpoint = Endpoint::negotiated(Role::Server, &config, agreed(false));
        let whole = compressed(&noise(1_000));
        endpoint.feed(&frame(Role::Server, 0x42, &whole));
        assert!(budget.usage().receiving > 40_000);
        // A text message inside the other one.
        endpoint.feed(&frame(Role::Server, 0x81, b"no"));
        assert!(endpoint.receiving.failure().is_some());
        assert_eq!(budget.usage().receiving, 0);
    }

    #[test]
    fn a_small_compressed_message_leaves_nothing_charged() {
        let budget = Budget::new(64 * MIB);
        let mut endpoint = Endpoint::negotiated(Role::Server, &config(&budget), agreed(false));
        endpoint.echo = true;
        endpoint.feed(&frame(Role::Server, 0xc2, &compressed(&[7; 1000])));
        assert_eq!(endpoint.events.len(), 1);
        endpoint.pump();
        assert_eq!(used(&budget), Budget::SHARE);
    }

    #[test]
    fn a_large_message_leaves_as_it_is_where_there_is_no_memory_to_compress_it() {
        let budget = Budget::new(64 * MIB);
        let config = config(&budget).deflate(Deflate::balanced());
        for is_short in [false, true] {
            let _hog = hog(&budget, if is_short { 64 * MIB } else { 0 });
            let mut endpoint = Endpoint::negotiated(Role::Server, &config, agreed(false));
            endpoint.sending.queue(vec![7; 100_000]).unwrap();
            endpoint.write();
            let (first, _) = endpoint.sent().remove(0);
            assert_eq!(first, if is_short { 0x82 } else { 0xc2 });
        }
    }
}

#[test]
fn what_is_used_is_told_by_its_purpose() {
    let budget = Budget::new(64 * MIB);
    let purposes = [
        Purpose::Connections,
        Purpose::Receiving,
        Purpose::Contexts,
        Purpose::Sending,
        Purpose::Senders,
        Purpose::Events,
        Purpose::Handshakes,
        Purpose::Tls,
    ];
    let _leases: Vec<_> = purposes
        .into_iter()
        .zip(1..)
        .map(|(purpose, bytes)| {
            let mut lease = budget.lease(purpose);
            lease.set(bytes);
            lease
        })
        .collect();
    let usage: Usage = budget.usage();
    let told = [
        usage.connections,
        usage.receiving,
        usage.contexts,
        usage.sending,
        usage.senders,
        usage.events,
        usage.handshakes,
        usage.tls,
    ];
    assert_eq!(told, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(usage.used - usage.buffers, 36);
    assert_eq!(usage.limit, 64 * MIB);
}

/// A newcomer's place, with what it has and how often it was called.
struct Waits {
    newcomer: Newcomer,
    lease: Lease,
    calls: Arc<AtomicUsize>,
}

impl Waits {
    fn new(budget: &Budget) -> Self {
        Self {
            newcomer: budget.newcomer(),
            lease: budget.lease(Purpose::Handshakes),
            calls: Arc::default(),
        }
    }

    fn takes(&mut self, bytes: usize) -> bool {
        let calls = Arc::clone(&self.calls);
        self.newcomer.take(&mut self.lease, bytes, move || {
            calls.fetch_add(1, Ordering::Relaxed);
        })
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

#[test]
fn newcomers_go_on_in_the_order_in_which_they_came_once_there_is_memory() {
    let budget = Budget::new(64 * MIB);
    let mut hog = hog(&budget, 64 * MIB);
    let (mut first, mut second, mut third) = (
        Waits::new(&budget),
        Waits::new(&budget),
        Waits::new(&budget),
    );
    assert!(!first.takes(MIB) && !second.takes(MIB) && !third.takes(MIB));
    assert_eq!(budget.usage().waiting, 3);
    // Room for two, beside the threads' buffers and what is for smaller ones.
    hog.set(53 * MIB + MIB / 2);
    assert_eq!([first.calls(), second.calls(), third.calls()], [1, 1, 0]);
    assert_eq!(budget.usage().waiting, 1);
    // One that was called and is gone leaves its turn to the next.
    drop(first);
    assert_eq!([second.calls(), third.calls()], [1, 1]);
    assert!(second.takes(MIB) && third.takes(MIB));
    assert_eq!(budget.usage().waiting, 0);
    assert_eq!(used(&budget), 55 * MIB + MIB / 2);
    // What it has already needs no turn.
    hog.set(64 * MIB);
    assert!(third.takes(MIB / 2) && !third.takes(2 * MIB));
}

/// One that keeps asking before it is called stays where it is.
#[test]
fn a_newcomer_does_not_go_past_those_that_came_before() {
    let budget = Budget::new(64 * MIB);
    let mut hog = hog(&budget, 64 * MIB);
    let (mut first, mut second) = (Waits::new(&budget), Waits::new(&budget));
    assert!(!first.takes(8 * MIB) && !second.takes(MIB));
    hog.set(60 * MIB);
    assert!(!second.takes(MIB) && !first.takes(8 * MIB));
    assert_eq!([first.calls(), second.calls()], [0, 0]);
    hog.set(46 * MIB);
    assert_eq!([first.calls(), second.calls()], [1, 1]);
    assert!(first.takes(8 * MIB) && second.takes(MIB));
}

#[test]
fn newcomers_come_after_all_messages_that_wait() {
    let budget = Budget::new(64 * MIB);
    let mut hog = hog(&budget, 64 * MIB);
    let mut newcomer = Waits::new(&budget);
    assert!(!newcomer.takes(8 * MIB));
    // The oldest message goes beyond the budget, the next one waits.
    let mut oldest = server(&budget);
    oldest.feed(&half());
    let mut next = server(&budget);
    next.feed(&half());
    assert!(next.lacks_memory && !oldest.lacks_memory);
    assert_eq!(budget.usage().waiting, 2);
    // Room for the one or the other.
    hog.set(56 * MIB);
    assert_eq!(newcomer.calls(), 0);
    assert!(next.pump_if_called());
    assert!(!next.lacks_memory);
    hog.set(45 * MIB);
    assert_eq!(newcomer.calls(), 1);
    assert!(newcomer.takes(8 * MIB));
}
