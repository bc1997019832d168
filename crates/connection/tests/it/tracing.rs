//! What the connection tells `tracing`.

use bytes::BytesMut;
use socket_flow_connection::{CloseCode, Config, Negotiated, WebSocket};
use tokio::io::AsyncWriteExt;
use tracing::Level;

use crate::support::frames::{PING, TEXT, whole};
use crate::support::{self, Client, Server};
use crate::trace::Log;

/// A conversation with secrets in every payload, a clean or a failed end.
async fn talk(end: &[u8]) {
    let (near, mut far) = tokio::io::duplex(1 << 16);
    let negotiated = Negotiated::default().with_subprotocol("chat.v2");
    let mut ws = WebSocket::from_parts(near, BytesMut::new(), Server, negotiated, Config::new());
    far.write_all(&whole(Client, TEXT, b"hunter2 text"))
        .await
        .unwrap();
    far.write_all(&whole(Client, PING, b"hunter2 ping"))
        .await
        .unwrap();
    far.write_all(end).await.unwrap();
    far.shutdown().await.unwrap();
    while let Ok(Some(message)) = ws.recv().await {
        let _ = ws.send(message).await;
    }
}

/// RFC 6455 §7.1.7.
#[tokio::test]
async fn a_connection_has_a_span_with_role_and_subprotocol_and_events_of_its_end() {
    let log = Log::default();
    let guard = log.capture(Level::DEBUG);
    talk(&support::frames::close(Client, 4001, "hunter2 reason")).await;
    talk(b"\x83\x80").await;
    let (mut ws, far) = support::raw(Client, 100, Config::new());
    ws.span().record("peer", "192.0.2.7:443");
    ws.start_close(CloseCode::NORMAL, "hunter2").unwrap();
    drop((ws, far));
    drop(guard);

    let lines = log.lines();
    let spans: Vec<_> = lines
        .iter()
        .filter(|line| line.starts_with("span"))
        .collect();
    assert_eq!(spans.len(), 3, "{lines:#?}");
    assert!(spans[0].starts_with("span websocket"));
    assert!(spans[0].contains("role=Server"));
    // Its name may be a token.
    assert!(spans[0].contains("subprotocol=true"));
    assert!(!spans[0].contains("chat.v2"));
    assert!(!spans[2].contains("subprotocol"));
    assert!(spans[2].contains("role=Client"));
    assert!(
        lines
            .iter()
            .any(|line| line == "record peer=\"192.0.2.7:443\"")
    );
    let has = |what: &str, code: &str| {
        lines
            .iter()
            .any(|line| line.starts_with("event in") && line.contains(what) && line.contains(code))
    };
    assert!(has("close received", "code=4001"), "{lines:#?}");
    assert!(has("connection failed", "code=1002"), "{lines:#?}");
    assert!(has("close queued", "code=1000"), "{lines:#?}");
    // Each event is inside the span of its connection.
    assert!(!lines.iter().any(|line| line.starts_with("event in 0 ")));
}

#[tokio::test]
async fn no_payload_is_ever_told_and_nothing_per_message() {
    let log = Log::default();
    let guard = log.capture(Level::TRACE);
    talk(&support::frames::close(Client, 4001, "hunter2 reason")).await;
    talk(&whole(Client, 8, b"\x03")).await;
    talk(b"\x81\x01a hunter2").await;
    drop(guard);
    let ours: Vec<_> = log
        .lines()
        .into_iter()
        .filter(|line| line.starts_with("span websocket") || line.contains("code="))
        .collect();
    assert!(ours.len() >= 6, "{ours:#?}");
    assert!(!log.lines().iter().any(|line| line.contains("hunter2")));
    // A message or a ping leaves no line at all.
    assert!(ours.len() <= 9, "{ours:#?}");
}
