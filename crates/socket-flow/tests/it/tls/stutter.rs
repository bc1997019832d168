//! TLS over a transport that takes and gives a few bytes at a time, while futures are dropped.

use std::sync::Arc;

use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::{ClientBuilder, CloseCode, WebSocket};
use socket_flow_testing::{Chaos, Faults, Mode};
use tokio::io::DuplexStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::Authority;

type Client = WebSocket<tokio_rustls::client::TlsStream<Chaos<DuplexStream>>>;
type Server = WebSocket<tokio_rustls::server::TlsStream<Chaos<DuplexStream>>>;

async fn pair(seed: u64) -> (Client, Server) {
    let authority = Authority::new("a");
    let server = ServerTls::new(authority.issue("a")).build().unwrap();
    let (near, far) = tokio::io::duplex(30_000);
    let stutter = |io, seed| Chaos::new(io, Mode::Both, seed, &Faults::new()).uninterrupted();
    let connector = TlsConnector::from(Arc::new(authority.client().build().unwrap()));
    let name = ServerName::try_from("a").unwrap();
    let client = async {
        let tls = connector.connect(name, stutter(near, seed)).await.unwrap();
        let connecting = ClientBuilder::new("wss://a/").connect_on(tls);
        connecting.await.unwrap().0
    };
    let server = async {
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let tls = acceptor.accept(stutter(far, !seed)).await.unwrap();
        socket_flow::accept(tls).await.unwrap()
    };
    tokio::join!(client, server)
}

#[tokio::test]
async fn nothing_is_lost_or_torn_though_every_future_is_dropped() {
    for seed in 0..20 {
        let (mut client, mut server) = pair(seed).await;
        let echo = tokio::spawn(async move {
            loop {
                // Each is given one poll, and dropped.
                tokio::select! {
                    biased;
                    received = server.recv() => match received.unwrap() {
                        Some(message) => server.queue(message).unwrap(),
                        None => return server,
                    },
                    () = tokio::task::yield_now() => {}
                }
            }
        });
        for len in [0, 1, 125, 126, 5_000, 70_000, 3] {
            let bytes = vec![len as u8; len];
            client.queue(bytes.as_slice()).unwrap();
            let received = loop {
                tokio::select! {
                    biased;
                    received = client.recv() => break received.unwrap().unwrap(),
                    () = tokio::task::yield_now() => {}
                }
            };
            assert!(received.as_bytes() == bytes, "seed {seed}, {len} bytes");
        }
        let outcome = client.close(CloseCode::NORMAL, "bye").await.unwrap();
        assert!(outcome.clean, "seed {seed}");
        assert_eq!(outcome.code(), 1000, "seed {seed}");
        echo.await.unwrap();
    }
}

#[tokio::test]
async fn queues_larger_than_any_record_leave_in_both_directions() {
    for seed in 0..5 {
        let (mut client, mut server) = pair(seed).await;
        let payload = vec![seed as u8; 400_000];
        let (one, two) = tokio::join!(
            async {
                client.queue(payload.as_slice()).unwrap();
                let message = client.recv().await.unwrap().unwrap();
                // The other may have been quicker.
                client.flush().await.unwrap();
                message
            },
            async {
                server.queue(payload.as_slice()).unwrap();
                let message = server.recv().await.unwrap().unwrap();
                server.flush().await.unwrap();
                message
            }
        );
        assert!(one.as_bytes() == payload && two.as_bytes() == payload);
    }
}
