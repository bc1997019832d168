//! Whom `connect` trusts when it is told nothing.

#![cfg(target_os = "linux")]

use socket_flow::CloseCode;
use socket_flow::tls::ServerTls;

use crate::alone;
use crate::pki::{Authority, listen};

/// RFC 6455 §10.6.
#[tokio::test]
async fn the_platform_says_whom_to_trust() {
    let authority = Authority::new("a");
    let path = std::env::temp_dir().join(format!("socket-flow-roots-{}.pem", std::process::id()));
    std::fs::write(&path, authority.pem()).unwrap();
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let file = path.to_str().unwrap().to_owned();
    let client = tokio::task::spawn_blocking(move || {
        alone::run(
            "tls::platform_roots::a_client_that_is_told_nothing",
            &[("SSL_CERT_FILE", &file), ("PORT", &port.to_string())],
        );
    });
    let served = tokio::spawn(async move {
        let mut ws = socket_flow::accept(listener.accept().await.0).await?;
        ws.recv().await.unwrap();
        Ok::<_, socket_flow::AcceptError>(())
    });
    let outcome = client.await;
    std::fs::remove_file(&path).unwrap();
    outcome.unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
#[ignore = "needs a server and SSL_CERT_FILE: run by the test above"]
async fn a_client_that_is_told_nothing() {
    let url = format!("wss://localhost:{}/", std::env::var("PORT").unwrap());
    let (mut ws, _) = socket_flow::connect(&url).await.unwrap();
    assert!(ws.close(CloseCode::NORMAL, "").await.unwrap().clean);
}
