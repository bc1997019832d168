//! HTTP/2 beside HTTP/1.1 in ALPN, as configurations have it that serve an HTTP client too.

use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use socket_flow::tls::rustls::AlertDescription;
use socket_flow::tls::rustls::pki_types::ServerName;
use socket_flow::tls::{ServerTls, TlsError};
use socket_flow::{Acceptor, ClientBuilder, ConnectError, Listener, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::pki::Authority;

fn names(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// Connects with these names in both configurations; what was agreed.
async fn agreed(ours: &[&str], theirs: &[&str]) -> Result<Option<Vec<u8>>, ConnectError> {
    let authority = Authority::new("a");
    let mut server = ServerTls::new(authority.issue("127.0.0.1"))
        .build()
        .unwrap();
    server.alpn_protocols = names(theirs);
    let mut client = authority.client().build().unwrap();
    client.alpn_protocols = names(ours);
    let listener = Listener::bind("127.0.0.1:0").await.unwrap().tls(server);
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let (stream, _) = listener.accept().await;
        Acceptor::new().accept(stream).await.map(drop)
    });
    let connected = ClientBuilder::new(url).tls(client).connect().await;
    let _ = accepting.await.unwrap();
    let (ws, _) = connected?;
    Ok(ws.get_ref().tls().unwrap().alpn().map(<[u8]>::to_vec))
}

/// RFC 6455 §4.1; RFC 7301 §3.2; RFC 9113 §3.1.
#[tokio::test]
async fn a_client_does_not_offer_http_2_though_its_configuration_does() {
    for (ours, theirs, expected) in [
        (
            &["h2", "http/1.1"][..],
            &["h2", "http/1.1"][..],
            Some("http/1.1"),
        ),
        (&["http/1.1", "h2"], &["h2", "http/1.1"], Some("http/1.1")),
        (&["h2"], &["h2", "http/1.1"], Some("http/1.1")),
        (&["h2", "other"], &["h2", "other"], Some("other")),
        (&[], &["h2", "http/1.1"], None),
        (&["h2", "http/1.1"], &[], None),
    ] {
        let alpn = agreed(ours, theirs).await.unwrap();
        assert_eq!(
            alpn.as_deref(),
            expected.map(str::as_bytes),
            "{ours:?} {theirs:?}"
        );
    }
    // A server of others, which speaks nothing but HTTP/2.
    let authority = Authority::new("a");
    let mut server = ServerTls::new(authority.issue("127.0.0.1"))
        .build()
        .unwrap();
    server.alpn_protocols = vec![b"h2".to_vec()];
    let mut client = authority.client().build().unwrap();
    client.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("wss://{}/", listener.local_addr().unwrap());
    let accepting = tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let refused = TlsAcceptor::from(Arc::new(server)).accept(tcp).await;
        assert!(refused.is_err());
    });
    let error = ClientBuilder::new(url).tls(client).connect().await;
    let error = error.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Tls(TlsError::Alert(AlertDescription::NoApplicationProtocol))
        ),
        "{error:?}"
    );
    accepting.await.unwrap();
}

/// As a browser or curl asks for a page. RFC 6455 §4.2.2; RFC 7301 §3.2.
#[tokio::test]
async fn a_server_does_not_agree_on_http_2_though_its_configuration_does() {
    for (theirs, ours, expected) in [
        (&["h2", "http/1.1"][..], &["h2", "http/1.1"][..], true),
        (&["h2", "http/1.1"], &["http/1.1", "h2"], true),
        (&["h2", "http/1.1"], &["h2"], true),
        (&["h2"], &["h2", "http/1.1"], false),
    ] {
        let authority = Authority::new("a");
        let mut config = ServerTls::new(authority.issue("127.0.0.1"))
            .build()
            .unwrap();
        config.alpn_protocols = names(ours);
        let server = Server::bind("127.0.0.1:0")
            .tls(config)
            .respond(|_| Some(Response::new(Bytes::from_static(b"fine"))))
            .serve_with(async |_ws, _| ())
            .await
            .unwrap();
        let mut config = authority.client().build().unwrap();
        config.alpn_protocols = names(theirs);
        let tcp = TcpStream::connect(server.local_addr().unwrap());
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let connected = connector.connect(name, tcp.await.unwrap()).await;
        if !expected {
            let error = connected.unwrap_err().to_string();
            assert!(error.contains("NoApplicationProtocol"), "{error}");
            continue;
        }
        let mut tls = connected.unwrap();
        let agreed = tls.get_ref().1.alpn_protocol();
        assert_eq!(agreed, Some(&b"http/1.1"[..]), "{theirs:?} {ours:?}");
        tls.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = String::new();
        tls.read_to_string(&mut answer).await.unwrap();
        assert!(answer.ends_with("fine"), "{answer}");
    }
}
