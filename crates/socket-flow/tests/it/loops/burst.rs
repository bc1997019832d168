//! A peer that sends everything at once, and reads.

use socket_flow::{ClientBuilder, CloseCode, Config, Deflate, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

/// Each loop meets these, plain and compressed, on one worker and on two.
pub(crate) fn all() -> Vec<Vec<Vec<u8>>> {
    let of = |count: usize, size: usize| -> Vec<Vec<u8>> {
        (0..count).map(|number| filled(number, size)).collect()
    };
    let mut sizes = of(100, 1000);
    sizes.extend(of(2, 1 << 20));
    sizes.extend(of(10, 20_000));
    vec![of(4000, 1), of(2000, 1000), sizes]
}

fn filled(number: usize, size: usize) -> Vec<u8> {
    let number = number.to_le_bytes();
    (0..size).map(|at| number[at % 2]).collect()
}

/// The config of the peer: it queues everything before it writes.
pub(crate) fn config() -> Config {
    Config::default().high_water(usize::MAX)
}

/// Both ways to send.
pub(crate) fn clients(url: &str) -> [ClientBuilder; 2] {
    let client = ClientBuilder::new(url).config(config());
    [client.clone(), client.deflate(Deflate::balanced())]
}

/// Sends all payloads in one go and expects each of them back, in order; then closes.
pub(crate) async fn burst<S>(ws: WebSocket<S>, payloads: &[Vec<u8>])
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut reader, mut writer) = ws.into_split();
    for payload in payloads {
        // A large one is compressed by turns first.
        writer.ready().await.unwrap();
        writer.queue(payload.clone()).unwrap();
    }
    let sending = tokio::spawn(async move {
        writer.flush().await.unwrap();
        writer
    });
    for (number, payload) in payloads.iter().enumerate() {
        let reply = reader.recv().await.unwrap();
        let reply = reply.expect("it was closed");
        assert!(reply.as_bytes() == payload, "reply {number}");
    }
    let mut writer = sending.await.unwrap();
    writer.close(CloseCode::NORMAL, "").await.unwrap();
    assert_eq!(reader.recv().await.unwrap(), None);
}

/// Each burst, on connections of their own that are open together.
pub(crate) async fn bursts(url: String) {
    for client in clients(&url) {
        for payloads in all() {
            let burst = |client: ClientBuilder, payloads: Vec<Vec<u8>>| async move {
                let (ws, _) = client.connect().await.unwrap();
                burst(ws, &payloads).await;
            };
            let other = tokio::spawn(burst(client.clone(), payloads.clone()));
            burst(client.clone(), payloads).await;
            other.await.unwrap();
        }
    }
}
