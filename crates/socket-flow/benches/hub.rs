//! Publishing to a thousand members whose queues are full, and to as many that have room.

#![allow(missing_docs)] // criterion's macros

use std::hint::black_box;

use bytes::BytesMut;
use criterion::{Criterion, criterion_group, criterion_main};
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{Config, Hub, NEVER, SlowPolicy, WebSocket};
use tokio::io::DuplexStream;

const MEMBERS: usize = 1_000;

/// As many messages of one byte fit a queue; each counts as 64 bytes more.
const WAITING: [usize; 3] = [4, 100, 1_008];

/// A hub and its members, whose connections nobody runs.
fn crowd(policy: SlowPolicy, waiting: usize) -> (Hub, Vec<WebSocket<DuplexStream>>) {
    let config = Config::new()
        .high_water(waiting * 65)
        .ping_interval(NEVER)
        .stall_timeout(NEVER);
    let hub = Hub::new(policy);
    let members = (0..MEMBERS).map(|_| {
        let io = tokio::io::duplex(1).0;
        let negotiated = Negotiated::default();
        let config = config.clone();
        let mut ws = WebSocket::from_parts(io, BytesMut::new(), Role::Server, negotiated, config);
        assert!(hub.join("t", &ws.sender()));
        ws
    });
    let members = members.collect();
    (hub, members)
}

fn full_queues(c: &mut Criterion) {
    let mut group = c.benchmark_group("publish to 1,000 full queues");
    for (name, policy) in [
        ("drop newest", SlowPolicy::DropNewest),
        ("drop oldest", SlowPolicy::DropOldest),
    ] {
        for waiting in WAITING {
            let (hub, _members) = crowd(policy, waiting);
            for _ in 0..waiting {
                assert_eq!(hub.publish_now("t", "x").delivered, MEMBERS);
            }
            group.bench_function(format!("{name}, {waiting} messages"), |b| {
                b.iter(|| assert_eq!(black_box(hub.publish_now("t", "x")).dropped, MEMBERS));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, full_queues);
criterion_main!(benches);
