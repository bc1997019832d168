//! What the answers before an answer cost a client.

use socket_flow::ClientBuilder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::heap::{Heap, alone};
use crate::peer::poll_once;

#[test]
fn interim_answers_are_not_kept_until_the_last_one_is_there() {
    alone(async || {
        let (near, mut far) = tokio::io::duplex(1024);
        let mut connecting = Box::pin(ClientBuilder::new("ws://server/").connect_on(near));
        assert!(poll_once(&mut connecting).is_pending());
        let mut request = [0; 1024];
        assert!(far.read(&mut request).await.unwrap() > 0);

        let line = format!("X: {}\r\n", "x".repeat(8_150));
        let interim = format!("HTTP/1.1 100 Continue\r\n{line}{line}\r\n");
        let interim = interim.repeat(8);
        let heap = Heap::watch();
        for part in interim.as_bytes().chunks(1024) {
            // A task that has used its budget up reads nothing.
            tokio::task::yield_now().await;
            far.write_all(part).await.unwrap();
            assert!(poll_once(&mut connecting).is_pending());
        }
        far.write_all(b"HTTP/1.1 101 Switching").await.unwrap();
        assert!(poll_once(&mut connecting).is_pending());
        println!("{} bytes, peak {}", heap.bytes(), heap.peak());
        // One head of 16 KiB, a quarter that its buffer may be larger, and a read.
        assert!(heap.bytes() < (20 << 10) + (4 << 10), "{}", heap.bytes());
        // And one copy of it, while it is read.
        assert!(heap.peak() < (40 << 10) + (4 << 10), "{}", heap.peak());
    });
}
