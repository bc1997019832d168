//! What an idle connection of a `Server` costs, its task included: with the loops that README and
//! rustdoc show, whatever its request held.

use std::net::SocketAddr;

use http::Request;
use socket_flow::{Error, Server, ServerHandle, ServerStream, WebSocket};

use crate::heap::{Heap, alone};
use crate::memory::{Each, ask};
use crate::peer::{echo, until};

/// Enough that what is allocated now and then shows as little.
const CONNECTIONS: usize = 64;

mod queued {
    #![allow(dead_code)] // it is a whole program

    include!("../../loops/echo.rs");

    pub(super) async fn serve() -> super::ServerHandle {
        let server = Server::bind("127.0.0.1:0");
        let server = server.serve_with(|mut ws, _request| async move { echo(&mut ws).await });
        server.await.unwrap()
    }
}

mod lent {
    #![allow(dead_code)] // it is a whole program

    include!("../../loops/lent.rs");

    pub(super) async fn serve() -> super::ServerHandle {
        let server = Server::bind("127.0.0.1:0");
        let server = server.serve_with(|mut ws, request| {
            assert_eq!(request.uri().path(), "/chat");
            async move { echo(&mut ws).await }
        });
        server.await.unwrap()
    }
}

mod told {
    #![allow(dead_code)] // it is a whole program

    include!("../../loops/events.rs");

    pub(super) async fn serve() -> super::ServerHandle {
        let (server, events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
        tokio::spawn(echo(events));
        server
    }
}

/// What `serve_with` says about a handler that takes both by value.
async fn by_value(mut ws: WebSocket<ServerStream>, request: Request<()>) -> Result<(), Error> {
    drop(request);
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?;
    }
    Ok(())
}

#[test]
fn an_idle_connection_of_a_server_costs_1720_bytes_its_task_included() {
    alone(async || {
        let server = Server::bind("127.0.0.1:0")
            .serve_with(|mut ws: WebSocket<ServerStream>, _| async move { echo(&mut ws).await })
            .await
            .unwrap();
        idle_connections(&server, "").await.is_at_most(1720, 9);
    });
}

#[test]
fn an_idle_connection_of_a_server_with_events_costs_1720_bytes_its_task_included() {
    alone(async || {
        let (server, mut events) = Server::bind("127.0.0.1:0").serve().await.unwrap();
        tokio::spawn(async move { while events.next().await.is_some() {} });
        idle_connections(&server, "").await.is_at_most(1720, 9);
    });
}

#[test]
fn with_the_readmes_handler_98_lines_of_request_cost_an_idle_connection_as_much_as_5() {
    alone(async || same_with_98_lines(&queued::serve().await, 1720).await);
}

#[test]
fn with_a_handler_that_looks_at_its_request_98_lines_cost_an_idle_connection_as_much_as_5() {
    alone(async || same_with_98_lines(&lent::serve().await, 1720).await);
}

#[test]
fn with_the_documented_loop_over_events_98_lines_cost_an_idle_connection_as_much_as_5() {
    alone(async || same_with_98_lines(&told::serve().await, 1720).await);
}

#[test]
fn a_function_that_takes_its_request_by_value_and_drops_it_costs_2200_bytes_with_98_lines_as_with_5()
 {
    alone(async || {
        let server = Server::bind("127.0.0.1:0").serve_with(by_value);
        same_with_98_lines(&server.await.unwrap(), 2200).await;
    });
}

/// A request of 98 header lines, 16 KB of them, leaves as much as one of 5.
async fn same_with_98_lines(server: &ServerHandle, most: usize) {
    let lines: String = (0..93)
        .map(|line| format!("X-Line-{line:02}: {}\r\n", "x".repeat(155)))
        .collect();
    // What is there once, from the first on.
    idle_connections(server, "").await;
    let few = idle_connections(server, "").await;
    let many = idle_connections(server, &lines).await;
    few.is_at_most(most, 9);
    assert_eq!(many, few, "98 lines, and 5");
}

/// What each of many costs that were opened by requests with these lines.
async fn idle_connections(server: &ServerHandle, lines: &str) -> Each {
    let address = server.local_addr().unwrap();
    let mut peers = Vec::with_capacity(2 * CONNECTIONS);
    // As many before, so that tables have grown to their size.
    open(server, address, lines, &mut peers).await;
    drop(peers.drain(..));
    until(|| server.connections() == 0).await;
    let heap = Heap::watch();
    open(server, address, lines, &mut peers).await;
    tokio::task::yield_now().await;
    let each = Each::of(&heap, CONNECTIONS, "idle");
    drop((heap, peers));
    until(|| server.connections() == 0).await;
    each
}

async fn open(
    server: &ServerHandle,
    address: SocketAddr,
    lines: &str,
    peers: &mut Vec<std::net::TcpStream>,
) {
    for _ in 0..CONNECTIONS {
        peers.push(ask(address, lines));
    }
    until(|| server.connections() == CONNECTIONS).await;
}
