//! What is left of connections that have ended.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use http::Response;
use socket_flow::{CloseCode, Server, ServerStream, WebSocket};

use crate::alone;
use crate::server::tools::{ask, bounded, connect, sockets_at, tasks, until};

/// Memory of this process in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    line.unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

#[test]
fn connections_that_come_and_go_leave_nothing() {
    // Alone: what other tests hold would count as well.
    alone::run("server::leaks::in_a_process_of_its_own", &[]);
}

#[tokio::test]
#[ignore = "run by the one above"]
async fn in_a_process_of_its_own() {
    let token = Arc::new(());
    let held = Arc::clone(&token);
    let server = Server::bind("127.0.0.1:0")
        .admit({
            let held = Arc::clone(&token);
            move |mut pending| {
                pending.extensions_mut().insert(Arc::clone(&held));
                async move { pending }
            }
        })
        .respond(|_| Some(Response::new(Bytes::from_static(b"page"))))
        .serve_with(move |mut ws: WebSocket<ServerStream>, request| {
            let held = Arc::clone(&held);
            async move {
                let result = ws.recv().await.map(drop);
                drop((held, request));
                result
            }
        })
        .await
        .unwrap();
    let port = server.local_addr().unwrap().port();
    let idle = (Arc::strong_count(&token), tasks(), sockets_at(port));
    assert_eq!(idle, (3, 1, 1));
    let mut grown = Vec::new();
    for _ in 0..4 {
        for _ in 0..5 {
            let mut clients = join_all((0..50).map(|_| connect(&server))).await;
            // A third closes, a third is dropped, a third is cut off.
            for (number, mut ws) in clients.drain(..).enumerate() {
                match number % 3 {
                    0 => drop(bounded(ws.close(CloseCode::NORMAL, "")).await),
                    1 => drop(ws),
                    _ => drop(ws.into_parts()),
                }
            }
            bounded(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        }
        until(|| (Arc::strong_count(&token), tasks(), sockets_at(port)) == idle).await;
        assert_eq!(server.connections(), 0);
        grown.push(resident());
    }
    // A leak of one connection's memory would be 500 times 1 KiB at the least.
    assert!(grown[3] < grown[1] + 400, "{grown:?}");
    drop(server);
    until(|| Arc::strong_count(&token) == 1 && tasks() == 0).await;
}
