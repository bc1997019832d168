//! HTTP/2 beside HTTP/1.1 in ALPN, as configurations have it that serve an HTTP client too.

use socket_flow::tls::rustls::AlertDescription;
use socket_flow::tls::{ServerTls, TlsError};
use socket_flow::{Acceptor, ClientBuilder, ConnectError, Listener};

use crate::pki::Authority;

/// Connects with these names in both configurations; what was agreed.
async fn agreed(ours: &[&str], theirs: &[&str]) -> Result<Option<Vec<u8>>, ConnectError> {
    let names = |names: &[&str]| names.iter().map(|name| name.as_bytes().to_vec()).collect();
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
    let error = agreed(&["h2", "http/1.1"], &["h2"]).await.unwrap_err();
    assert!(
        matches!(
            error,
            ConnectError::Tls(TlsError::Alert(AlertDescription::NoApplicationProtocol))
        ),
        "{error:?}"
    );
}
