//! Whom each side accepts, and what it is told otherwise.

use std::time::Duration;

use socket_flow::tls::rustls::{AlertDescription, ProtocolVersion};
use socket_flow::tls::{ClientTls, ServerTls, TlsError};
use socket_flow::{
    AcceptError, Acceptor, ClientBuilder, ClientStream, CloseCode, ConnectError, ConnectStage,
    ServerStream, WebSocket,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::pki::{Authority, client, listen};

type Ends = (
    Result<WebSocket<ClientStream>, ConnectError>,
    Result<WebSocket<ServerStream>, AcceptError>,
);

/// Connects to `localhost` with these settings.
async fn meet(client_tls: ClientTls, server_tls: ServerTls) -> Ends {
    let (listener, port) = listen(server_tls).await;
    let client = async {
        let (mut ws, _) = client("localhost", port, client_tls).connect().await?;
        ws.flush().await.unwrap();
        Ok(ws)
    };
    tokio::join!(client, async {
        socket_flow::accept(listener.accept().await.0).await
    })
}

fn tls_error<T: std::fmt::Debug>(result: Result<T, ConnectError>) -> TlsError {
    match result.unwrap_err() {
        ConnectError::Tls(error) => error,
        other => panic!("{other:?}"),
    }
}

fn accept_error<T: std::fmt::Debug>(result: Result<T, AcceptError>) -> TlsError {
    match result.unwrap_err() {
        AcceptError::Tls(error) => error,
        other => panic!("{other:?}"),
    }
}

async fn exchange(client: &mut WebSocket<ClientStream>, server: &mut WebSocket<ServerStream>) {
    let large = "x".repeat(3 << 20);
    let (sent, received) = tokio::join!(client.send(large.as_str()), server.recv());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().as_text(), Some(large.as_str()));
    let (sent, received) = tokio::join!(server.send(large.as_str()), client.recv());
    sent.unwrap();
    assert_eq!(received.unwrap().unwrap().as_text(), Some(large.as_str()));
    let (closed, received) = tokio::join!(client.close(CloseCode::NORMAL, "bye"), server.recv());
    assert!(closed.unwrap().clean);
    assert_eq!(received.unwrap(), None);
}

/// RFC 6455 §4.1, §4.2.2, §5.1, §10.6.
#[tokio::test]
async fn both_sides_talk_and_know_what_was_agreed_on() {
    let authority = Authority::new("a");
    let (client, server) = meet(
        authority.client(),
        ServerTls::new(authority.issue("localhost")),
    )
    .await;
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let (near, far) = (
        client.get_ref().tls().unwrap(),
        server.get_ref().tls().unwrap(),
    );
    for info in [&near, &far] {
        assert_eq!(info.version(), Some(ProtocolVersion::TLSv1_3));
        assert_eq!(info.alpn(), Some(&b"http/1.1"[..]));
    }
    assert_eq!(near.cipher_suite(), far.cipher_suite());
    assert_eq!(far.server_name(), Some("localhost"));
    assert_eq!(near.peer_certificates().len(), 2);
    assert!(far.peer_certificates().is_empty());
    assert_eq!(
        client.get_ref().local_addr().unwrap(),
        server.get_ref().peer_addr().unwrap()
    );
    exchange(&mut client, &mut server).await;
}

/// RFC 9110 §4.3.4.
#[tokio::test]
async fn addresses_are_verified_as_such_and_not_sent_as_a_name() {
    let authority = Authority::new("a");
    for (bind, host, name) in [
        ("127.0.0.1:0", "127.0.0.1", "127.0.0.1"),
        ("[::1]:0", "[::1]", "::1"),
    ] {
        let Ok(listener) = socket_flow::Listener::bind(bind).await else {
            continue; // A machine without IPv6.
        };
        let port = listener.local_addr().unwrap().port();
        let tls = ServerTls::new(authority.issue(name)).build().unwrap();
        let listener = listener.tls(tls);
        let (connected, accepted) =
            tokio::join!(client(host, port, authority.client()).connect(), async {
                socket_flow::accept(listener.accept().await.0).await
            });
        let ((mut client, _), mut server) = (connected.unwrap(), accepted.unwrap());
        assert_eq!(
            server.get_ref().tls().unwrap().server_name(),
            None,
            "{host}"
        );
        exchange(&mut client, &mut server).await;
    }
}

/// RFC 6455 §4.1; RFC 9110 §4.3.4.
#[tokio::test]
async fn every_reason_to_refuse_a_server_has_its_own_error() {
    let (authority, other) = (Authority::new("a"), Authority::new("b"));
    let server = |identity| meet(authority.client(), ServerTls::new(identity));

    let (client, accepted) = server(authority.issue_for_years("localhost", 2000, 2001)).await;
    assert!(matches!(tls_error(client), TlsError::CertificateExpired(_)));
    assert!(matches!(
        accept_error(accepted),
        TlsError::Alert(AlertDescription::CertificateExpired)
    ));

    let (client, _) = server(authority.issue_for_years("localhost", 3999, 4000)).await;
    assert!(matches!(
        tls_error(client),
        TlsError::CertificateNotYetValid(_)
    ));

    let (client, _) = server(authority.issue("example.com")).await;
    assert!(matches!(tls_error(client), TlsError::WrongName(_)));

    let (client, accepted) = server(other.issue("localhost")).await;
    assert!(matches!(tls_error(client), TlsError::UnknownIssuer(_)));
    assert!(matches!(
        accept_error(accepted),
        TlsError::Alert(AlertDescription::UnknownCA)
    ));
}

#[tokio::test]
async fn a_client_certificate_is_shown_and_seen() {
    let authority = Authority::new("a");
    let server = ServerTls::new(authority.issue("localhost"));
    for server in [
        server.clone().require_client_certificate(authority.roots()),
        server.ask_client_certificate(authority.roots()),
    ] {
        let client = authority.client().identity(authority.issue("client"));
        let (client, server) = meet(client, server).await;
        let (mut client, mut server) = (client.unwrap(), server.unwrap());
        assert_eq!(server.get_ref().tls().unwrap().peer_certificates().len(), 2);
        exchange(&mut client, &mut server).await;
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_told_to_both_sides() {
    let authority = Authority::new("a");
    let server = ServerTls::new(authority.issue("localhost"));
    let required = server.clone().require_client_certificate(authority.roots());
    let (client, accepted) = meet(authority.client(), required).await;
    assert!(matches!(
        tls_error(client),
        TlsError::Alert(AlertDescription::CertificateRequired)
    ));
    assert!(matches!(
        accept_error(accepted),
        TlsError::CertificateRequired
    ));

    let asked = server.ask_client_certificate(authority.roots());
    let (client, accepted) = meet(authority.client(), asked).await;
    client.unwrap();
    assert!(accepted.unwrap().get_ref().tls().is_some());
}

#[tokio::test]
async fn a_client_certificate_of_an_unknown_authority_is_refused() {
    let (authority, other) = (Authority::new("a"), Authority::new("b"));
    let server =
        ServerTls::new(authority.issue("localhost")).require_client_certificate(authority.roots());
    let client = authority.client().identity(other.issue("client"));
    let (client, accepted) = meet(client, server).await;
    assert!(matches!(tls_error(client), TlsError::Alert(_)));
    assert!(matches!(accept_error(accepted), TlsError::UnknownIssuer(_)));
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_server_that_speaks_no_tls_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = Authority::new("a").client();
    let (connected, ()) = tokio::join!(client("127.0.0.1", port, tls).connect(), async {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tcp.read_to_end(&mut Vec::new()).await.ok();
    });
    assert!(matches!(tls_error(connected), TlsError::InvalidMessage(_)));
}

/// RFC 6455 §4.1, §4.2.2.
#[tokio::test]
async fn a_client_that_speaks_no_tls_is_told_apart() {
    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let (_, accepted) = tokio::join!(
        ClientBuilder::new(format!("ws://127.0.0.1:{port}/")).connect(),
        async { socket_flow::accept(listener.accept().await.0).await }
    );
    assert!(matches!(
        accept_error(accepted),
        TlsError::InvalidMessage(_)
    ));
}

/// What is unread when a socket is closed makes the kernel send a reset, which may overtake what
/// was written last.
///
/// RFC 6455 §4.2.2.
#[tokio::test]
async fn an_alert_is_not_destroyed_by_a_reset() {
    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let (heard, accepted) = tokio::join!(
        async {
            let mut tcp = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tcp.write_all(&[b'x'; 200_000]).await.unwrap();
            let mut heard = Vec::new();
            tcp.read_to_end(&mut heard).await.map(|_| heard)
        },
        async { socket_flow::accept(listener.accept().await.0).await }
    );
    // A fatal alert (RFC 8446 §6), and an orderly end.
    assert_eq!(heard.unwrap().first_chunk(), Some(&[21, 3, 3, 0, 2, 2]));
    assert!(matches!(
        accept_error(accepted),
        TlsError::InvalidMessage(_)
    ));
}

/// RFC 6455 §4.1.
#[tokio::test]
async fn a_peer_that_closes_during_the_tls_handshake_is_told_apart() {
    let authority = Authority::new("a");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (connected, ()) = tokio::join!(
        client("127.0.0.1", port, authority.client()).connect(),
        async {
            let (mut tcp, _) = listener.accept().await.unwrap();
            assert_ne!(tcp.read(&mut [0; 4096]).await.unwrap(), 0);
            tcp.shutdown().await.unwrap();
            tcp.read_to_end(&mut Vec::new()).await.ok();
        }
    );
    assert!(matches!(tls_error(connected), TlsError::UnexpectedEof));

    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let (_, accepted) = tokio::join!(
        async { drop(TcpStream::connect(("127.0.0.1", port)).await.unwrap()) },
        async { socket_flow::accept(listener.accept().await.0).await }
    );
    assert!(matches!(accepted.unwrap_err(), AcceptError::UnexpectedEof));
}

#[tokio::test]
async fn a_silent_peer_is_given_up_during_the_tls_handshake() {
    let authority = Authority::new("a");
    let short = Duration::from_millis(50);
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let silent = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let acceptor = Acceptor::new().handshake_timeout(short);
    let accepted = acceptor.accept(listener.accept().await.0).await;
    assert!(matches!(accepted.unwrap_err(), AcceptError::Timeout));
    drop(silent);

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let connected = client("127.0.0.1", port, authority.client())
        .handshake_timeout(short)
        .connect()
        .await;
    assert!(matches!(
        connected.unwrap_err(),
        ConnectError::Timeout(ConnectStage::Tls)
    ));
}

#[tokio::test]
async fn a_host_that_no_certificate_can_name_is_refused_before_dialling() {
    let error = ClientBuilder::new("wss://a!b/")
        .connect()
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Tls(TlsError::ServerName)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_refused_request_is_read_whole_through_tls() {
    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let (connected, ()) = tokio::join!(
        client("localhost", port, authority.client()).connect(),
        async {
            let stream = listener.accept().await.0;
            let pending = Acceptor::new().read(stream).await.unwrap();
            assert!(pending.get_ref().tls().is_some());
            let answer = http::Response::builder().status(403).body("no entry");
            pending.reject(answer.unwrap()).await.unwrap();
        }
    );
    let Err(ConnectError::Rejected(rejected)) = connected else {
        panic!("{connected:?}");
    };
    assert_eq!(rejected.status(), 403);
    assert_eq!(rejected.body(), "no entry");
    assert!(!rejected.is_truncated());
}

#[test]
fn a_key_of_another_certificate_is_a_setup_error() {
    let authority = Authority::new("a");
    let one = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let two = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
    let mixed = socket_flow::tls::Identity::from_pem(
        one.cert.pem().as_bytes(),
        two.signing_key.serialize_pem().as_bytes(),
    )
    .unwrap();
    let error = ServerTls::new(mixed.clone()).build().unwrap_err();
    assert!(matches!(error, TlsError::Setup(_)), "{error:?}");
    let error = authority.client().identity(mixed).build().unwrap_err();
    assert!(matches!(error, TlsError::Setup(_)), "{error:?}");
    let error = ServerTls::new(authority.issue("a"))
        .require_client_certificate([])
        .build()
        .unwrap_err();
    assert!(matches!(error, TlsError::NoRoots), "{error:?}");
}

#[cfg(feature = "webpki-roots")]
#[tokio::test]
async fn mozillas_authorities_do_not_know_a_private_one() {
    let authority = Authority::new("a");
    let server = ServerTls::new(authority.issue("localhost"));
    let (client, _) = meet(ClientTls::new().webpki_roots(), server).await;
    assert!(matches!(tls_error(client), TlsError::UnknownIssuer(_)));
}
