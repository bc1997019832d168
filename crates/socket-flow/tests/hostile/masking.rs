//! Masks in the wrong direction, and masks that can be foretold.

use std::collections::HashSet;

use socket_flow::{ClientBuilder, Message};
use tokio::net::TcpListener;

use crate::support::{header, switching_protocols};
use crate::victim::{Attack, SIDES, Side, is_refused};
use crate::wire::{Wire, bounded};

/// An unmasked frame from a client lets what passes for one be chosen byte by byte, a masked one
/// from a server is nothing a server sends (RFC 6455 §5.1, §10.3).
#[tokio::test]
async fn frames_masked_in_the_wrong_direction_are_refused_with_1002() {
    for side in SIDES {
        for first in [0x81, 0x82, 0x01, 0x88, 0x89, 0x8a] {
            is_refused(side, &side.misdirected(first, &[0], b""), 1002).await;
        }
        is_refused(side, &side.misdirected(0x81, &[5], b"Hello"), 1002).await;
        // The two bytes that show it are enough.
        is_refused(side, &side.misdirected(0x81, &[126], b"")[..2], 1002).await;
    }
}

/// The same between the fragments of a message, where only the first was looked at
/// (RFC 6455 §5.1, §5.4).
#[tokio::test]
async fn the_direction_of_the_mask_is_checked_between_fragments() {
    for side in SIDES {
        for first in [0x89, 0x8a, 0x00, 0x80] {
            let mut wire = side.frame(0x01, &[3], b"Hel");
            wire.extend(side.misdirected(first, &[2], b"lo"));
            is_refused(side, &wire, 1002).await;
        }
    }
}

/// A key of zeros from a client is its own affair: nothing is masked, nothing is misread
/// (RFC 6455 §5.3).
#[tokio::test]
async fn a_server_takes_a_masking_key_of_zeros() {
    let mut attack = Attack::on(Side::Server).await;
    attack.send(b"\x81\x85\0\0\0\0Hello").await;
    assert_eq!(attack.wire.frame().await.unwrap().payload, b"Hello");
    assert_eq!(attack.end().await.messages, [Message::from("Hello")]);
}

/// The masking keys of a client as they stand on the wire, and the key of its request.
async fn captured(count: usize) -> (String, Vec<[u8; 4]>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let client = tokio::spawn(async move {
        let (mut ws, _) = ClientBuilder::new(url).connect().await.unwrap();
        for _ in 0..count {
            if ws.queue("x").is_err() {
                ws.flush().await.unwrap();
                ws.queue("x").unwrap();
            }
        }
        ws.flush().await.unwrap();
    });
    let mut wire = Wire::new(listener.accept().await.unwrap().0);
    let request = wire.head().await;
    wire.send(switching_protocols(&request) + "\r\n").await;
    bounded(client).await.unwrap();
    // Dropped, the connection says goodbye with a Close, whose mask is no other.
    let bytes = wire.rest().await;
    let (frames, close) = bytes.split_at(7 * count);
    assert_eq!(close.len(), 8);
    let keys = frames
        .chunks_exact(7)
        .map(|frame| {
            assert_eq!(frame[..2], *b"\x81\x81");
            // What is masked is what was sent: the key on the wire is the one that was used.
            assert_eq!(frame[6] ^ frame[2], b'x');
            frame[2..6].try_into().unwrap()
        })
        .collect();
    let key = header(&request, "sec-websocket-key").unwrap().to_owned();
    (key, keys)
}

/// A mask that is fixed, all zeros, a counter or of a weak generator lets a web page choose the
/// bytes that proxies see (RFC 6455 §5.3, §10.3; CVE-2025-10148).
#[tokio::test]
async fn the_masks_of_a_client_are_fresh_for_every_frame() {
    let (_, keys) = captured(20_000).await;
    assert!(!keys.contains(&[0; 4]));
    // 0.05 repeats are expected among 20,000 of 2^32 keys; four or more happen once in millions
    // of runs.
    let different: HashSet<_> = keys.iter().collect();
    assert!(keys.len() - different.len() < 4);
    for at in 0..4 {
        let mut counts = [0_i64; 256];
        for key in &keys {
            counts[usize::from(key[at])] += 1;
        }
        // Chi-square with 255 degrees of freedom, six standard deviations either way.
        let mean = 20_000 / 256;
        let squares: i64 = counts.iter().map(|count| (count - mean).pow(2)).sum();
        assert!((119..391).contains(&(squares / mean)), "{}", squares / mean);
    }
    // Neither a counter nor a function of the key before.
    let steps: HashSet<_> = keys
        .windows(2)
        .map(|pair| u32::from_le_bytes(pair[1]).wrapping_sub(u32::from_le_bytes(pair[0])))
        .collect();
    assert!(keys.len() - steps.len() < 5);
}

/// Clients that start at one instant, where a clock would seed them alike (RFC 6455 §10.3;
/// CVE-2025-10148).
///
/// RFC 6455 §5.3.
#[tokio::test]
async fn clients_made_at_the_same_instant_share_no_mask_and_no_nonce() {
    let clients: Vec<_> = (0..8).map(|_| tokio::spawn(captured(500))).collect();
    let mut nonces = HashSet::new();
    let mut first = HashSet::new();
    let mut all = HashSet::new();
    for client in clients {
        let (nonce, keys) = client.await.unwrap();
        assert!(nonces.insert(nonce));
        assert!(first.insert(keys[0]));
        all.extend(keys);
    }
    // 0.002 repeats are expected among 4,000.
    assert!(4_000 - all.len() < 3);
}
