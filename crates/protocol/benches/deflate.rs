//! Compressing and decompressing messages, beside the bare codec on the same
//! bytes.
//!
//! Throughput counts the bytes of the messages before compression. With
//! `cargo bench` it is criterion's; called as
//!
//! ```text
//! valgrind --tool=callgrind <the binary> <job> <length> <count> [alone]
//! valgrind <the binary> memory <send | receive | idle> <bits> <memory level> <count>
//! ```
//!
//! it does one of [`JOBS`] that many times, or makes so many contexts: to
//! count instructions and bytes. `ratios` prints how much shorter messages get. See
//! `docs/compression.md`.

#![allow(missing_docs)] // criterion's macros

use std::env;
use std::hint::black_box;

use bytes::{Buf, BufMut, BytesMut};
use criterion::{Criterion, Throughput};
use socket_flow_protocol::{
    Compressed, Config, Deflate, DeflateParams, Input, Negotiated, Protocol,
};
use zlib_rs::{DeflateConfig, DeflateFlush, Inflate, InflateFlush};

/// What can be counted.
const JOBS: [&str; 5] = [
    "send",
    "send-bare",
    "receive",
    "receive-bare",
    "receive-wire",
];

const TAIL: [u8; 4] = [0x00, 0x00, 0xff, 0xff];

/// JSON as an API sends it: keys that repeat, values that mostly do not.
fn json(len: usize, seed: u32) -> Vec<u8> {
    let mut text = String::from("{\"orders\":[");
    let mut number = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    while text.len() < len {
        number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push_str(&format!(
            "{{\"id\":{},\"symbol\":\"{}\",\"side\":\"{}\",\"price\":{}.{:02},\"open\":{}}},",
            number,
            ["ACME", "GLOBEX", "INITECH", "UMBRELLA"][(number >> 8) as usize % 4],
            if number >> 16 & 1 == 0 { "buy" } else { "sell" },
            number % 1000,
            number / 7 % 100,
            number >> 20 & 1 == 0,
        ));
    }
    text.truncate(len);
    text.into_bytes()
}

/// So many different messages that each is out of every window when it comes
/// again: a kept context must not find it there whole.
fn messages(len: usize) -> Vec<String> {
    let count = ((128 << 10) / len as u32).max(4);
    let texts = (0..count).map(|seed| json(len, seed));
    texts
        .map(|text| String::from_utf8(text).expect("ASCII"))
        .collect()
}

fn agreed(keeps_context: bool) -> Negotiated {
    Negotiated::default().with_deflate(DeflateParams {
        server_no_context_takeover: !keeps_context,
        ..DeflateParams::default()
    })
}

fn codec() -> zlib_rs::Deflate {
    zlib_rs::Deflate::new_with_config(DeflateConfig {
        level: 1,
        mem_level: 8,
        window_bits: -15,
        ..DeflateConfig::default()
    })
}

/// The bare codec: one call on a buffer that is large enough. Returns the
/// length without the tail.
fn compress(codec: &mut zlib_rs::Deflate, message: &[u8], out: &mut [u8]) -> usize {
    let before = codec.total_out();
    codec
        .compress(message, out, DeflateFlush::SyncFlush)
        .expect("a codec in order");
    (codec.total_out() - before) as usize - TAIL.len()
}

/// The bare codec: one call, the tail already in place.
fn decompress(codec: &mut Inflate, payload: &[u8], out: &mut [u8]) -> usize {
    let before = codec.total_out();
    codec
        .decompress(payload, out, InflateFlush::SyncFlush)
        .expect("valid data");
    (codec.total_out() - before) as usize
}

/// The bare codec on what the wire carries: the payload, and then the tail,
/// which is not there.
fn decompress_wire(codec: &mut Inflate, payload: &[u8], out: &mut [u8]) -> usize {
    let len = decompress(codec, payload, out);
    len + decompress(codec, &TAIL, out.get_mut(len..).expect("room"))
}

/// Sends messages as a server does.
struct Sender {
    protocol: Protocol,
    messages: Vec<String>,
}

impl Sender {
    fn new(len: usize, keeps_context: bool) -> Self {
        Self {
            protocol: Protocol::server(Config::new(), agreed(keeps_context)),
            messages: messages(len),
        }
    }

    fn send(&mut self, at: usize) {
        let message = &self.messages[at % self.messages.len()];
        let queued = self.protocol.queue(Compressed(&message[..]));
        assert!(queued.is_ok());
        // A busy connection writes what has gathered.
        if at % 16 == 15 || self.protocol.outgoing().is_full() {
            let output = self.protocol.output();
            output.advance(black_box(output.remaining()));
        }
    }
}

struct BareSender {
    codec: zlib_rs::Deflate,
    keeps_context: bool,
    messages: Vec<String>,
    out: Vec<u8>,
}

impl BareSender {
    fn new(len: usize, keeps_context: bool) -> Self {
        Self {
            codec: codec(),
            keeps_context,
            messages: messages(len),
            out: vec![0; 2 * len + 100],
        }
    }

    fn send(&mut self, at: usize) {
        let message = &self.messages[at % self.messages.len()];
        black_box(compress(&mut self.codec, message.as_bytes(), &mut self.out));
        if !self.keeps_context {
            self.codec.reset();
        }
    }
}

/// What a server with a kept context sends, as payloads without their tails.
/// They can be received in a circle: the first refers to nothing before it.
fn payloads(len: usize, keeps_context: bool) -> Vec<Vec<u8>> {
    let mut codec = codec();
    let mut out = vec![0; 2 * len + 100];
    let messages = messages(len);
    let mut payloads = Vec::new();
    for message in &messages {
        let len = compress(&mut codec, message.as_bytes(), &mut out);
        payloads.push(out[..len].to_vec());
        if !keeps_context {
            codec.reset();
        }
    }
    payloads
}

/// Receives as a client does, each frame in a read of its own.
struct Receiver {
    protocol: Protocol,
    input: Input,
    frames: Vec<Vec<u8>>,
}

impl Receiver {
    fn new(len: usize, keeps_context: bool) -> Self {
        let frames = payloads(len, keeps_context).into_iter().map(|payload| {
            let mut frame = BytesMut::new();
            frame.put_u8(0xc1);
            match payload.len() {
                0..=125 => frame.put_u8(payload.len() as u8),
                126..=0xffff => {
                    frame.put_u8(126);
                    frame.put_u16(payload.len() as u16);
                }
                _ => {
                    frame.put_u8(127);
                    frame.put_u64(payload.len() as u64);
                }
            }
            frame.put_slice(&payload);
            frame.to_vec()
        });
        let mut input = Input::new();
        input.reserve(64 << 10);
        Self {
            protocol: Protocol::client(Config::new(), agreed(keeps_context), [7; 32]),
            input,
            frames: frames.collect(),
        }
    }

    fn receive(&mut self, at: usize) -> usize {
        let frame = &self.frames[at % self.frames.len()];
        self.input.reserve(frame.len());
        self.input.spare().put_slice(frame);
        let found = self.protocol.step(&mut self.input).expect("valid frames");
        let found = found.expect("a whole frame");
        let message = self.protocol.lend_message(found, &self.input);
        let text = message.and_then(|message| message.as_text());
        black_box(text.expect("a text message")).len()
    }
}

struct BareReceiver {
    codec: Inflate,
    payloads: Vec<Vec<u8>>,
    out: Vec<u8>,
    /// One call on the payload, its tail in place; otherwise as the wire
    /// carries it.
    in_place: bool,
    keeps_context: bool,
}

impl BareReceiver {
    fn new(len: usize, keeps_context: bool, in_place: bool) -> Self {
        let mut payloads = payloads(len, keeps_context);
        if in_place {
            for payload in &mut payloads {
                payload.extend_from_slice(&TAIL);
            }
        }
        Self {
            codec: Inflate::new(false, 15),
            payloads,
            out: vec![0; len + (1 << 10)],
            in_place,
            keeps_context,
        }
    }

    fn receive(&mut self, at: usize) -> usize {
        let payload = &self.payloads[at % self.payloads.len()];
        let decompress = if self.in_place {
            decompress
        } else {
            decompress_wire
        };
        let len = black_box(decompress(&mut self.codec, payload, &mut self.out));
        if !self.keeps_context {
            self.codec.reset(false);
        }
        len
    }
}

/// The same job again and again.
fn job(name: &str, len: usize, keeps_context: bool) -> Box<dyn FnMut(usize)> {
    match name {
        "send" => {
            let mut sender = Sender::new(len, keeps_context);
            Box::new(move |at| sender.send(at))
        }
        "send-bare" => {
            let mut sender = BareSender::new(len, keeps_context);
            Box::new(move |at| sender.send(at))
        }
        "receive" => {
            let mut receiver = Receiver::new(len, keeps_context);
            Box::new(move |at| assert_eq!(receiver.receive(at), len))
        }
        "receive-bare" => {
            let mut receiver = BareReceiver::new(len, keeps_context, true);
            Box::new(move |at| assert_eq!(receiver.receive(at), len))
        }
        "receive-wire" => {
            let mut receiver = BareReceiver::new(len, keeps_context, false);
            Box::new(move |at| assert_eq!(receiver.receive(at), len))
        }
        other => panic!("{other} is none of {JOBS:?}"),
    }
}

fn bench(criterion: &mut Criterion) {
    for (context, keeps_context) in [("kept context", true), ("no context", false)] {
        let mut group = criterion.benchmark_group(format!("deflate, {context}"));
        for (size, len) in [("200 B", 200), ("2 KiB", 2 << 10), ("64 KiB", 64 << 10)] {
            group.throughput(Throughput::Bytes(len as u64));
            for name in JOBS {
                let mut job = job(name, len, keeps_context);
                let mut at = 0;
                group.bench_function(format!("{name} {size}"), |bencher| {
                    bencher.iter(|| {
                        job(at);
                        at += 1;
                    });
                });
            }
        }
        group.finish();
    }
}

/// How long messages are, compressed by each preset, on average.
#[allow(clippy::print_stdout)] // what it is for
fn ratios() {
    let presets = [
        ("balanced", Deflate::balanced(), true),
        ("smallest memory", Deflate::smallest_memory(), false),
        ("best ratio", Deflate::best_ratio(), true),
    ];
    for (name, deflate, keeps_context) in presets {
        for len in [200, 2 << 10, 64 << 10] {
            let params = DeflateParams {
                server_no_context_takeover: !keeps_context,
                ..deflate.params()
            };
            let config = Config::new().deflate(deflate.clone());
            let negotiated = Negotiated::default().with_deflate(params);
            let mut server = Protocol::server(config, negotiated);
            let (mut sent, mut count) = (0, 0);
            for message in messages(len) {
                assert!(server.queue(Compressed(&message[..])).is_ok());
                sent += server.output().remaining();
                count += len;
                server.output().advance(usize::MAX);
            }
            println!("{name}, {len} B: {:.2} : 1", count as f64 / sent as f64);
        }
    }
}

/// Makes a connection with one context; two runs with another count tell what
/// one of them holds.
fn memory(direction: &str, bits: u8, memory_level: u8) -> Protocol {
    let params = DeflateParams {
        server_max_window_bits: bits,
        ..DeflateParams::default()
    };
    let negotiated = Negotiated::default().with_deflate(params);
    let config = Config::new().deflate(Deflate::balanced().memory_level(memory_level));
    match direction {
        "send" => {
            let mut server = Protocol::server(config, negotiated);
            assert!(server.queue(Compressed("message")).is_ok());
            server.output().advance(usize::MAX);
            server
        }
        "receive" => {
            let mut client = Protocol::client(config, negotiated, [7; 32]);
            let mut input = Input::from(&[0xc1, 0x07, 0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0][..]);
            assert!(client.step(&mut input).is_ok_and(|found| found.is_some()));
            client.halves().0.release();
            client
        }
        _ => Protocol::server(config, negotiated),
    }
}

fn main() {
    let args: Vec<_> = env::args().skip(1).collect();
    let number = |at: usize| args[at].parse::<usize>().expect("a number");
    match args.first().map(String::as_str) {
        Some("ratios") => ratios(),
        Some("memory") => {
            let one = |_| memory(&args[1], number(2) as u8, number(3) as u8);
            black_box((0..number(4)).map(one).collect::<Vec<_>>());
        }
        Some(name) if JOBS.contains(&name) => {
            let keeps_context = args.get(3).is_none_or(|context| context != "alone");
            let mut job = job(name, number(1), keeps_context);
            (0..number(2)).for_each(&mut job);
        }
        _ => {
            let mut criterion = Criterion::default().configure_from_args();
            bench(&mut criterion);
            criterion.final_summary();
        }
    }
}
