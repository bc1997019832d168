//! What `tracing` is told about handshakes, and what it is not.

use socket_flow::{Acceptor, ClientBuilder, CloseCode};

use crate::log::Log;
use crate::support::{Peer, REQUEST};

#[tokio::test]
async fn handshakes_are_logged_without_credentials_and_payloads() {
    let (log, _guard) = Log::capture();
    let (near, far) = tokio::io::duplex(1024);
    let client = ClientBuilder::new("ws://user:secret@a/chat?token=secret")
        .header("cookie", "secret")
        .subprotocols(["bearer.secret"])
        .connect_on(near);
    let server = async {
        let pending = Acceptor::new()
            .subprotocols(["bearer.secret"])
            .read(far)
            .await
            .unwrap();
        pending
            .header("set-cookie", "secret")
            .accept()
            .await
            .unwrap()
    };
    let (connected, mut server) = tokio::join!(client, server);
    let (mut client, _) = connected.unwrap();
    client.send("secret").await.unwrap();
    server.recv().await.unwrap();
    let _ = tokio::join!(client.close(CloseCode::NORMAL, ""), server.recv());

    let text = log.text();
    assert_eq!(
        text.matches("opening handshake complete").count(),
        2,
        "{text}"
    );
    assert!(text.contains("subprotocol=true"), "{text}");
    assert!(!text.contains("secret"), "{text}");
}

/// RFC 6455 §7.1.7.
#[tokio::test]
async fn refusals_are_logged_with_status_and_reason() {
    let (log, _guard) = Log::capture();
    let (near, mut peer) = Peer::pair();
    peer.send(REQUEST.replace("\r\n\r\n", "\r\nOrigin: https://secret.example\r\n\r\n"))
        .await;
    peer.shut_down().await;
    socket_flow::accept(near).await.unwrap_err();

    let (near, mut peer) = Peer::pair();
    peer.send("HTTP/1.1 503 secret\r\nSet-Cookie: secret\r\nContent-Length: 0\r\n\r\n")
        .await;
    ClientBuilder::new("ws://a/")
        .connect_on(near)
        .await
        .unwrap_err();

    let text = log.text();
    let refused = "opening handshake refused status=403 reason=origin is not allowed";
    assert!(text.contains(refused), "{text}");
    assert!(
        text.contains("opening handshake rejected status=503"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
}

#[tokio::test]
async fn the_span_of_a_dialled_connection_names_its_peer() {
    let (log, _guard) = Log::capture();
    let listener = socket_flow::Listener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let url = format!("ws://{addr}/");
    let (connected, _server) = tokio::join!(socket_flow::connect(&url), async {
        socket_flow::accept(listener.accept().await.0)
            .await
            .unwrap()
    });
    let (ws, _) = connected.unwrap();
    ws.span().in_scope(|| tracing::info!("inside"));
    let text = log.text();
    assert!(
        text.contains(&format!("websocket{{role=Client peer={addr}}}: ")),
        "{text}"
    );
}
