//! Pages through TLS, to clients that take them slowly, on a clock that is only told.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use socket_flow::tls::ServerTls;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::{AcceptError, Acceptor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, sleep};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::Authority;

const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

const BODY: usize = 300_000;

/// Rejects with a page, over a transport that keeps as much as this; the client takes `step` bytes
/// `every` so many milliseconds. How that went, how much of the page came, and after how many
/// seconds it was over.
async fn rejected(kept: usize, step: usize, every: u64) -> (Result<(), AcceptError>, usize, u64) {
    let authority = Authority::new("a");
    let config = ServerTls::new(authority.issue("a")).build().unwrap();
    let (near, far) = tokio::io::duplex(kept);
    let rejecting = tokio::spawn(async move {
        let tls = TlsAcceptor::from(Arc::new(config)).accept(far).await;
        // As a server does.
        let acceptor = Acceptor::new().answer_stall(Duration::from_secs(5));
        let pending = acceptor.read(tls.unwrap()).await.unwrap();
        let begin = Instant::now();
        let page = Response::new(Bytes::from(vec![b'x'; BODY]));
        (pending.reject(page).await, begin.elapsed().as_secs())
    });
    let connector = TlsConnector::from(Arc::new(authority.client().build().unwrap()));
    let name = ServerName::try_from("a").unwrap();
    let mut client = connector.connect(name, near).await.unwrap();
    client.write_all(REQUEST).await.unwrap();
    let mut page = Vec::new();
    loop {
        sleep(Duration::from_millis(every)).await;
        let before = page.len();
        // What it is given up for may end it in the middle.
        let mut some = (&mut client).take(step as u64);
        let read = some.read_to_end(&mut page).await;
        if read.is_err() || page.len() == before {
            break;
        }
    }
    drop(client);
    let (result, seconds) = rejecting.await.unwrap();
    let came = page.iter().filter(|byte| **byte == b'x').count();
    (result, came, seconds)
}

/// TLS keeps what is written, and does not tell how much of it was taken until all of it was. What
/// the transport keeps is taken at once, so the client seems quick at first.
#[tokio::test(start_paused = true)]
async fn a_page_through_tls_takes_as_long_as_its_client_needs() {
    for kept in [1_000, 20_000, 200_000] {
        for (step, every) in [
            (1_200, 1_000),
            (2_000, 1_000),
            (8_000, 1_000),
            (6_000, 4_500),
        ] {
            let (result, came, _) = rejected(kept, step, every).await;
            result.unwrap_or_else(|error| panic!("{kept}: {step} every {every} ms: {error}"));
            assert_eq!(came, BODY, "{kept}: {step} every {every} ms");
        }
    }
}

/// Nothing for 5 s; and less than 1 KiB a second, which TLS may show before the 30 s are over.
#[tokio::test(start_paused = true)]
async fn a_client_that_is_too_slow_through_tls_is_given_up() {
    for (step, every, seconds) in [
        (900, 100_000, 5..=6),
        (900, 1_000, 5..=35),
        (1, 1_000, 5..=35),
    ] {
        for kept in [1_000, 20_000] {
            let (result, came, took) = rejected(kept, step, every).await;
            assert!(matches!(result, Err(AcceptError::Timeout)), "{result:?}");
            assert!(came < BODY);
            assert!(
                seconds.contains(&took),
                "{kept}: {step} every {every} ms: {took}"
            );
        }
    }
}
