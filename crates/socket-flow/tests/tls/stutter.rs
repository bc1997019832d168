//! TLS over a transport that takes and gives a few bytes at a time, while futures are dropped.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::{ClientBuilder, CloseCode, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::Authority;

/// A pipe whose calls are cut short or put off, by a generator with a seed.
struct Stutter {
    io: DuplexStream,
    state: u64,
}

impl Stutter {
    /// Bytes to carry now; `None` puts the call off and wakes its task.
    fn dice(&mut self, cx: &Context<'_>) -> Option<usize> {
        // Knuth's MMIX generator.
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        match self.state >> 61 {
            0 | 1 => {
                cx.waker().wake_by_ref();
                None
            }
            2 => Some(1),
            3 => Some(7),
            4 => Some(300),
            _ => Some(20_000),
        }
    }
}

impl AsyncRead for Stutter {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(count) = self.dice(cx) else {
            return Poll::Pending;
        };
        let mut bytes = vec![0; count.min(buf.remaining())];
        let mut part = ReadBuf::new(&mut bytes);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut part);
        buf.put_slice(part.filled());
        polled
    }
}

impl AsyncWrite for Stutter {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.dice(cx) {
            Some(count) => {
                let part = &buf[..count.min(buf.len())];
                Pin::new(&mut self.io).poll_write(cx, part)
            }
            None => Poll::Pending,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.dice(cx) {
            Some(_) => Pin::new(&mut self.io).poll_flush(cx),
            None => Poll::Pending,
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.dice(cx) {
            Some(_) => Pin::new(&mut self.io).poll_shutdown(cx),
            None => Poll::Pending,
        }
    }
}

type Client = WebSocket<tokio_rustls::client::TlsStream<Stutter>>;
type Server = WebSocket<tokio_rustls::server::TlsStream<Stutter>>;

async fn pair(seed: u64) -> (Client, Server) {
    let authority = Authority::new("a");
    let server = ServerTls::new(authority.issue("a")).build().unwrap();
    let (near, far) = tokio::io::duplex(30_000);
    let stutter = |io, state| Stutter { io, state };
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
