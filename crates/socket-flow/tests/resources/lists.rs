//! What a server holds while it judges heads full of lists: elements are not kept one by one.

use socket_flow::{Acceptor, Deflate};
use tokio::io::AsyncWriteExt;

use crate::heap::{Heap, alone};
use crate::support::REQUEST;

/// What a line of a request may have, less than the name of any header here takes of it.
const LINE: usize = (8 << 10) - 128;

#[test]
fn a_head_full_of_list_elements_is_judged_in_little_more_than_its_length() {
    alone(async || {
        let plain = peak("X: ", "a").await;
        println!("{plain} bytes for a head of 16 KiB");
        for (line, element) in [
            ("Connection: ", "a,"),
            ("Upgrade: ", "a,"),
            ("Upgrade: ", "a/b,"),
            ("Sec-WebSocket-Protocol: a", ","),
            ("Sec-WebSocket-Protocol: ", "a,"),
            ("Sec-WebSocket-Extensions: a", ","),
            ("Sec-WebSocket-Extensions: ", "a,"),
            ("Sec-WebSocket-Extensions: ", "a;b,"),
            ("Sec-WebSocket-Extensions: a", ";b"),
            ("Sec-WebSocket-Extensions: a", ";b=\"c\""),
            ("Sec-WebSocket-Extensions: permessage-deflate", ";a=b"),
        ] {
            let peak = peak(line, element).await;
            println!("{peak} bytes for {line}{element}…");
            // Reading the head takes more than judging it.
            assert!(peak <= plain + (1 << 10), "{line}: {peak}, {plain}");
        }
    });
}

/// The most that is held until a request is judged that has two such lines.
async fn peak(line: &str, element: &str) -> usize {
    let (near, mut far) = tokio::io::duplex(32 << 10);
    let line = line.to_owned() + &element.repeat((LINE - line.len()) / element.len()) + "\r\n";
    let head = REQUEST.strip_suffix("\r\n").unwrap().to_owned() + &line + &line + "\r\n";
    assert!((15 << 10..16 << 10).contains(&head.len()), "{}", head.len());
    far.write_all(head.as_bytes()).await.unwrap();
    let acceptor = Acceptor::new().deflate(Deflate::balanced());
    let heap = Heap::watch();
    let pending = acceptor.read(near).await.unwrap();
    let peak = heap.peak();
    drop(pending);
    peak
}
