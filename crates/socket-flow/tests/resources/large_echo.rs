//! The largest message, compressed though nothing in it can be, and echoed to a peer that does not read.

use std::time::Duration;

use socket_flow::{Acceptor, Deflate};

use crate::bombs::EXTENSION;
use crate::heap::{Heap, alone};
use crate::peer::{BINARY, Buffers, CONTINUATION, FIN, RSV1, bounded, greet, open_server};
use crate::small_stack::noise;

const LEN: usize = 16 << 20;

/// What a stored block of DEFLATE holds (RFC 1951 §3.2.4).
const BLOCK: usize = 32 << 10;

#[test]
fn an_unread_echo_of_16_mib_that_do_not_compress_takes_the_message_and_what_is_made_of_it() {
    alone(async || {
        let acceptor = Acceptor::new().deflate(Deflate::balanced());
        let buffers = (Buffers::SmallToSend, Buffers::SmallToReceive);
        let (mut ws, mut peer) = open_server(acceptor, EXTENSION, buffers).await;
        greet(&mut ws, &mut peer, "hello", &[]).await;
        // Two blocks are longer than the window: nothing in them is found again.
        let blocks: Vec<_> = noise(2 * BLOCK)
            .chunks(BLOCK)
            .map(|block| [&[0x00, 0x00, 0x80, 0xff, 0x7f], block].concat())
            .collect();
        let heap = Heap::watch();
        let sending = async {
            let first = peer.frame(RSV1 | BINARY, b"");
            peer.send(first).await;
            for block in blocks.iter().cycle().take(LEN / BLOCK) {
                let fragment = peer.frame(CONTINUATION, block);
                peer.send(fragment).await;
            }
            let last = peer.frame(FIN | CONTINUATION, &[0x00]);
            peer.send(last).await;
        };
        let (message, ()) = tokio::join!(bounded(ws.recv()), sending);
        let message = message.unwrap().unwrap();
        assert_eq!(message.as_bytes().len(), LEN);
        ws.queue(message).unwrap();
        // Until nothing moves any more.
        let mut left = 0;
        while left != ws.buffered_amount() {
            left = ws.buffered_amount();
            tokio::select! {
                flushed = ws.flush() => panic!("{flushed:?}"),
                () = tokio::time::sleep(Duration::from_millis(200)) => {}
            }
        }
        let peak = heap.peak();
        println!("{peak} bytes at most, {left} left to write");
        // All of it is compressed, and what sockets take is little.
        assert!(left > LEN - (1 << 20) && left < LEN + (1 << 20), "{left}");
        assert!(peak <= 36_000_000, "{peak} bytes");
    });
}
