//! Both roles' work for one handshake, from bytes to bytes, and a head that trickles in.

#![allow(missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use socket_flow_handshake::client::{Offer, request, verify};
use socket_flow_handshake::head::{
    HeadLimits, RequestDecoder, ResponseDecoder, encode_request, encode_response,
};
use socket_flow_handshake::key::Key;
use socket_flow_handshake::server::{Choices, accept};
use socket_flow_handshake::target::Target;

/// What a browser sends.
const REQUEST: &[u8] = b"GET /chat HTTP/1.1\r\n\
    Host: example.com\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: */*\r\n\
    Accept-Language: en-US,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br, zstd\r\n\
    Sec-WebSocket-Version: 13\r\n\
    Origin: https://example.com\r\n\
    Sec-WebSocket-Protocol: chat.v2, chat.v1\r\n\
    Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Connection: keep-alive, Upgrade\r\n\
    Cookie: session=0123456789abcdef0123456789abcdef\r\n\
    Pragma: no-cache\r\n\
    Cache-Control: no-cache\r\n\
    Upgrade: websocket\r\n\r\n";

fn server(c: &mut Criterion) {
    let choices = Choices::default().subprotocols(["chat.v1"]);
    let mut group = c.benchmark_group("server");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("parse and reply", |b| {
        b.iter(|| {
            let mut decoder = RequestDecoder::new(HeadLimits::default());
            let (request, _) = decoder.decode(black_box(REQUEST)).unwrap().unwrap();
            let (response, _) = accept(&request, &choices).unwrap();
            encode_response(&response)
        });
    });
    group.bench_function("parse byte by byte", |b| {
        b.iter(|| {
            let mut decoder = RequestDecoder::new(HeadLimits::default());
            for end in 0..REQUEST.len() {
                assert!(
                    decoder
                        .decode(black_box(&REQUEST[..end]))
                        .unwrap()
                        .is_none()
                );
            }
            decoder.decode(black_box(REQUEST)).unwrap().unwrap()
        });
    });
    group.finish();
}

fn client(c: &mut Criterion) {
    let key = Key::new(*b"the sample nonce");
    let offer = Offer::default().subprotocols(["chat.v1"]);
    let (request_head, _) = RequestDecoder::new(HeadLimits::default())
        .decode(REQUEST)
        .unwrap()
        .unwrap();
    let choices = Choices::default().subprotocols(["chat.v1"]);
    let answer = encode_response(&accept(&request_head, &choices).unwrap().0);
    c.bench_function("client/ask and verify", |b| {
        b.iter(|| {
            let target = Target::parse(black_box("ws://example.com/chat")).unwrap();
            let question = encode_request(&request(&target.uri(), &offer, &key).unwrap());
            let mut decoder = ResponseDecoder::new(HeadLimits::response());
            let (response, _) = decoder.decode(black_box(&answer)).unwrap().unwrap();
            (question, verify(&response, &offer, &key).unwrap())
        });
    });
}

criterion_group!(benches, server, client);
criterion_main!(benches);
