//! Peers that send without pause what is legal and small: each connection has its turn, and no
//! more, before the next one.

use crate::bystander::{Books, Limits};
use crate::lengths::long;
use crate::memory::{Flood, answers, bystander, open};
use crate::victim::{SIDES, Side};

/// Small frames, again and again.
async fn of_frames(side: Side, once: &[u8], frame: &[u8], count: usize, a_turn: usize) {
    let flood = Flood {
        side,
        peers: 3,
        is_compressed: false,
        limits: Limits::PLAIN.wire(a_turn * frame.len()),
        bytes: [once, &frame.repeat(count)].concat(),
        turns: count / a_turn,
    };
    flood.runs().await;
}

/// Empty messages: two bytes, or six, are as much work for an application as a kilobyte
/// (RFC 6455 §5.6, §10.4).
#[tokio::test]
async fn empty_messages_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        let text = side.whole(0x81, b"");
        of_frames(side, b"", &text, 30_000, 128).await;
    }
}

/// Empty fragments of a message that never ends (RFC 6455 §5.4, §10.4; CVE-2026-48779,
/// CVE-2026-12151).
#[tokio::test]
async fn empty_fragments_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        let mut once = side.whole(0x01, b"");
        let fragment = side.whole(0x00, b"");
        // Without an end: what is looked for between two fragments is an answer to a ping.
        once.extend(side.whole(0x89, b""));
        let end = side.whole(0x80, b"");
        let flood = Flood {
            side,
            peers: 3,
            is_compressed: false,
            limits: Limits::PLAIN.wire(1024 * fragment.len()),
            bytes: [once, fragment.repeat(200_000), end].concat(),
            turns: 200_000 / 1024,
        };
        flood.runs().await;
    }
}

/// Pings, each of which is answered or replaced by a newer one, long and empty (RFC 6455 §5.5.2,
/// §10.4; CVE-2021-3690).
#[tokio::test]
async fn pings_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        for payload in [&b""[..], &[b'p'; 125]] {
            let ping = side.whole(0x89, payload);
            of_frames(side, b"", &ping, 10_000, 1_024).await;
        }
    }
}

/// Pongs that nobody asked for (RFC 6455 §5.5.3).
#[tokio::test]
async fn pongs_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        let pong = side.whole(0x8a, b"");
        of_frames(side, b"", &pong, 10_000, 1_024).await;
    }
}

/// A byte at a time, of frames that become whole and of one that never does, from many peers
/// (RFC 6455 §5.2, §10.4).
#[tokio::test]
async fn peers_that_trickle_bytes_keep_nobody_waiting() {
    for side in SIDES {
        let books = Books::default();
        let bystander = bystander(side, &books).await;
        let mut peers = tokio::task::JoinSet::new();
        for _ in 0..30 {
            let turns = books.open(Limits::PLAIN);
            let (ws, mut wire) = open(side, false, <_>::default(), turns.clone()).await;
            tokio::spawn(async move { turns.of(answers(ws, &turns)).await });
            let messages = side.whole(0x81, b"Hello").repeat(20);
            let unfinished = side.frame(0x82, &[126, 0xff, 0xff], &[b'x'; 500]);
            peers.spawn(async move {
                wire.send_by_byte(messages).await;
                for _ in 0..20 {
                    assert_eq!(wire.frame().await.unwrap().payload, b"Hello");
                }
                wire.send_by_byte(unfinished).await;
            });
        }
        peers.join_all().await;
        bystander.goes_on().await;
    }
}

/// Large messages, which cost their bytes and no more: a turn reads half a megabyte, also where
/// each read brings just one of them (RFC 6455 §10.4).
#[tokio::test]
async fn large_messages_without_pause_keep_nobody_waiting() {
    for side in SIDES {
        let header = side.frame(0x82, &long(0), b"").len();
        for len in [0x1_0000, (66 << 10) - header, 4 << 20] {
            let mut limits = Limits::PLAIN;
            if len > 1 << 20 {
                // Its last read goes straight into the message, up to a megabyte at once.
                limits.read = (512 << 10) + (1 << 20);
                limits.made = limits.read;
            }
            let message = side.frame(0x82, &long(len as u64), &vec![b'x'; len]);
            let count = (13 << 20) / len;
            let flood = Flood {
                side,
                peers: 3,
                is_compressed: false,
                limits,
                bytes: message.repeat(count),
                turns: count * len / limits.read,
            };
            flood.runs().await;
        }
    }
}
