//! Proxies behind TLS, and TLS to the server inside of that.

use std::sync::Arc;

use socket_flow::tls::{ServerTls, TlsError};
use socket_flow::{ClientBuilder, Listener, Proxy, ProxyError};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::dialling::peers::{echo_on, echo_server, head, is_echo, peer, proxy_error, relay};
use crate::pki::Authority;

#[tokio::test]
async fn both_schemes_go_through_an_encrypted_proxy() {
    let (ours, theirs) = (Authority::new("a"), Authority::new("b"));
    let tls = ServerTls::new(theirs.issue("server.invalid"))
        .build()
        .unwrap();
    let secure = Listener::bind("127.0.0.1:0").await.unwrap().tls(tls);
    for (url, server) in [
        ("ws://server.invalid/", echo_server().await),
        ("wss://server.invalid/", echo_on(secure)),
    ] {
        let tls = ServerTls::new(ours.issue("127.0.0.1")).build().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (proxy, request) = peer(async move |stream| {
            let mut tls = acceptor.accept(stream).await.unwrap();
            let request = head(&mut tls).await;
            tls.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            tls.flush().await.unwrap();
            relay(tls, server).await;
            request
        })
        .await;
        let proxy = Proxy::new(format!("https://user:pass@{proxy}"))
            .unwrap()
            .tls(ours.client().build().unwrap());
        let (mut ws, _) = ClientBuilder::new(url)
            .tls(theirs.client().build().unwrap())
            .proxy(proxy)
            .connect()
            .await
            .unwrap();
        // The proxy's certificate is not taken for the server's.
        assert_eq!(ws.get_ref().tls().is_some(), url.starts_with("wss"));
        is_echo(&mut ws).await;
        drop(ws);
        assert!(request.await.unwrap().contains("Basic dXNlcjpwYXNz"));
    }
}

#[tokio::test]
async fn a_proxy_that_nobody_vouches_for_gets_no_credentials() {
    let (ours, stranger) = (Authority::new("a"), Authority::new("b"));
    let tls = ServerTls::new(stranger.issue("127.0.0.1")).build().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let (proxy, accepted) = peer(async move |stream| acceptor.accept(stream).await.map(drop)).await;
    let proxy = Proxy::new(format!("https://user:pass@{proxy}"))
        .unwrap()
        .tls(ours.client().build().unwrap());
    let connecting = ClientBuilder::new("ws://server.invalid/").proxy(proxy);
    let error = proxy_error(connecting.connect().await);
    assert!(
        matches!(error, ProxyError::Tls(TlsError::UnknownIssuer(_))),
        "{error:?}"
    );
    accepted.await.unwrap().unwrap_err();
}
