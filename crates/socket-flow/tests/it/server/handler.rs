//! Connections given to a function.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use socket_flow::{CloseCode, PeerAddr, Sender, Server, ServerStream, WebSocket};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::server::tools::{bounded, connect, dial, echo, sockets_at, tasks, until};
use crate::support::{HELLO, MASKED_HELLO, REQUEST};

#[tokio::test]
async fn a_handler_gets_the_connection_and_its_request() {
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|mut ws: WebSocket<ServerStream>, request| async move {
            let peer = *request.extensions().get::<PeerAddr>().unwrap();
            assert_eq!(
                ws.get_ref().peer_addr().unwrap(),
                peer.socket_addr().unwrap()
            );
            ws.send(format!("{} {peer}", request.uri())).await?;
            ws.close(CloseCode::NORMAL, "that is all").await.map(drop)
        })
        .await
        .unwrap();
    let mut ws = connect(&server).await;
    let own = ws.get_ref().local_addr().unwrap();
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some(&*format!("/chat {own}")));
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    assert_eq!(&*ws.close_frame().unwrap().reason, "that is all");
    until(|| server.connections() == 0).await;
}

#[tokio::test]
async fn pipelined_messages_are_answered_in_one_segment() {
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let mut tcp = dial(&server).await;
    let batch = [REQUEST.as_bytes(), &MASKED_HELLO.repeat(100)].concat();
    tcp.write_all(&batch).await.unwrap();
    let mut answer = Vec::new();
    let expected = HELLO.repeat(100);
    bounded(async {
        while !answer.ends_with(&expected) {
            assert_ne!(tcp.read_buf(&mut answer).await.unwrap(), 0);
        }
    })
    .await;
}

#[tokio::test]
async fn a_handler_that_panics_or_fails_ends_its_connection_and_no_other() {
    let calls = Arc::new(AtomicUsize::new(0));
    let server = Server::bind("127.0.0.1:0")
        .serve_with({
            let calls = Arc::clone(&calls);
            move |ws, request| {
                let call = calls.fetch_add(1, Ordering::SeqCst);
                async move {
                    assert_ne!(call, 1, "the second one panics");
                    match call {
                        2 => Err(socket_flow::Error::Closed { code: 1006 }),
                        _ => echo(ws, request).await,
                    }
                }
            }
        })
        .await
        .unwrap();
    let mut first = connect(&server).await;
    let mut second = connect(&server).await;
    let mut third = connect(&server).await;
    for ws in [&mut second, &mut third] {
        assert_eq!(bounded(ws.recv()).await.unwrap(), None);
        assert_eq!(ws.close_frame().unwrap().code, CloseCode::INTERNAL_ERROR);
    }
    first.send("hello").await.unwrap();
    assert!(bounded(first.recv()).await.unwrap().is_some());
    until(|| server.connections() == 1).await;
}

#[tokio::test]
async fn other_tasks_send_on_a_connection_that_a_handler_reads() {
    let (senders, mut opened) = mpsc::unbounded_channel::<Sender>();
    let server = Server::bind("127.0.0.1:0")
        .serve_with(move |mut ws: WebSocket<ServerStream>, request| {
            senders.send(ws.sender()).unwrap();
            echo(ws, request)
        })
        .await
        .unwrap();
    let mut ws = connect(&server).await;
    let sender = opened.recv().await.unwrap();
    sender.send("from elsewhere").await.unwrap();
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("from elsewhere"));
    sender.close(CloseCode::POLICY_VIOLATION, "").unwrap();
    assert_eq!(bounded(ws.recv()).await.unwrap(), None);
    assert_eq!(ws.close_frame().unwrap().code, CloseCode::POLICY_VIOLATION);
}

#[tokio::test]
async fn the_last_words_of_a_handler_arrive_also_while_the_client_sends_on() {
    let server = Server::bind("127.0.0.1:0")
        .serve_with(|mut ws: WebSocket<ServerStream>, _| async move {
            ws.recv().await?;
            ws.queue("last words").map_err(socket_flow::Error::from)
        })
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let (mut read, mut write) = tcp.into_split();
    write.write_all(REQUEST.as_bytes()).await.unwrap();
    let sending = tokio::spawn(async move {
        // Far more than the server has read when its handler returns.
        for _ in 0..1000 {
            write.write_all(&MASKED_HELLO.repeat(100)).await?;
        }
        write.shutdown().await
    });
    sending.await.unwrap().unwrap();
    let mut answer = Vec::new();
    bounded(read.read_to_end(&mut answer)).await.unwrap();
    assert!(answer.ends_with(b"\x81\x0alast words\x88\x02\x03\xe8"));
    until(|| tasks() == 1).await;
    assert_eq!(sockets_at(port), 1, "only the listener is left");
}
