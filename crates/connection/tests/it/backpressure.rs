//! Full write queues and slow peers.

use std::task::Poll;

use socket_flow_connection::{Error, Message};

use crate::support::frames::{BINARY, TEXT, parse, whole};
use crate::support::record::Recorder;
use crate::support::{Client, Server, no_deadlines, open, pair, poll_dry, poll_once};

#[tokio::test(start_paused = true)]
async fn two_peers_that_queue_a_large_message_and_then_receive_do_not_wait_for_each_other() {
    let (mut client, mut server) = pair(1000);
    client.queue(vec![1; 1 << 20]).unwrap();
    server.queue(vec![2; 1 << 20]).unwrap();
    let (to_client, to_server) = tokio::join!(
        async {
            let message = client.recv().await?;
            client.flush().await?;
            Ok::<_, Error>(message)
        },
        async {
            let message = server.recv().await?;
            server.flush().await?;
            Ok::<_, Error>(message)
        }
    );
    assert_eq!(to_client.unwrap().unwrap().as_bytes(), [2; 1 << 20]);
    assert_eq!(to_server.unwrap().unwrap().as_bytes(), [1; 1 << 20]);
}

#[tokio::test]
async fn a_reply_loop_stops_reading_while_its_peer_does_not_read() {
    let (io, far) = Recorder::with_room(0);
    let mut ws = open(io, Server, no_deadlines());
    let mut sent = 0;
    for n in 0..2_000_u32 {
        let mut payload = vec![0; 1000];
        payload[..4].copy_from_slice(&n.to_be_bytes());
        far.tape().feed(Ok(whole(Client, BINARY, &payload)));
        sent += 1;
    }
    let mut echoed = 0;
    while let Poll::Ready(message) = poll_dry(|| poll_once(ws.recv())) {
        ws.queue(message.unwrap().unwrap()).unwrap();
        echoed += 1;
    }
    assert!((60..80).contains(&echoed), "{echoed}");
    let unread = far.tape().reads.len();
    assert!(unread > sent - 80, "{unread}");
    assert!(ws.buffered_amount() < 70_000);
    // Both directions recover.
    far.tape().make_room(usize::MAX);
    while let Poll::Ready(message) = poll_dry(|| poll_once(ws.recv())) {
        ws.queue(message.unwrap().unwrap()).unwrap();
        echoed += 1;
    }
    assert_eq!(echoed, sent);
    let written = far.tape().written();
    for (n, frame) in parse(&written).iter().enumerate() {
        assert_eq!(frame.payload[..4], (n as u32).to_be_bytes());
    }
}

#[tokio::test]
async fn a_held_message_is_not_lost_with_its_receive_and_is_received_any_way() {
    let hold = || {
        let (io, far) = Recorder::with_room(0);
        let mut ws = open(io, Server, no_deadlines());
        ws.queue(vec![0; 70_000]).unwrap();
        far.tape().feed(Ok(whole(Client, TEXT, b"held")));
        for _ in 0..3 {
            assert!(poll_once(ws.recv()).is_pending());
        }
        (ws, far)
    };
    let (mut ws, far) = hold();
    far.tape().make_room(usize::MAX);
    assert_eq!(ws.recv().await.unwrap(), Some(Message::from("held")));

    let (mut ws, far) = hold();
    far.tape().make_room(usize::MAX);
    let (reader, writer) = ws.halves();
    let message = reader.recv(writer).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("held"));

    let (ws, _far) = hold();
    let (mut reader, _writer) = ws.into_split();
    assert_eq!(reader.recv().await.unwrap(), Some(Message::from("held")));
}
