//! permessage-deflate where the codecs' buffers run full: what is in them then, and behind them,
//! arrives whole. A thread's buffer is 128 KiB long.

use flate2::{Compress, Compression, Decompress, FlushCompress};
use socket_flow_protocol::{Config, Deflate, Message, Negotiated, ProtocolError, Role};

use crate::support::deflate::{agreed, compressed, everywhere, failed, inflated};
use crate::support::{Endpoint, ROLES, binary, frame, noise};

const BUFFER: usize = 128 << 10;

/// What a sender makes of a message, read by flate2: how long it is.
#[track_caller]
fn sent_whole(sender: &mut Endpoint, reader: &mut Decompress, message: &[u8]) -> usize {
    sender.sending.queue(message).unwrap();
    sender.write();
    let frames = sender.sent();
    let [(0xc2, payload)] = &frames[..] else {
        panic!("{} frames", frames.len());
    };
    let output = inflated(reader, payload, message.len());
    assert!(output == message, "{} bytes", message.len());
    payload.len()
}

fn reader() -> Decompress {
    Decompress::new(false)
}

#[test]
fn a_message_that_takes_more_than_the_buffer_compressed_is_sent_whole() {
    let noise = noise(600_000);
    for role in ROLES {
        for keeps_context in [true, false] {
            let config = Config::new().deflate(Deflate::balanced());
            let mut sender = Endpoint::negotiated(role, &config, agreed(keeps_context));
            let mut reader = reader();
            // Once more, twice, and several times as long as the buffer; then a small one.
            for len in [BUFFER + 1000, 2 * BUFFER + 1000, 600_000, 1000] {
                let sent = sent_whole(&mut sender, &mut reader, &noise[..len]);
                assert!(sent >= len);
            }
        }
    }
}

/// Up to this length a message is compressed at once.
#[test]
fn what_is_compressed_at_once_finds_room_in_the_buffer_at_every_setting() {
    let len = BUFFER / 2;
    // Bytes that take nine bits with fixed codes (RFC 1951 §3.2.6), and others.
    let worst: Vec<_> = noise(len).iter().map(|byte| byte | 0x90).collect();
    for deflate in [
        Deflate::balanced(),
        Deflate::smallest_memory(),
        Deflate::best_ratio(),
    ] {
        for level in 1..=9 {
            for memory_level in [1, 5, 9] {
                let deflate = deflate.clone().level(level).memory_level(memory_level);
                let params = deflate.params();
                let negotiated = Negotiated::default().with_deflate(params);
                let config = Config::new().deflate(deflate);
                let mut sender = Endpoint::negotiated(Role::Server, &config, negotiated);
                let mut reader = reader();
                for message in [&worst, &noise(len), &vec![7; len]] {
                    if params.server_no_context_takeover {
                        reader.reset(false);
                    }
                    assert_eq!(sender.sending.queue(&message[..]), Ok(()));
                    // It is in the queue.
                    assert!(!sender.sending.queued().is_empty());
                    sender.write();
                    let frames = sender.sent();
                    let message = &message[..];
                    assert!(inflated(&mut reader, &frames[0].1, len) == message);
                }
            }
        }
    }
}

/// What is made by turns grows by 64 KiB at a time.
#[test]
fn a_message_whose_end_is_in_two_places_of_memory_is_sent_whole() {
    let config = Config::new().deflate(Deflate::balanced());
    let noise = noise(BUFFER);
    for role in ROLES {
        let mut sender = Endpoint::negotiated(role, &config, agreed(false));
        // Noise takes some more compressed.
        let lens: Vec<_> = (124_200..124_400)
            .map(|len| sent_whole(&mut sender, &mut reader(), &noise[..len]))
            .collect();
        // The tail that is not sent begins before the end of a piece, and at it.
        for before in 0..=4 {
            assert!(lens.contains(&(BUFFER - before)), "{lens:?}");
        }
    }
}

/// Zeros, 1032 of them in each byte: cut where a byte makes more than the buffer has room for.
#[test]
fn what_one_byte_makes_beyond_the_buffer_is_not_lost_at_a_cut() {
    let message = vec![0; BUFFER + 3000];
    let payload = compressed(&message);
    for cut in payload.len() - 12..payload.len() {
        let mut receiver = Endpoint::negotiated(Role::Client, &Config::new(), agreed(true));
        receiver.feed(&frame(Role::Client, 0x42, &payload[..cut]));
        receiver.feed(&frame(Role::Client, 0x80, &payload[cut..]));
        assert_eq!(receiver.error, None);
        assert!(receiver.events == [binary(&message)], "cut at {cut}");
    }
}

/// The end of a message is inflated block by block, with part of the buffer for its input.
#[test]
fn what_one_byte_makes_beyond_the_buffer_is_not_lost_at_the_end() {
    let room = BUFFER - (32 << 10) - 20;
    let message = vec![0; room + 2200];
    for len in (room - 40..message.len()).step_by(7) {
        let mut receiver = Endpoint::negotiated(Role::Client, &Config::new(), agreed(false));
        let payload = compressed(&message[..len]);
        receiver.feed(&frame(Role::Client, 0xc2, &payload));
        assert_eq!(receiver.error, None, "{len} bytes");
        assert!(receiver.events == [binary(&message[..len])], "{len} bytes");
    }
}

/// Several blocks behind each other, each of which ends within a byte.
#[test]
fn blocks_that_end_where_the_buffer_is_full_are_all_inflated() {
    let room = BUFFER - (32 << 10) - 20;
    for len in (room - 1040..room + 1040).step_by(13) {
        let mut codec = Compress::new(Compression::fast(), false);
        let mut payload = Vec::with_capacity(10_000);
        let blocks = [vec![0; len], b"behind it".to_vec()];
        for (block, flush) in blocks
            .iter()
            .zip([FlushCompress::Partial, FlushCompress::Sync])
        {
            codec.compress_vec(block, &mut payload, flush).unwrap();
        }
        payload.truncate(payload.len() - 4);
        let mut receiver = Endpoint::negotiated(Role::Client, &Config::new(), agreed(false));
        receiver.feed(&frame(Role::Client, 0xc2, &payload));
        assert_eq!(receiver.error, None, "{len} bytes");
        assert_eq!(receiver.events, [binary(&blocks.concat())], "{len} bytes");
    }
}

/// RFC 7692 §7.2.2: what cannot be inflated fails, wherever in a long message it stands.
#[test]
fn garbage_far_in_front_of_the_end_of_a_message_fails_it() {
    // A block of the type that does not exist.
    let garbage = vec![0x07; 40_000];
    everywhere(|script, _| {
        let script = script.frame(0xc2, &garbage);
        failed(script, ProtocolError::InvalidCompression, 1007);
    });
}

/// What was sent before must not come back.
#[test]
fn a_small_message_behind_a_large_one_is_as_small_as_alone() {
    let config = Config::new().deflate(Deflate::balanced());
    for role in ROLES {
        let mut sender = Endpoint::negotiated(role, &config, agreed(false));
        let small = [b'a'; 300];
        let alone = sent_whole(&mut sender, &mut reader(), &small);
        sent_whole(&mut sender, &mut reader(), &noise(400_000));
        let behind = sent_whole(&mut sender, &mut reader(), &small);
        assert_eq!(alone, behind);
        assert_eq!(Message::from(&small[..]).len(), 300);
    }
}
