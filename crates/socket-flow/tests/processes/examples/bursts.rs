//! The loops of the examples under the bursts that the documented loops meet: nothing is lost, and
//! nobody is closed.

use std::thread;

use socket_flow::{Acceptor, ClientBuilder, CloseCode, Deflate, Listener, Server, WebSocket};
use socket_flow_handshake::DeflateParams;
use socket_flow_handshake::server::Choices;

use crate::examples::burst::{all, burst, bursts, clients, config};
use crate::examples::process::{Example, block_on};
use crate::workers::on_one_and_two_workers;

#[path = "../../../../protocol/examples/blocking_echo.rs"]
#[allow(dead_code)] // it is a whole program
mod blocking_echo;
#[path = "../../../examples/quickstart.rs"]
#[allow(dead_code)] // it is a whole program
mod quickstart;
#[path = "../../../examples/server.rs"]
#[allow(dead_code)] // it is a whole program
mod server;

#[test]
fn echo_server_answers_every_burst_in_each_style() {
    for style in ["accept", "events", "handler"] {
        for threads in ["1", "2"] {
            let args = ["--serve", style, "--threads", threads, "--deflate"];
            let (_server, url) = Example::echo_server(&args);
            block_on(bursts(url));
        }
    }
}

#[test]
fn blocking_echo_answers_every_burst() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    thread::spawn(move || {
        let choices = Choices::default().deflate(DeflateParams::default());
        for stream in listener.incoming() {
            let (stream, choices) = (stream.unwrap(), choices.clone());
            thread::spawn(move || blocking_echo::serve(stream, &choices).unwrap());
        }
    });
    block_on(bursts(url));
}

#[test]
fn quickstart_answers_every_burst() {
    on_one_and_two_workers(|| async {
        for payloads in all() {
            let listener = Listener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("ws://{}/", listener.local_addr().unwrap());
            let serving =
                tokio::spawn(async move { quickstart::serve(listener.accept().await.0).await });
            // Backwards they are as they were.
            let payloads = payloads.into_iter().map(|mut payload| {
                let half = payload.len() / 2;
                let front = payload[..half].iter().rev().copied().collect::<Vec<_>>();
                let end = payload.len() - half;
                payload[end..].copy_from_slice(&front);
                payload
            });
            let payloads: Vec<_> = payloads.collect();
            let client = ClientBuilder::new(url).config(config());
            burst(client.connect().await.unwrap().0, &payloads).await;
            serving.await.unwrap().unwrap();
        }
    });
}

#[test]
fn everyone_hears_every_burst_from_the_example_server() {
    on_one_and_two_workers(|| async {
        let server = Server::bind("127.0.0.1:0").deflate(Deflate::balanced());
        let (server, events) = server.serve().await.unwrap();
        let url = format!("ws://{}/", server.local_addr().unwrap());
        let relaying = tokio::spawn(server::chat(events));
        for client in clients(&url) {
            for payloads in all() {
                heard_by_all(&client, payloads).await;
            }
        }
        drop(server);
        relaying.abort();
    });
}

/// One of five sends a burst, and all of them hear it, itself included.
async fn heard_by_all(client: &ClientBuilder, payloads: Vec<Vec<u8>>) {
    let mut listening = Vec::new();
    for _ in 0..4 {
        let (mut ws, _) = client.clone().connect().await.unwrap();
        // It is a member once it has heard itself.
        ws.send("here").await.unwrap();
        while ws.recv().await.unwrap().unwrap().as_text() != Some("here") {}
        let payloads = payloads.clone();
        listening.push(tokio::spawn(async move {
            for (number, payload) in payloads.iter().enumerate() {
                let message = binary(&mut ws).await;
                assert!(message == *payload, "message {number}");
            }
            assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
        }));
    }
    let (ws, _) = client.clone().connect().await.unwrap();
    burst(ws, &payloads).await;
    for listener in listening {
        listener.await.unwrap();
    }
}

/// The next message that is not text.
async fn binary<S>(ws: &mut WebSocket<S>) -> Vec<u8>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    loop {
        let message = ws.recv().await.unwrap().expect("it was closed");
        if !message.is_text() {
            return message.as_bytes().to_vec();
        }
    }
}

#[test]
fn autobahn_client_answers_every_burst() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let suite = thread::spawn(move || {
        block_on(async {
            let listener = Listener::from(tokio::net::TcpListener::from_std(listener).unwrap());
            let acceptor = Acceptor::new()
                .config(config())
                .deflate(Deflate::balanced());
            let mut ws = acceptor.accept(listener.accept().await.0).await.unwrap();
            ws.send("3").await.unwrap();
            ws.close(CloseCode::NORMAL, "").await.unwrap();
            for payloads in all() {
                let ws = acceptor.accept(listener.accept().await.0).await.unwrap();
                burst(ws, &payloads).await;
            }
            let mut ws = acceptor.accept(listener.accept().await.0).await.unwrap();
            ws.close(CloseCode::NORMAL, "").await.unwrap();
        });
    });
    let finished = Example::start("autobahn_client", &["--url", &url, "--agent", "a"]).finish();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    suite.join().unwrap();
}
