//! What a connection reads into: a buffer while it reads, what is left over in
//! memory of its own size while it waits, and nothing without that.

use bytes::{BufMut, BytesMut};
use socket_flow_protocol::{Event, Input, Role};

use crate::support::{Steps, frame, header, noise, off, text};

/// One read's worth.
const SIZE: usize = 66 << 10;
/// With room for this much from the first byte left over, a frame gets whole.
const HELD: usize = 64 << 10;
/// The header of a frame of over 125 bytes.
const HEADER: usize = 4;

/// A client: what it receives is not masked.
fn client() -> Steps {
    Steps::new(Role::Client, &off())
}

fn room(steps: &mut Steps) -> usize {
    steps.receiving.space().chunk_mut().len()
}

/// Where the next read goes.
fn place_of(steps: &mut Steps) -> *mut u8 {
    steps.receiving.space().chunk_mut().as_mut_ptr()
}

/// The header of a large frame, and so many bytes that are left over when that
/// is parsed.
fn begun(left: usize) -> Vec<u8> {
    let mut bytes = frame(Role::Client, 0x82, &noise(50_000));
    bytes.truncate(HEADER + left);
    bytes
}

/// Reads so many bytes, messages and so much of a frame; the messages are lent
/// and gone.
fn reads(steps: &mut Steps, len: usize, left: usize) {
    let mut bytes = Vec::new();
    let mut messages = len - left;
    while messages > 0 {
        let message = messages.min(10_000);
        bytes.extend(frame(Role::Client, 0x82, &noise(message - HEADER)));
        messages -= message;
    }
    bytes.extend(begun(left - HEADER));
    assert_eq!(bytes.len(), len);
    steps.reads(&bytes);
    while steps.receiving.quick(&steps.sending).is_some() {}
}

/// Reads a message of 10,000 bytes, with so much of a frame after it, and
/// takes it.
fn takes(steps: &mut Steps, left: usize) -> Event {
    let mut bytes = frame(Role::Client, 0x82, &noise(10_000));
    if left > 0 {
        bytes.extend(begun(left - HEADER));
    }
    steps.reads(&bytes);
    let found = steps.receiving.quick(&steps.sending).unwrap();
    steps.receiving.take(found)
}

#[test]
fn a_read_has_all_its_room_while_a_message_keeps_part_of_the_buffer() {
    let mut client = client();
    let message = takes(&mut client, 0);
    assert!(room(&mut client) >= SIZE);
    drop(message);
}

#[test]
fn memory_that_no_message_keeps_any_more_is_read_into_again() {
    let mut client = client();
    let first = place_of(&mut client);
    drop(takes(&mut client, 0));
    assert_eq!(place_of(&mut client), first);
    assert!(room(&mut client) >= SIZE);
}

#[test]
fn while_half_of_the_buffer_is_free_nothing_in_it_is_moved() {
    for read in [10_000, SIZE / 2] {
        let mut client = client();
        assert_eq!(room(&mut client), SIZE);
        reads(&mut client, read, 100);
        assert_eq!(room(&mut client), SIZE - read);
    }
}

#[test]
fn when_less_is_free_what_is_left_over_moves_to_the_front() {
    for left in [100, 5_000, 20_000] {
        let mut client = client();
        let first = place_of(&mut client);
        reads(&mut client, 50_000, left);
        assert!(room(&mut client) >= HELD - left);
        assert_eq!(place_of(&mut client), first.wrapping_add(left));
    }
}

#[test]
fn what_is_left_over_in_memory_that_a_message_keeps_moves_to_a_buffer() {
    for left in [100, 40_000] {
        let mut client = client();
        let message = takes(&mut client, left);
        assert_eq!(room(&mut client), SIZE - left);
        drop(message);
    }
}

/// A slow sender inside a frame.
#[test]
fn what_waited_grows_in_memory_of_its_own_by_doubling() {
    let mut client = client();
    client.reads(&begun(5_000)).reads_nothing().waits(None);
    // It waited in 8 KiB.
    assert_eq!(room(&mut client), (16 << 10) - 5_000);

    let mut client = self::client();
    client.reads(&begun(4 << 10)).reads_nothing().waits(None);
    assert_eq!(room(&mut client), 4 << 10);
    let place = place_of(&mut client);
    client.reads_nothing().waits(None);
    assert_eq!(room(&mut client), 4 << 10);
    assert_eq!(place_of(&mut client), place, "it need not move");
}

#[test]
fn a_short_rest_moves_to_the_buffer_for_the_next_read() {
    let mut client = client();
    client
        .reads(&begun((4 << 10) - 1))
        .reads_nothing()
        .waits(None);
    assert_eq!(room(&mut client), SIZE - ((4 << 10) - 1));
}

#[test]
fn what_is_left_over_waits_in_memory_of_its_size_and_nothing_in_none() {
    for (left, capacity) in [
        (0, 0),
        (1, 64),
        (64, 64),
        (65, 128),
        (5_000, 8 << 10),
        (16_895, 32 << 10),
        (16_896, SIZE),
        (40_000, SIZE),
    ] {
        let mut client = client();
        client
            .reads(&[&b"\x81\x03one"[..], &begun(left)].concat())
            .finds(&text("one"))
            .reads_nothing()
            .waits(None);
        assert_eq!(client.receiving.into_input().capacity(), capacity, "{left}");
    }
}

#[test]
fn a_buffer_that_was_given_back_is_the_next_connections() {
    let mut first = client();
    let place = place_of(&mut first);
    first.reads(b"\x81\x03one").finds(&text("one"));
    first.reads_nothing().waits(None);
    let mut second = client();
    assert_eq!(place_of(&mut second), place);
    // And while that has it another one is made.
    let mut third = client();
    assert_ne!(place_of(&mut third), place);
    assert_eq!(room(&mut third), SIZE);
}

#[test]
fn a_buffer_that_a_message_keeps_is_not_given_back() {
    let mut first = client();
    let place = place_of(&mut first);
    let message = takes(&mut first, 0);
    first.reads_nothing().waits(None);
    let mut second = client();
    assert_ne!(place_of(&mut second), place);
    assert_eq!(room(&mut second), SIZE);
    drop(message);

    // One that none keeps any more is.
    let mut first = client();
    let place = place_of(&mut first);
    drop(takes(&mut first, 0));
    first.reads_nothing().waits(None);
    // Had it been freed, this would be it.
    let other = Vec::<u8>::with_capacity(SIZE);
    assert_eq!(place_of(&mut client()), place);
    assert_ne!(other.as_ptr(), place.cast_const());
}

#[test]
fn memory_of_another_size_is_read_to_its_end_and_not_kept() {
    let mut input = Input::from(BytesMut::with_capacity(200_000));
    input.extend_from_slice(b"\x81\x03one\x81\x03two");
    let mut first = Steps::with_input(Role::Client, &off(), input);
    first
        .finds(&text("one"))
        .finds(&text("two"))
        .reads_nothing()
        .waits(None);
    assert_eq!(first.receiving.into_input().capacity(), 0);
    assert_eq!(room(&mut client()), SIZE);
}

#[test]
fn a_connection_that_ends_gives_its_buffer_back_with_what_is_unread() {
    let mut first = client();
    let place = place_of(&mut first);
    first.reads(&header(Role::Client, 0x82, 5)).reads_the_end();
    let mut second = client();
    assert_eq!(place_of(&mut second), place);
    assert_eq!(room(&mut second), SIZE);
}
