//! Defects once found, here and in the field, each named after its cause.

use std::time::Duration;

use bytes::{Buf, BufMut};
use socket_flow_protocol::{
    Config, Event, Expired, Input, Limits, Message, NEVER, Negotiated, Role,
};

use crate::support::{Endpoint, Mode, Script, arrives, binary, frame, header, noise, protocol};

/// Pongs were counted from the last moment the queue was empty: a sender that
/// always keeps something queued used up the sixteen of them for good, and a
/// peer that pings got no answer any more.
#[test]
fn pongs_are_counted_while_they_wait_and_not_while_the_queue_is_busy() {
    let mut server = Endpoint::new(Role::Server, &Config::new());
    server.blocked = true;
    server.sending.queue("busy").unwrap();
    for number in 0..100_u8 {
        server.feed(&frame(Role::Server, 0x89, &[number]));
        server.sending.queue("busy").unwrap();
        // The transport takes the older message and the pong, never all.
        server.write_some(6 + 3);
        assert!(!server.sending.queued().is_empty());
        assert!(!server.sending.outgoing().is_pressed(), "ping {number}");
    }
    let pongs: Vec<_> = (0..100).map(|number| (0x8a, vec![number])).collect();
    let mut sent = server.sent();
    sent.retain(|(first, _)| *first == 0x8a);
    assert_eq!(sent, pongs);
}

/// A kept pong was only looked at by `output`: a ping parsed after the queue
/// was written, and before `output` was called again, was answered first.
#[test]
fn a_kept_pong_leaves_before_the_pong_of_a_later_ping() {
    let mut server = Endpoint::new(Role::Server, &Config::new().max_pongs(1));
    server.blocked = true;
    server.feed(&frame(Role::Server, 0x89, b"1"));
    server.feed(&frame(Role::Server, 0x89, b"2"));
    server.write_some(usize::MAX);
    assert_eq!(std::mem::take(&mut server.output), b"\x8a\x011"[..]);
    server.feed(&frame(Role::Server, 0x89, b"3"));
    server.blocked = false;
    server.pump();
    assert_eq!(
        server.sent(),
        [(0x8a, b"2".to_vec()), (0x8a, b"3".to_vec())]
    );
}

/// `buffered` left the kept pong out: a caller that writes while something is
/// buffered never wrote it.
#[test]
fn a_kept_pong_counts_as_buffered() {
    for (role, header) in [(Role::Client, 6), (Role::Server, 2)] {
        let mut endpoint = Endpoint::new(role, &Config::new().max_pongs(1));
        endpoint.blocked = true;
        endpoint.feed(&frame(role, 0x89, b"first"));
        endpoint.feed(&frame(role, 0x89, b"second"));
        assert_eq!(endpoint.sending.outgoing().buffered(), 2 * header + 5 + 6);
        endpoint.write_some(header + 5);
        assert_eq!(endpoint.sending.outgoing().buffered(), header + 6);
        assert_eq!(endpoint.sending.queued().remaining(), header + 6);
    }
}

/// `direct_done` believed any count; a wrong one underflowed the length of
/// the frame's rest.
#[test]
fn a_direct_read_counts_no_more_than_its_frame_holds() {
    let mut client = protocol(Role::Client, &Config::new(), Negotiated::default());
    let mut input = Input::new();
    let payload = noise(100_000);
    let bytes = frame(Role::Client, 0x82, &payload);
    arrives(&mut client, &mut input, &bytes[..70_000]);
    let (incoming, outgoing) = client.halves();
    let rest = &bytes[70_000..];
    let mut direct = incoming.direct(&input).unwrap();
    assert!(direct.chunk_mut().len() >= rest.len());
    direct.put_slice(rest);
    incoming.direct_done(usize::MAX, outgoing).unwrap();
    assert_eq!(client.receive(&mut input), Ok(Some(binary(&payload))));
    assert_eq!(client.receive(&mut input), Ok(None));
}

/// A silence was judged at the fifth look of four in a period: half a period
/// late where its last byte came just after a look.
#[test]
fn a_silence_is_judged_at_most_a_quarter_after_its_period() {
    let config = Config::new()
        .ping_interval(NEVER)
        .stall_timeout(Duration::from_secs(40));
    let bytes = frame(Role::Server, 0x81, b"begun");
    for after in 0..40 {
        let mut server = Endpoint::new(Role::Server, &config);
        server.feed(&bytes[..4]);
        server.wait(Duration::from_secs(after)).unwrap();
        server.feed(&bytes[4..6]);
        let last_byte = server.now;
        let expired = server.wait(Duration::from_secs(100));
        assert_eq!(expired, Err(Expired::Read));
        let silence = (server.now - last_byte).as_secs();
        assert!((40..=50).contains(&silence), "{silence} s");
    }
}

/// Elsewhere a limit that was lifted meant zero, and a fragment size of zero
/// a panic.
#[test]
fn a_lifted_limit_is_no_limit_of_zero_and_a_fragment_of_zero_sends() {
    let mut limits = Limits::default();
    limits.message = usize::MAX;
    limits.high_water = usize::MAX;
    limits.pongs = usize::MAX;
    limits.fragment = 0;
    Script::to(Role::Server)
        .config(Config::new().with_limits(limits))
        .echo()
        .frame(0x82, b"ab")
        .frame(0x82, b"")
        .run()
        .assert_events(&[binary(b"ab"), binary(b"")])
        .assert_sent(&[(0x02, b"a"), (0x80, b"b"), (0x82, b"")])
        .assert_open();
}

/// The step of a growing message counted the bytes that were arriving as the
/// room to be gained: 64 KiB whose last bytes came with the next read were
/// moved to twice the memory for them.
#[test]
fn the_last_bytes_of_a_64_kib_message_do_not_double_its_memory() {
    let bytes = frame(Role::Server, 0x82, &noise(64 << 10));
    let mut server = Endpoint::new(Role::Server, &Config::new());
    server.mode = Mode::Owned;
    for read in bytes.chunks(64 << 10) {
        server.feed(read);
    }
    let Some(Event::Message(Message::Binary(payload))) = server.events.pop() else {
        panic!("a binary message");
    };
    assert_eq!(payload.try_into_mut().unwrap().capacity(), 64 << 10);
}

/// Cause: a direct read beside unread input would have put the later bytes
/// first.
#[test]
fn nothing_is_read_directly_while_input_is_unread() {
    let mut client = protocol(Role::Client, &Config::new(), Negotiated::default());
    let mut input = Input::new();
    let begun = &frame(Role::Client, 0x82, &noise(100_000))[..70_000];
    arrives(&mut client, &mut input, begun);
    input.extend_from_slice(b"more");
    assert!(client.halves().0.direct(&input).is_none());
    assert_eq!(client.step(&mut input), Ok(None));
    assert!(client.halves().0.direct(&input).is_some());
}

/// A message that grows doubled its memory past its limit: of 1,500,000 bytes
/// at most, 2,560,000 were kept.
#[test]
fn a_message_in_fragments_takes_no_more_memory_than_its_limit() {
    const LIMIT: usize = 1_500_000;
    for (role, mode) in [(Role::Client, Mode::Owned), (Role::Server, Mode::Direct)] {
        for piece in [5_000, 70_000] {
            let mut endpoint = Endpoint::new(role, &Config::new().max_message(LIMIT));
            endpoint.mode = mode;
            let mut first = 0x02;
            for start in (0..LIMIT).step_by(piece) {
                let piece = piece.min(LIMIT - start);
                let fin = u8::from(start + piece == LIMIT) << 7;
                endpoint.feed(&frame(role, fin | first, &vec![7; piece]));
                first = 0x00;
            }
            let Some(Event::Message(Message::Binary(payload))) = endpoint.events.pop() else {
                panic!("no message");
            };
            assert_eq!(payload.len(), LIMIT);
            assert_eq!(payload.try_into_mut().unwrap().capacity(), LIMIT);
        }
    }
}

/// The header of a large frame was given 4 KiB before any of its payload, and
/// kept what a large message before it had taken.
#[test]
fn a_header_alone_keeps_no_memory_for_its_message() {
    for role in [Role::Client, Role::Server] {
        let mut protocol = protocol(role, &Config::new(), Negotiated::default());
        let mut wire = frame(role, 0x82, &noise(1 << 20));
        wire.extend(header(role, 0x82, 1 << 20));
        let mut input = Input::from(&wire[..]);
        let found = protocol.step(&mut input).unwrap().unwrap();
        assert_eq!(protocol.lend_message(found, &input).unwrap().len(), 1 << 20);
        assert_eq!(protocol.step(&mut input), Ok(None));
        let (incoming, _) = protocol.halves();
        // It waits for input.
        incoming.release();
        assert!(incoming.direct(&input).is_none());
        assert!(incoming.is_unfinished());
        // What follows is put together all the same.
        let payload = frame(role, 0x82, &noise(1 << 20));
        input.extend_from_slice(&payload[payload.len() - (1 << 20)..]);
        let expected = Ok(Some(binary(&noise(1 << 20))));
        assert_eq!(protocol.receive(&mut input), expected);
    }
}
