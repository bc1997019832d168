//! Who is let in.

use std::time::Duration;

use socket_flow::{ClientBuilder, ConnectError, OriginPolicy, PeerAddr, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::tools::{ask, bounded, connect, dial, echo, until, url};
use crate::support::{REQUEST, header};

#[tokio::test]
async fn silent_clients_delay_nobody() {
    let server = Server::bind("127.0.0.1:0").serve_with(echo).await.unwrap();
    let addr = server.local_addr().unwrap();
    let mut silent = Vec::new();
    for half in ["", "GET / HT", "GET /chat HTTP/1.1\r\nHost:"].repeat(30) {
        let mut tcp = TcpStream::connect(addr).await.unwrap();
        tcp.write_all(half.as_bytes()).await.unwrap();
        silent.push(tcp);
    }
    // They have 10 s, of which none is waited for.
    let mut ws = tokio::time::timeout(Duration::from_secs(5), connect(&server))
        .await
        .unwrap();
    ws.send("hello").await.unwrap();
    let reply = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(reply.as_text(), Some("hello"));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_client_that_is_silent_for_too_long_is_dropped() {
    let server = Server::bind("127.0.0.1:0")
        .handshake_timeout(Duration::from_millis(50))
        .serve_with(echo)
        .await
        .unwrap();
    let mut tcp = dial(&server).await;
    tcp.write_all(b"GET /chat HTTP/1.1\r\n").await.unwrap();
    let mut answer = Vec::new();
    // A reset is as good an end as any: bytes of the request are unread.
    let _ = bounded(tcp.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
}

#[tokio::test]
async fn a_decision_that_takes_too_long_drops_the_client() {
    let server = Server::bind("127.0.0.1:0")
        .handshake_timeout(Duration::from_millis(50))
        .admit(|_pending| std::future::pending())
        .serve_with(echo)
        .await
        .unwrap();
    let result = bounded(socket_flow::connect(&url(&server))).await;
    assert!(result.is_err());
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn clients_over_the_limit_get_503_and_when_to_come_back() {
    let server = Server::bind("127.0.0.1:0")
        .max_connections(2)
        .retry_after(Duration::from_millis(1500))
        .serve_with(echo)
        .await
        .unwrap();
    let mut first = connect(&server).await;
    let _second = connect(&server).await;
    let Err(ConnectError::Rejected(rejected)) = socket_flow::connect(&url(&server)).await else {
        panic!("a third connection");
    };
    assert_eq!(rejected.status(), 503);
    assert_eq!(rejected.headers()["retry-after"], "2");
    // What is no request for a WebSocket gets the same.
    let answer = bounded(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(server.connections(), 2);
    // There is room again once one has left.
    first
        .close(socket_flow::CloseCode::NORMAL, "")
        .await
        .unwrap();
    until(|| server.connections() == 1).await;
    let third = bounded(async {
        loop {
            match socket_flow::connect(&url(&server)).await {
                Ok((ws, _)) => break ws,
                Err(error) => assert_eq!(error.status(), Some(503.try_into().unwrap())),
            }
        }
    })
    .await;
    assert_eq!(server.connections(), 2);
    drop(third);
}

#[tokio::test]
async fn clients_far_over_the_limit_are_dropped_and_cost_nothing() {
    let server = Server::bind("127.0.0.1:0")
        .max_connections(0)
        .serve_with(echo)
        .await
        .unwrap();
    let addr = server.local_addr().unwrap();
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(addr).await.unwrap());
    }
    let mut tcp = TcpStream::connect(addr).await.unwrap();
    let mut answer = Vec::new();
    let _ = bounded(tcp.read_to_end(&mut answer)).await;
    assert_eq!(answer, b"");
}

/// RFC 6455 §4.2.1.
#[tokio::test]
async fn browsers_of_other_origins_are_refused_unless_they_are_listed() {
    let origins = [
        None,
        Some("http://server.example.com"),
        Some("https://other.example"),
    ];
    let listed = OriginPolicy::allow_list(["https://other.example"]).unwrap();
    for (policy, expected) in [
        (OriginPolicy::SameOrigin, ["101", "101", "403"]),
        (listed, ["101", "403", "101"]),
        (OriginPolicy::Any, ["101", "101", "101"]),
    ] {
        let server = Server::bind("127.0.0.1:0")
            .origin(policy.clone())
            .serve_with(echo)
            .await
            .unwrap();
        for (origin, status) in origins.iter().zip(expected) {
            let line = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
            let request = REQUEST.replace(
                "Upgrade: websocket\r\n",
                &format!("Upgrade: websocket\r\n{line}"),
            );
            let answer = bounded(ask(&server, &request)).await;
            let found = answer.split(' ').nth(1);
            assert_eq!(found, Some(status), "{policy:?} {origin:?}");
        }
    }
}

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn only_the_paths_that_are_served_open_a_connection() {
    let server = Server::bind("127.0.0.1:0")
        .paths(["/chat", "/news"])
        .serve_with(echo)
        .await
        .unwrap();
    let base = format!("ws://{}", server.local_addr().unwrap());
    for path in ["/chat", "/news", "/chat?room=1"] {
        socket_flow::connect(&format!("{base}{path}"))
            .await
            .unwrap();
    }
    for path in ["/", "/chat/", "/Chat", "/chatter"] {
        let error = socket_flow::connect(&format!("{base}{path}"))
            .await
            .unwrap_err();
        assert_eq!(
            error.status().map(|status| status.as_u16()),
            Some(404),
            "{path}"
        );
    }
}

/// RFC 6455 §4.2.2.
#[tokio::test]
async fn the_application_decides_about_a_request_and_says_how_it_is_answered() {
    #[derive(Clone)]
    struct User(String);

    let server = Server::bind("127.0.0.1:0")
        .subprotocols(["v1", "v2"])
        .admit(async |mut pending: socket_flow::Pending<_>| {
            tokio::task::yield_now().await;
            let peer = pending.request().extensions().get::<PeerAddr>();
            assert!(peer.unwrap().ip().unwrap().is_loopback());
            match pending.request().uri().query() {
                Some(user) => {
                    let user = User(user.into());
                    pending.extensions_mut().insert(user);
                    pending.header("x-room", "7").subprotocol("v2")
                }
                None => pending.deny(
                    ::http::Response::builder()
                        .status(401)
                        .header("www-authenticate", "Basic")
                        .body("who are you?")
                        .unwrap(),
                ),
            }
        })
        .serve_with(|mut ws, request| async move {
            let User(user) = request.extensions().get().unwrap();
            ws.send(user.as_str()).await
        })
        .await
        .unwrap();
    let (mut ws, response) = ClientBuilder::new(format!("{}?ann", url(&server)))
        .subprotocols(["v1", "v2"])
        .connect()
        .await
        .unwrap();
    assert_eq!(response.headers()["x-room"], "7");
    assert_eq!(ws.negotiated().subprotocol(), Some("v2"));
    let message = bounded(ws.recv()).await.unwrap().unwrap();
    assert_eq!(message.as_text(), Some("ann"));

    let Err(ConnectError::Rejected(rejected)) = socket_flow::connect(&url(&server)).await else {
        panic!("nobody was let in");
    };
    assert_eq!(rejected.status(), 401);
    assert_eq!(rejected.headers()["www-authenticate"], "Basic");
    assert_eq!(rejected.body(), "who are you?");
}

#[tokio::test]
async fn a_denial_that_is_no_answer_is_a_500() {
    let server = Server::bind("127.0.0.1:0")
        .admit(async |pending: socket_flow::Pending<_>| {
            let answer = ::http::Response::builder().status(101).body("").unwrap();
            pending.deny(answer)
        })
        .serve_with(echo)
        .await
        .unwrap();
    let answer = bounded(ask(&server, REQUEST)).await;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    assert_eq!(header(&answer, "connection"), Some("close"));
}
