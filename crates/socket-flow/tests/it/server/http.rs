//! Ordinary HTTP on the same port.

use bytes::Bytes;
use http::Response;
use socket_flow::{PeerAddr, Server, ServerHandle};

use crate::server::tools::{ask, bounded, connect, echo};
use crate::support::{REQUEST, header};

async fn with_page() -> ServerHandle {
    Server::bind("127.0.0.1:0")
        .respond(|request| {
            assert!(request.extensions().get::<PeerAddr>().is_some());
            match request.uri().path() {
                "/" => Some(
                    Response::builder()
                        .header("content-type", "text/html")
                        .body(Bytes::from_static(b"<p>hello"))
                        .unwrap(),
                ),
                "/broken" => Some(Response::builder().status(100).body(Bytes::new()).unwrap()),
                _ => None,
            }
        })
        .serve_with(echo)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_page_is_served_beside_its_websocket() {
    let server = with_page().await;
    let answer = bounded(ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert_eq!(header(head, "content-type"), Some("text/html"));
    assert_eq!(header(head, "content-length"), Some("8"));
    assert_eq!(header(head, "connection"), Some("close"));
    assert_eq!(body, "<p>hello");
    let mut ws = connect(&server).await;
    ws.send("hello").await.unwrap();
    assert!(bounded(ws.recv()).await.unwrap().is_some());
}

/// RFC 9110 §9.3.2.
#[tokio::test]
async fn head_gets_the_head_alone() {
    let server = with_page().await;
    let answer = bounded(ask(&server, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(header(&answer, "content-length"), Some("8"));
    assert!(answer.ends_with("\r\n\r\n"), "{answer}");
}

#[tokio::test]
async fn what_the_application_does_not_answer_is_answered_as_ever() {
    let server = with_page().await;
    for (request, status) in [
        ("GET /other HTTP/1.1\r\nHost: a\r\n\r\n", "426"),
        ("POST /other HTTP/1.1\r\nHost: a\r\n\r\n", "405"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            "200",
        ),
        ("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n", "500"),
        // A request that is broken, or means a WebSocket, is no page's.
        ("GET / HTTP/1.1\r\n\r\n", "400"),
        ("GET / HTTP/3.7\r\n\r\n", "505"),
        ("GE(T / HTTP/1.1\r\nHost: a\r\n\r\n", "400"),
        (&REQUEST.replace("/chat", "/").replace("13", "12"), "426"),
        (&REQUEST.replace("/chat", "/"), "101"),
    ] {
        let answer = bounded(ask(&server, request)).await;
        assert_eq!(answer.split(' ').nth(1), Some(status), "{request}");
    }
}
