//! The end of a TLS stream: said with `close_notify`, or cut off by whoever sits in between.

use std::sync::Arc;
use std::time::Duration;

use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::{AcceptError, Acceptor, Error, Message, Server, ServerHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use crate::bystander::{Books, Bystander, Limits, serves};
use crate::pki::{Authority, client, listen};
use crate::support::{REQUEST, switching_protocols};
use crate::victim::{SIDES, Seen, Side, echo, honest_client};
use crate::wire::{Wire, bounded};

/// An open connection to one side through TLS, whose other end is played below WebSocket.
struct Tunnel {
    side: Side,
    tls: TlsStream<TcpStream>,
    _bystander: Bystander,
    seen: mpsc::UnboundedReceiver<Seen>,
    _server: Option<ServerHandle>,
}

impl Tunnel {
    async fn to(side: Side) -> Self {
        let authority = Authority::new("a");
        let tls = ServerTls::new(authority.issue("localhost"))
            .build()
            .unwrap();
        let (sender, seen) = mpsc::unbounded_channel();
        let books = Books::default();
        let _bystander = honest_client(&books).await;
        let turns = books.open(Limits::PLAIN);
        match side {
            Side::Server => {
                let server = Server::bind("127.0.0.1:0")
                    .tls(tls)
                    .serve_with(move |ws, _request| {
                        let (sender, turns) = (sender.clone(), turns.clone());
                        async move { sender.send(turns.of(echo(ws, &turns)).await).unwrap() }
                    })
                    .await
                    .unwrap();
                let connector = TlsConnector::from(Arc::new(authority.client().build().unwrap()));
                let tcp = TcpStream::connect(server.local_addr().unwrap())
                    .await
                    .unwrap();
                let name = ServerName::try_from("localhost").unwrap();
                let mut tls = connector.connect(name, tcp).await.unwrap();
                tls.write_all(REQUEST.as_bytes()).await.unwrap();
                let mut tunnel = Self {
                    side,
                    tls: tls.into(),
                    _bystander,
                    seen,
                    _server: Some(server),
                };
                assert!(tunnel.head().await.starts_with("HTTP/1.1 101 "));
                tunnel
            }
            Side::Client => {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                let port = listener.local_addr().unwrap().port();
                let connecting = client("localhost", port, authority.client()).connect();
                tokio::spawn(async move {
                    let (ws, _) = connecting.await.unwrap();
                    sender.send(turns.of(echo(ws, &turns)).await).unwrap();
                });
                let tcp = listener.accept().await.unwrap().0;
                let tls = TlsAcceptor::from(Arc::new(tls)).accept(tcp).await.unwrap();
                let mut tunnel = Self {
                    side,
                    tls: tls.into(),
                    _bystander,
                    seen,
                    _server: None,
                };
                let answer = switching_protocols(&tunnel.head().await) + "\r\n";
                tunnel.tls.write_all(answer.as_bytes()).await.unwrap();
                tunnel
            }
        }
    }

    async fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(bounded(self.tls.read_u8()).await.unwrap());
        }
        String::from_utf8(head).unwrap()
    }

    async fn send(&mut self, first: u8, payload: &[u8]) {
        let bytes = self.side.whole(first, payload);
        self.tls.write_all(&bytes).await.unwrap();
        self.tls.flush().await.unwrap();
    }

    /// Reads a Close with this code, as the side under attack writes it.
    async fn close(&mut self, code: u16) {
        let mut close = vec![0; if self.side == Side::Client { 8 } else { 4 }];
        bounded(self.tls.read_exact(&mut close)).await.unwrap();
        assert_eq!(close[0], 0x88);
        let mut payload = close.split_off(close.len() - 2);
        if self.side == Side::Client {
            payload = payload
                .iter()
                .zip(&close[2..])
                .map(|(a, b)| a ^ b)
                .collect();
        }
        assert_eq!(payload, code.to_be_bytes());
    }

    /// Ends TCP, and says nothing about it in TLS.
    async fn cut(self) -> Seen {
        let Self { tls, mut seen, .. } = self;
        let mut tcp = match tls {
            TlsStream::Client(tls) => tls.into_inner().0,
            TlsStream::Server(tls) => tls.into_inner().0,
        };
        tcp.shutdown().await.unwrap();
        let _ = bounded(tcp.read_to_end(&mut Vec::new())).await;
        bounded(seen.recv()).await.unwrap()
    }
}

/// The end of TCP in the middle of a conversation may be somebody else's doing, and whatever was
/// to come is missing (RFC 8446 §6.1, RFC 6455 §7.1.5).
#[tokio::test]
async fn an_end_without_close_notify_before_the_close_is_1006() {
    for side in SIDES {
        let mut tunnel = Tunnel::to(side).await;
        tunnel.send(0x81, b"whole").await;
        tunnel.send(0x01, b"half").await;
        let seen = tunnel.cut().await;
        assert_eq!(seen.messages, [Message::from("whole")]);
        let end = seen.end.unwrap_err();
        assert!(matches!(end, Error::Closed { code: 1006 }), "{end:?}");
    }
}

/// Behind the Closes nothing can be missing: how TCP ends is nobody's concern (RFC 6455 §7.1.1).
#[tokio::test]
async fn an_end_without_close_notify_behind_the_close_is_no_error() {
    for side in SIDES {
        let mut tunnel = Tunnel::to(side).await;
        tunnel.send(0x88, b"\x03\xe8").await;
        tunnel.close(1000).await;
        let seen = tunnel.cut().await;
        let frame = seen.end.unwrap().unwrap();
        assert_eq!(frame.code.as_u16(), 1000);
    }
}

/// Our own end is said in TLS, so that the peer can tell it from a cut (RFC 8446 §6.1).
#[tokio::test]
async fn both_sides_end_with_close_notify() {
    for side in SIDES {
        let mut tunnel = Tunnel::to(side).await;
        tunnel.send(0x88, b"\x03\xe9").await;
        tunnel.close(1001).await;
        if side == Side::Client {
            // A server closes first (RFC 6455 §7.1.1).
            tunnel.tls.shutdown().await.unwrap();
        }
        // An end without the alert would be an error.
        let read = bounded(tunnel.tls.read(&mut [0])).await;
        assert_eq!(read.unwrap(), 0, "{side:?}");
    }
}

/// A refusal's code arrives through TLS, and the alert behind it, though a flood stands behind what
/// was refused (RFC 6455 §7.1.7, RFC 8446 §6.1).
#[tokio::test]
async fn the_code_of_a_refusal_and_the_alert_arrive_through_tls() {
    for side in SIDES {
        let mut tunnel = Tunnel::to(side).await;
        tunnel.send(0x83, b"").await;
        // More than all buffers on the way take, and written before anything is read.
        bounded(tunnel.tls.write_all(&vec![0; 8 << 20]))
            .await
            .unwrap();
        tunnel.tls.flush().await.unwrap();
        let mut bytes = Vec::new();
        bounded(tunnel.tls.read_to_end(&mut bytes)).await.unwrap();
        assert_eq!(bytes[0], 0x88, "{side:?}");
        drop(tunnel.tls);
        let seen = bounded(tunnel.seen.recv()).await.unwrap();
        assert_eq!(seen.end.unwrap_err().close_code(), Some(1002));
    }
}

/// Nothing, and a hello that trickles: a TLS handshake is a part of the opening
/// handshake's time, and keeps nobody else waiting (RFC 6455 §10.4; "slowloris").
#[tokio::test]
async fn a_slow_tls_handshake_is_given_up_and_delays_nobody() {
    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    // The start of a record of 16 KiB, and of a hello that fills it.
    let hello = b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc\x03\x03";
    for start in [&b""[..], hello] {
        let addr = listener.local_addr().unwrap();
        let mut slow = Wire::connect(addr).await;
        slow.send(start).await;
        let acceptor = Acceptor::new().handshake_timeout(Duration::from_millis(50));
        let accepting = async { acceptor.accept(listener.accept().await.0).await };
        let trickling = async {
            while !start.is_empty() && slow.try_send([0]).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let (accepted, ()) = tokio::join!(accepting, trickling);
        assert!(
            matches!(accepted, Err(AcceptError::Timeout)),
            "{accepted:?}"
        );
        assert_eq!(slow.rest_or_reset().await, b"");
    }

    let tls = ServerTls::new(authority.issue("localhost"))
        .build()
        .unwrap();
    let server = Server::with_listener(listener)
        .tls(tls)
        .serve_with(|ws, _request| async move {
            serves(ws).await;
        })
        .await
        .unwrap();
    let mut slow = Vec::new();
    for start in [&b""[..], hello].repeat(20) {
        let mut wire = Wire::connect(server.local_addr().unwrap()).await;
        wire.send(start).await;
        slow.push(wire);
    }
    let connecting = client("localhost", port, authority.client()).connect();
    let (mut ws, _) = bounded(connecting).await.unwrap();
    ws.send("hello").await.unwrap();
    assert!(bounded(ws.recv()).await.unwrap().is_some());
}

/// What follows a hello that is none is thrown away until the client closes, and a flood of it
/// keeps nobody else waiting (RFC 8446 §6.2).
#[tokio::test]
async fn a_flood_after_a_failed_tls_handshake_keeps_nobody_waiting() {
    let authority = Authority::new("a");
    let (listener, _) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let books = Books::default();
    let bystander = honest_client(&books).await;
    let turns = books.open(Limits::PLAIN);
    let mut wire = Wire::connect(listener.local_addr().unwrap()).await;
    let accepting = tokio::spawn(async move {
        let accepted = turns.of(async { Acceptor::new().accept(listener.accept().await.0).await });
        assert!(matches!(accepted.await, Err(AcceptError::Tls(_))));
    });
    // No record of TLS.
    wire.send([REQUEST.as_bytes(), &vec![0; 64 << 20]].concat())
        .await;
    wire.shut_down().await;
    // A fatal alert, and the end.
    assert_eq!(wire.rest().await[0], 21);
    accepting.await.unwrap();
    bystander.goes_on().await;
}
