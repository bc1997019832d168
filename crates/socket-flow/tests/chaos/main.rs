//! Opening handshakes and conversations over transports that misbehave, or
//! break, in the clear and inside TLS; `cargo xtask chaos` runs more seeds.

mod network;
#[cfg(feature = "rustls")]
#[path = "../support/pki.rs"]
#[allow(dead_code)] // a part of it is used here
mod pki;
mod plain;
#[cfg(feature = "rustls")]
mod tls;

use std::future::Future;
use std::io;
use std::time::Duration;

use socket_flow::{Acceptor, ClientBuilder, Config, WebSocket};
use socket_flow_testing::conversation::Transport;

/// Both ends of a connection.
type Pair<A, B> = (WebSocket<A>, WebSocket<B>);

/// Shakes hands on what these give, as the seed will have it: some compress,
/// some fragment what they send. `None` where a side was told of a failure.
async fn try_open<A: Transport, B: Transport>(
    client: impl Future<Output = io::Result<A>>,
    server: impl Future<Output = io::Result<B>>,
    seed: u64,
) -> Option<Pair<A, B>> {
    let config = Config::new().fragment(if seed % 3 == 0 { 700 } else { usize::MAX });
    let connecting = ClientBuilder::new("ws://pipe/").config(config.clone());
    let accepting = Acceptor::new().config(config);
    #[cfg(feature = "deflate")]
    let (connecting, accepting) = if seed % 2 == 0 {
        let deflate = socket_flow::Deflate::balanced().threshold(20);
        (
            connecting.deflate(deflate.clone()),
            accepting.deflate(deflate),
        )
    } else {
        (connecting, accepting)
    };
    // Each goes on as soon as it can: the other may wait for it to read.
    let client = async { connecting.connect_on(client.await.ok()?).await.ok() };
    let server = async { accepting.accept(server.await.ok()?).await.ok() };
    let both = async { tokio::join!(client, server) };
    let (client, server) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("a handshake that ends");
    Some((client?.0, server?))
}

/// Longer than a handshake may take.
const PATIENCE: Duration = Duration::from_secs(60);
