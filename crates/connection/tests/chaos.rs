//! A ledger of messages both ways over transports that misbehave.

use bytes::Bytes;
use socket_flow_connection::{CloseCode, Config, Error, Message, WebSocket};
use tokio::io::DuplexStream;

mod support;
use support::chaos::{Chaos, Faults, Mode};
use support::{Client, Random, Server, open};

const MESSAGES: usize = 60;
const SEEDS: u64 = 20;

/// Message `n` of a side: its number, the checksum of its body, and a body of
/// any length, now and then a large one.
fn message(random: &mut Random, n: usize) -> Message {
    let len = match random.below(20) {
        0 => 20_000 + random.below(80_000),
        1..=4 => random.below(3_000),
        _ => random.below(130),
    };
    let word: String = (0..97)
        .map(|_| (b'a' + random.below(26) as u8) as char)
        .collect();
    let body = &word.repeat(len / word.len() + 1)[..len];
    let text = format!("{n} {} {body}", checksum(body.as_bytes()));
    if random.below(2) == 0 {
        text.into()
    } else {
        Bytes::from(text).into()
    }
}

/// Fails unless it is message `n`, as it was sent.
fn check(message: &Message, n: usize) {
    let text = std::str::from_utf8(message.as_bytes()).unwrap();
    let mut parts = text.splitn(3, ' ');
    let mut next = || parts.next().unwrap();
    assert_eq!(next(), n.to_string(), "lost or reordered");
    let sum = next();
    assert_eq!(sum, checksum(next().as_bytes()).to_string());
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

type Socket = WebSocket<Chaos<DuplexStream>>;

fn sockets(mode: Mode, seed: u64) -> (Socket, Socket) {
    let (near, far) = tokio::io::duplex(1 + (seed as usize * 977) % 5_000);
    // Some seeds fragment what they send.
    let config = Config::new().fragment(if seed % 3 == 0 { 700 } else { usize::MAX });
    (
        open(Chaos::new(near, mode, 2 * seed), Client, config.clone()),
        open(Chaos::new(far, mode, 2 * seed + 1), Server, config),
    )
}

/// The client sends and counts echoes; both in one task each.
async fn echo(mode: Mode, seed: u64) -> Faults {
    let (mut client, mut server) = sockets(mode, seed);
    let echoing = tokio::spawn(async move {
        let (reader, writer) = server.halves();
        while let Some(message) = reader.recv(writer).await? {
            writer.queue(message)?;
        }
        Ok::<_, Error>(())
    });
    let mut random = Random::new(seed);
    let (mut sent, mut received) = (0, 0);
    // Who sends without receiving must not have more under way than the peer
    // may queue.
    let mut under_way = 0;
    while received < MESSAGES {
        while sent < MESSAGES && under_way < 50_000 {
            let message = message(&mut random, sent);
            under_way += message.len();
            match random.below(3) {
                0 => client.send(message).await.unwrap(),
                _ => {
                    client.ready().await.unwrap();
                    client.queue(message).unwrap();
                }
            }
            sent += 1;
        }
        let message = client.recv().await.unwrap().unwrap();
        check(&message, received);
        under_way -= message.len();
        received += 1;
    }
    let outcome = client.close(CloseCode::NORMAL, "done").await.unwrap();
    assert!(outcome.clean, "seed {seed}");
    echoing.await.unwrap().unwrap();
    client.get_ref().faults
}

/// Both send and receive at once, each with its halves in two tasks.
async fn both_ways(mode: Mode, seed: u64) {
    let (client, server) = sockets(mode, seed);
    let mut tasks = Vec::new();
    let mut writers = Vec::new();
    for (ws, seed) in [(client, seed), (server, seed + 100)] {
        let (mut reader, mut writer) = ws.split();
        tasks.push(tokio::spawn(async move {
            for n in 0..MESSAGES {
                let message = reader.recv().await.unwrap().unwrap();
                check(&message, n);
            }
            assert_eq!(reader.recv().await.unwrap(), None, "seed {seed}");
        }));
        writers.push(tokio::spawn(async move {
            let mut random = Random::new(seed);
            for n in 0..MESSAGES {
                let message = message(&mut random, n);
                if random.below(4) == 0 {
                    writer.ping(b"now and then").await.unwrap();
                }
                writer.send(message).await.unwrap();
            }
            writer
        }));
    }
    let mut done = Vec::new();
    for writer in writers {
        done.push(writer.await.unwrap());
    }
    for mut writer in done {
        writer.close(CloseCode::NORMAL, "").await.unwrap();
    }
    for task in tasks {
        task.await.unwrap();
    }
}

async fn all_seeds(mode: Mode) {
    let mut all = Faults::default();
    for seed in 1..=SEEDS {
        let faults = echo(mode, seed).await;
        all.short += faults.short;
        all.pending += faults.pending;
        all.woken_elsewhere += faults.woken_elsewhere;
        all.interrupted += faults.interrupted;
        all.flush_pending += faults.flush_pending;
        both_ways(mode, seed).await;
    }
    assert!(all.short > 0 && all.pending > 0 && all.woken_elsewhere > 0 && all.interrupted > 0);
    assert_eq!(all.flush_pending > 0, mode != Mode::Read);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_doubled_or_reordered_when_reads_misbehave() {
    all_seeds(Mode::Read).await;
}

/// RFC 6455 §6.1.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_doubled_or_reordered_when_writes_misbehave() {
    all_seeds(Mode::Write).await;
}

/// RFC 6455 §5.4.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_doubled_or_reordered_when_both_misbehave() {
    all_seeds(Mode::Both).await;
}
