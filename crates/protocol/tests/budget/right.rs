//! The right to go beyond a budget, where the application keeps the message that had it.

use std::task::Poll;
use std::time::Duration;

use bytes::BufMut;
use socket_flow_protocol::driver::{Next, Turn};
use socket_flow_protocol::{Budget, Found, Lease, NEVER, Role};

use crate::support::{Endpoint, Mode, frame, seconds};
use crate::tools::{MIB, half, hog, server};

/// A budget of which all is used.
fn used_up(patience: Duration) -> (Budget, Lease) {
    let budget = Budget::with_patience(64 * MIB, patience);
    let all = hog(&budget, 64 * MIB);
    (budget, all)
}

/// Reads these bytes, and no more of the connection is run once a message is found: that is handed
/// out, and its application does something else.
#[track_caller]
fn is_handed(endpoint: &mut Endpoint, mut bytes: &[u8]) -> Found {
    let mut turn = Turn::new();
    loop {
        match endpoint.receiving.next(&mut endpoint.sending, &turn) {
            Next::Found(found) => return found,
            Next::Read => {
                let mut space = endpoint.receiving.space();
                let (now, rest) = bytes.split_at(bytes.len().min(space.remaining_mut()));
                space.put_slice(now);
                bytes = rest;
                let read = Poll::Ready(Ok(now.len()));
                assert!(!now.is_empty(), "no message was found");
                endpoint
                    .receiving
                    .read(&mut endpoint.sending, &mut turn, read);
            }
            Next::Yield => turn = Turn::new(),
            other => panic!("it says {other:?}"),
        }
    }
}

/// A message that went beyond the budget, and that its application keeps, lent or owned.
fn kept(budget: &Budget, mode: Mode) -> (Endpoint, impl Sized) {
    let mut endpoint = server(budget);
    endpoint.feed(&half());
    assert!(!endpoint.lacks_memory);
    let found = is_handed(&mut endpoint, &vec![0; MIB / 2]);
    let message = (mode == Mode::Owned).then(|| endpoint.receiving.take_message(found));
    (endpoint, message)
}

/// Cause: the right to go beyond the budget was its connection's until that received again: a
/// handler that slept with its message kept all others from theirs, for ever where patience has no
/// end.
#[test]
fn a_message_that_its_application_keeps_for_ever_holds_up_nobody_for_ever() {
    for patience in [seconds(3), NEVER] {
        for mode in [Mode::Lent, Mode::Owned] {
            let (budget, _all) = used_up(patience);
            let (_asleep, message) = kept(&budget, mode);
            let mut waits = server(&budget);
            waits.feed(&half());
            assert!(waits.lacks_memory);
            let handed_out = waits.now;
            assert_eq!(waits.wait(seconds(10)), Ok(()));
            assert!(!waits.lacks_memory);
            assert!(waits.receiving.failure().is_none());
            waits.feed(&vec![0; MIB / 2]);
            assert_eq!(waits.events.len(), 1);
            assert!(waits.now - handed_out <= seconds(10));
            drop(message);
        }
    }
}

/// Slow handlers that each keep a message: without a wait between them they would all be beyond the
/// budget at once.
#[test]
fn of_messages_that_applications_keep_one_goes_beyond_the_budget_in_each_patience() {
    for (patience, least) in [(seconds(3), seconds(3)), (NEVER, seconds(5))] {
        let (budget, _all) = used_up(patience);
        let mut kept = vec![kept(&budget, Mode::Lent).0];
        let start = seconds(1000);
        for round in 1..5 {
            let mut waits = server(&budget);
            waits.now = start + least * (round - 1);
            waits.feed(&half());
            waits.now = start + least * round - Duration::from_millis(1);
            waits.pump();
            assert!(waits.lacks_memory);
            waits.now = start + least * round;
            waits.pump();
            assert!(!waits.lacks_memory);
            is_handed(&mut waits, &vec![0; MIB / 2]);
            kept.push(waits);
        }
        // What they keep is charged.
        assert!(budget.usage().receiving >= 5 * (MIB - Budget::SHARE));
        kept.clear();
        assert_eq!(budget.usage().receiving, 0);
    }
}

/// A hand-out that another one has seen only now is not taken over for the one before.
#[test]
fn the_time_of_a_message_that_is_kept_begins_with_that_message() {
    let (budget, _all) = used_up(NEVER);
    let (mut first, _) = kept(&budget, Mode::Lent);
    let (mut second, mut third) = (server(&budget), server(&budget));
    second.feed(&half());
    third.feed(&half());
    // The application of the first is back, and that of the second keeps its message.
    first.pump();
    assert!(second.pump_if_called());
    let rest = &vec![0; MIB / 2][..];
    is_handed(&mut second, rest);
    third.now += seconds(5);
    third.pump();
    assert!(third.lacks_memory);
    third.now += seconds(4);
    third.pump();
    assert!(third.lacks_memory);
    third.now += seconds(1);
    third.pump();
    assert!(!third.lacks_memory);
}

/// The oldest takes the right over; one that is not run, though it is called, leaves it to the next.
#[test]
fn the_oldest_that_waits_takes_the_right_over_if_it_is_run() {
    for is_run in [true, false] {
        let (budget, _all) = used_up(NEVER);
        let _asleep = kept(&budget, Mode::Owned);
        let (mut older, mut younger) = (server(&budget), server(&budget));
        older.feed(&half());
        younger.feed(&half());
        older.now += seconds(5);
        younger.now += seconds(5);
        younger.pump();
        assert!(younger.lacks_memory);
        if is_run {
            assert!(older.pump_if_called());
            assert!(!older.lacks_memory);
        }
        younger.now += seconds(5);
        younger.pump();
        assert_eq!(younger.lacks_memory, is_run);
    }
}

/// Cause: a frame that lay in the input was found the quick way, and nobody was told that it was
/// handed out.
#[test]
fn a_small_message_that_lay_in_the_input_holds_up_nobody_for_ever() {
    let (budget, _all) = used_up(NEVER);
    let mut asleep = server(&budget);
    let bytes = frame(Role::Server, 0x82, &[7; 10 << 10]);
    asleep.feed(&bytes[..6 << 10]);
    asleep.feed(&bytes[6 << 10..8 << 10]);
    assert!(!asleep.lacks_memory);
    is_handed(&mut asleep, &bytes[8 << 10..]);
    let mut waits = server(&budget);
    waits.feed(&half());
    assert!(waits.lacks_memory);
    assert_eq!(waits.wait(seconds(10)), Ok(()));
    assert!(!waits.lacks_memory);
}

/// One that asks for the next message has let the one before go.
#[test]
fn an_application_that_comes_back_gives_the_right_to_the_next_at_once() {
    for mode in [Mode::Lent, Mode::Owned] {
        let (budget, _all) = used_up(NEVER);
        let (mut back, message) = kept(&budget, mode);
        let mut waits = server(&budget);
        waits.feed(&half());
        back.pump();
        assert!(waits.pump_if_called());
        assert!(!waits.lacks_memory);
        drop(message);
    }
}

/// Cause: a connection that received one large message after the other took the right for each of
/// them before the one that was called for it had come.
#[test]
fn a_stream_of_messages_beyond_the_budget_waits_for_each_in_the_line() {
    let (budget, _all) = used_up(NEVER);
    let mut stream = server(&budget);
    let message = frame(Role::Server, 0x82, &vec![7; MIB]);
    stream.feed(&message[..MIB / 2]);
    let mut waits = server(&budget);
    waits.feed(&half());
    assert!(waits.lacks_memory);
    stream.feed(&[&message[MIB / 2..], &message[..MIB / 2]].concat());
    assert_eq!(stream.events.len(), 1);
    assert!(stream.lacks_memory);
    assert!(waits.pump_if_called());
    assert!(!waits.lacks_memory);
    for endpoint in [&mut waits, &mut stream] {
        endpoint.pump_if_called();
        let before = endpoint.events.len();
        endpoint.feed(&vec![0; MIB / 2 + 14]);
        assert_eq!(endpoint.events.len(), before + 1);
    }
}

/// Cause: memory that a message took beyond the budget was kept for the next one of its
/// connection while that waited, so each connection had a message beyond the budget.
#[test]
fn streams_of_large_messages_go_beyond_the_budget_by_one_message_in_all() {
    let (budget, _all) = used_up(NEVER);
    let message = frame(Role::Server, 0x82, &vec![7; MIB]);
    let mut streams: Vec<_> = (0..10).map(|_| server(&budget)).collect();
    for stream in &mut streams {
        stream.arrive(&message.repeat(3));
        stream.pump();
    }
    let mut rounds = 0;
    while streams.iter().any(|stream| stream.events.len() < 3) {
        for stream in &mut streams {
            stream.pump_if_called();
            let usage = budget.usage();
            assert!(usage.receiving < 2 * MIB, "{usage:?}");
        }
        rounds += 1;
        assert!(rounds < 1_000, "nobody is called");
    }
}
