//! Receiving and sending, in memory and on one thread.
//!
//! Every figure is one batch: small messages come and go many at a time, as
//! a busy connection sees them. Throughput counts payload bytes. Compressed
//! messages are in `deflate.rs`.
//!
//! Messages arrive in reads of 64 KiB, copied into the input or, where they
//! are large, straight into the message; `whole` is without reads and copies,
//! all at once in an input that was just written, and so in the cache as far as
//! it fits.

#![allow(missing_docs)] // criterion's macros

use std::hint::black_box;

use bytes::{Buf, BufMut, Bytes};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use socket_flow_frames::{FrameHeader, MaskKey, OpCode, Rsv, mask};
use socket_flow_protocol::{Config, EventRef, Input, MessageRef, Negotiated, Protocol};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The size of a read, and of the buffer it goes to.
const READ: usize = 64 << 10;

/// Text whose characters take one to three bytes.
const MIXED: &str = "Grüße, 世界! ";
const ASCII: &str = "plain words, ";

/// What a client sends: `count` messages of `len` bytes in frames of at most
/// `fragment` bytes, their payloads made of `unit`.
fn wire(opcode: OpCode, unit: &str, len: usize, fragment: usize, count: usize) -> Vec<u8> {
    let mut payload = unit.repeat(len / unit.len());
    payload.extend(std::iter::repeat_n('.', len - payload.len()));
    let payload = payload.as_bytes();
    let mut bytes = Vec::new();
    for _ in 0..count {
        let last = len.div_ceil(fragment) - 1;
        for (at, part) in payload.chunks(fragment).enumerate() {
            let header = FrameHeader {
                fin: at == last,
                rsv: Rsv::NONE,
                opcode: if at == 0 {
                    opcode
                } else {
                    OpCode::Continuation
                },
                mask: Some(MaskKey::from(KEY)),
                len: part.len() as u64,
            };
            bytes.extend_from_slice(&header.encode());
            let start = bytes.len();
            bytes.extend_from_slice(part);
            mask::apply(&mut bytes[start..], MaskKey::from(KEY), 0);
        }
    }
    bytes
}

fn server() -> Protocol {
    Protocol::server(Config::new(), Negotiated::default())
}

/// Reads `wire` in reads of 64 KiB, large payloads directly, and lends or
/// takes its messages.
fn receive(protocol: &mut Protocol, input: &mut Input, mut wire: &[u8], owned: bool) -> usize {
    let mut received = 0;
    loop {
        while let Some(found) = protocol.step(input).expect("valid frames") {
            if owned {
                let (incoming, _) = protocol.halves();
                black_box(incoming.take(found, input));
                received += 1;
            } else if let EventRef::Message(message) = protocol.lend(found, input) {
                black_box(message.as_bytes());
                received += 1;
            }
        }
        if wire.is_empty() {
            return received;
        }
        let (incoming, outgoing) = protocol.halves();
        let count = if let Some(mut direct) = incoming.direct(input) {
            let count = direct.chunk_mut().len().min(wire.len()).min(READ);
            read(&mut direct, &wire[..count]);
            incoming.direct_done(count, outgoing).expect("valid text");
            count
        } else {
            input.reserve(if input.is_empty() { READ } else { 1 });
            let count = input.spare_capacity().min(wire.len());
            read(&mut input.spare(), &wire[..count]);
            count
        };
        wire = &wire[count..];
    }
}

/// Stands for a read: copies `from` in pieces that no C library makes a `rep
/// movsb` of, which takes ten times as long for some pairs of addresses (see
/// `socket_flow_frames::append`).
fn read(to: &mut impl BufMut, from: &[u8]) {
    for piece in from.chunks(2 << 10) {
        to.put_slice(piece);
    }
}

fn bench_receive(criterion: &mut Criterion) {
    const WHOLE: usize = usize::MAX;
    let cases = [
        ("binary 32 B", OpCode::Binary, ASCII, 32, WHOLE, 1000),
        ("text 32 B", OpCode::Text, MIXED, 32, WHOLE, 1000),
        ("binary 125 B", OpCode::Binary, ASCII, 125, WHOLE, 500),
        ("binary 1 KiB", OpCode::Binary, ASCII, 1 << 10, WHOLE, 60),
        ("ASCII text 1 KiB", OpCode::Text, ASCII, 1 << 10, WHOLE, 60),
        ("text 1 KiB", OpCode::Text, MIXED, 1 << 10, WHOLE, 60),
        ("binary 16 KiB", OpCode::Binary, ASCII, 16 << 10, WHOLE, 4),
        ("binary 64 KiB", OpCode::Binary, ASCII, 64 << 10, WHOLE, 1),
        ("text 64 KiB", OpCode::Text, MIXED, 64 << 10, WHOLE, 1),
        ("binary 1 MiB", OpCode::Binary, ASCII, 1 << 20, WHOLE, 1),
        ("ASCII text 1 MiB", OpCode::Text, ASCII, 1 << 20, WHOLE, 1),
        ("text 1 MiB", OpCode::Text, MIXED, 1 << 20, WHOLE, 1),
        (
            "text 1 MiB in 1 KiB fragments",
            OpCode::Text,
            MIXED,
            1 << 20,
            1 << 10,
            1,
        ),
        (
            "binary 1 MiB in 64 KiB fragments",
            OpCode::Binary,
            ASCII,
            1 << 20,
            64 << 10,
            1,
        ),
    ];
    let mut group = criterion.benchmark_group("receive");
    for (name, opcode, unit, len, fragment, count) in cases {
        let wire = wire(opcode, unit, len, fragment, count);
        group.throughput(Throughput::Bytes((len * count) as u64));
        for (kind, owned) in [("lent", false), ("owned", true)] {
            group.bench_function(format!("{name}, {kind}"), |bencher| {
                let mut protocol = server();
                let mut input = Input::new();
                bencher.iter(|| {
                    let received = receive(&mut protocol, &mut input, &wire, owned);
                    assert_eq!(received, count);
                });
            });
        }
        // All at once in the input: what parsing alone costs, without the
        // copy that stands for a read.
        group.bench_function(format!("{name}, lent, whole"), |bencher| {
            let mut protocol = server();
            bencher.iter_batched_ref(
                || Input::from(&wire[..]),
                |input| {
                    while let Some(found) = protocol.step(input).expect("valid frames") {
                        black_box(protocol.lend(found, input));
                    }
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn bench_send(criterion: &mut Criterion) {
    let cases = [
        ("32 B", 32, 1000),
        ("125 B", 125, 500),
        ("1 KiB", 1 << 10, 60),
        ("16 KiB", 16 << 10, 4),
        ("64 KiB", 64 << 10, 1),
        ("1 MiB", 1 << 20, 1),
    ];
    let mut group = criterion.benchmark_group("send");
    for (name, len, count) in cases {
        let payload = Bytes::from(vec![b'x'; len]);
        group.throughput(Throughput::Bytes((len * count) as u64));
        for role in ["server", "client"] {
            let new = || match role {
                "server" => server(),
                _ => Protocol::client(Config::new(), Negotiated::default(), [7; 32]),
            };
            group.bench_function(format!("{name}, {role}, lent"), |bencher| {
                let mut protocol = new();
                bencher.iter(|| {
                    for _ in 0..count {
                        protocol.queue(MessageRef::from(&*payload)).expect("room");
                    }
                    let output = protocol.output();
                    output.advance(black_box(output.remaining()));
                });
            });
            group.bench_function(format!("{name}, {role}, owned"), |bencher| {
                let mut protocol = new();
                bencher.iter(|| {
                    for _ in 0..count {
                        protocol.queue(payload.clone()).expect("room");
                    }
                    let output = protocol.output();
                    output.advance(black_box(output.remaining()));
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, bench_receive, bench_send);
criterion_main!(benches);
