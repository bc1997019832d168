//! Peer input never takes more memory than the limits allow.

use socket_flow_connection::{Config, Event, Message};

use crate::support::frames::{BINARY, CONTINUATION, PING, PONG, frame, parse, split_frames, whole};
use crate::support::record::Recorder;
use crate::support::{Client, Server, no_deadlines, open, poll_once};

#[tokio::test]
async fn a_declared_length_of_2_to_the_62_costs_nothing() {
    // Without a limit nothing but the declaration itself could be allocated.
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines().max_message(usize::MAX));
    let mut wire = b"\x82\xff\x40\0\0\0\0\0\0\0\x01\x02\x03\x04".to_vec();
    wire.extend([0; 100_000]);
    far.tape().feed(Ok(wire));
    assert!(poll_once(ws.recv()).is_pending());
    far.tape().feed(Ok(vec![0; 100_000]));
    assert!(poll_once(ws.recv()).is_pending());
    assert!(far.tape().reads.is_empty());
    assert_eq!(far.tape().written(), b"");
}

#[tokio::test]
async fn a_million_one_byte_fragments_are_one_message() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let mut wire = frame(Client, false, BINARY, b"x");
    let one = frame(Client, false, CONTINUATION, b"x");
    wire.extend(one.repeat(999_998));
    wire.extend(frame(Client, true, CONTINUATION, b"x"));
    far.tape().feed(Ok(wire));
    let message = ws.recv().await.unwrap().unwrap().into_bytes();
    assert_eq!(message.len(), 1_000_000);
    // It owns its memory, at most twice its length.
    let owned = message.try_into_mut().unwrap();
    assert!(owned.capacity() <= 2_000_000, "{}", owned.capacity());
}

#[tokio::test]
async fn empty_fragments_cost_nothing() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines().max_message(3));
    let mut wire = frame(Client, false, BINARY, b"a");
    wire.extend(frame(Client, false, CONTINUATION, b"").repeat(200_000));
    wire.extend(frame(Client, true, CONTINUATION, b"bc"));
    far.tape().feed(Ok(wire));
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from(&b"abc"[..])));
}

#[tokio::test]
async fn a_ping_flood_to_a_peer_that_does_not_read_is_bounded_and_the_newest_is_answered() {
    for role in [Server, Client] {
        let peer = if role == Server { Client } else { Server };
        let (io, far) = Recorder::with_room(0);
        let mut ws = open(io, role, no_deadlines());
        let last = 100_000_u32;
        for n in 0..=last {
            far.tape().feed(Ok(whole(peer, PING, &n.to_be_bytes())));
            // A turn takes 512 frames, where each comes with a read of its own.
            if n % 500 == 0 {
                assert!(poll_once(ws.recv()).is_pending());
                assert!(
                    ws.buffered_amount() <= 17 * (2 + 4 + 4),
                    "{}",
                    ws.buffered_amount()
                );
            }
        }
        assert!(poll_once(ws.recv()).is_pending());
        assert!(far.tape().reads.is_empty());
        // The peer reads again: the first sixteen, then the newest.
        far.tape().make_room(usize::MAX);
        assert!(poll_once(ws.recv()).is_pending());
        let pongs = parse(&far.tape().written());
        assert_eq!(pongs.len(), 17);
        assert!(pongs.iter().all(|frame| frame.opcode == PONG));
        assert_eq!(pongs[15].payload, 15_u32.to_be_bytes());
        assert_eq!(pongs[16].payload, last.to_be_bytes());
        // And the connection goes on.
        far.tape().feed(Ok(whole(peer, PING, b"again")));
        let event = ws.recv_event().await.unwrap();
        assert_eq!(event, Some(Event::Ping("again".into())));
        ws.send("echo").await.unwrap();
        let written = far.tape().written();
        let (frames, _) = split_frames(&written);
        assert_eq!(frames.last().unwrap().payload, b"echo");
    }
}

#[tokio::test]
async fn a_ping_flood_behind_a_full_queue_keeps_only_the_newest() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    ws.queue(vec![0; 70_000]).unwrap();
    for n in 0..10_000_u32 {
        far.tape().feed(Ok(whole(Client, PING, &n.to_be_bytes())));
    }
    // A turn takes 512 frames, where each comes with a read of its own.
    for _turn in 0..=10_000 / 512 {
        assert!(poll_once(ws.recv()).is_pending());
    }
    assert!(far.tape().reads.is_empty());
    assert!(ws.buffered_amount() < 70_100, "{}", ws.buffered_amount());
    far.tape().make_room(usize::MAX);
    assert!(poll_once(ws.recv()).is_pending());
    let frames = parse(&far.tape().written());
    assert_eq!(frames.len(), 2);
    assert_eq!(frames[1].payload, 9_999_u32.to_be_bytes());
}

#[tokio::test]
async fn a_small_message_does_not_pin_the_read_buffer() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    let mut wire = whole(Client, BINARY, &[1; 100]);
    wire.extend(whole(Client, BINARY, &[2; 100]));
    far.tape().feed(Ok(wire));
    let first = ws.recv().await.unwrap().unwrap().into_bytes();
    let capacity = first.try_into_mut().unwrap().capacity();
    assert!(capacity < 200, "{capacity}");
}

#[tokio::test]
async fn a_connection_that_waits_gives_its_memory_back_after_a_large_message() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, no_deadlines());
    far.tape().feed(Ok(whole(Client, BINARY, &[1; 4 << 20])));
    let (reader, writer) = ws.halves();
    let message = reader.recv(writer).await.unwrap().unwrap();
    assert_eq!(message.len(), 4 << 20);
    assert!(poll_once(ws.recv()).is_pending());
    assert_eq!(ws.into_parts().read.capacity(), 0);
}

#[tokio::test]
async fn a_partial_frame_waits_in_little_memory() {
    let (io, far) = Recorder::new();
    let mut ws = open(io, Server, Config::new());
    far.tape()
        .feed(Ok(whole(Client, BINARY, &[1; 1000])[..100].to_vec()));
    assert!(poll_once(ws.recv()).is_pending());
    let read = ws.into_parts().read;
    assert!(read.capacity() <= 256, "{}", read.capacity());
}
