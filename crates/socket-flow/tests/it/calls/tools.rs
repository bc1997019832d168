//! A server's connection over a pipe, and the peer's end of it, which nobody reads but the test.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::BytesMut;
use socket_flow::protocol::{Negotiated, Role};
use socket_flow::{Config, WebSocket};
use tokio::io::{AsyncReadExt, DuplexStream};
use tokio::time::Instant;

/// A Close of the peer's with 1000.
pub(crate) const CLOSE: &[u8] = b"\x88\x82\0\0\0\0\x03\xe8";

/// The same Close of ours.
pub(crate) const OUR_CLOSE: &[u8] = b"\x88\x02\x03\xe8";

/// A connection with all defaults over a pipe that holds this many bytes.
pub(crate) fn open(pipe: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
    let (near, far) = tokio::io::duplex(pipe);
    let (read, role) = (BytesMut::new(), Role::Server);
    let ws = WebSocket::from_parts(near, read, role, Negotiated::default(), Config::default());
    (ws, far)
}

/// A message of 1 KiB as it is on the wire, without a mask.
pub(crate) fn kilobyte() -> Vec<u8> {
    vec![b'x'; 1024]
}

/// Queues messages until there is no room; how many there were.
pub(crate) fn fill(ws: &mut WebSocket<DuplexStream>) -> usize {
    let queued = (0..).take_while(|_| ws.queue(kilobyte()).is_ok());
    queued.take(1_000).count()
}

/// What the pipe holds: nobody runs the other end.
pub(crate) async fn read(far: &mut DuplexStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    far.read_exact(&mut bytes).await.unwrap();
    bytes
}

/// The stall time, which is looked at in quarters.
pub(crate) fn stall() -> RangeInclusive<Duration> {
    Duration::from_secs(30)..=Duration::from_millis(37_500)
}

pub(crate) fn is_after(start: Instant, span: &RangeInclusive<Duration>) {
    assert!(span.contains(&start.elapsed()), "{:?}", start.elapsed());
}
