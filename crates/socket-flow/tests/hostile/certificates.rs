//! Servers that show the wrong certificate, or the right one for somebody else.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{CertificateParams, DnType};
use socket_flow::ConnectError;
use socket_flow::tls::{Identity, ServerTls, TlsError};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::pki::{Authority, client};
use crate::wire::bounded;

/// Connects to a server that shows this certificate, by this name: the client's error, once it is
/// certain that not a byte of HTTP arrived.
async fn refused(authority: &Authority, identity: Identity, host: &str) -> TlsError {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = ServerTls::new(identity).build().unwrap();
    let server = async {
        let tcp = listener.accept().await.unwrap().0;
        match TlsAcceptor::from(Arc::new(tls)).accept(tcp).await {
            Ok(mut tls) => {
                let mut bytes = Vec::new();
                let _ = tls.read_to_end(&mut bytes).await;
                bytes
            }
            Err(_) => Vec::new(),
        }
    };
    let connecting = client(host, port, authority.client())
        .header("authorization", "Bearer secret")
        // A name leads here too, whatever it is.
        .addresses([SocketAddr::from(([127, 0, 0, 1], port))])
        .connect();
    let (connected, bytes) = bounded(async { tokio::join!(connecting, server) }).await;
    assert_eq!(bytes, b"");
    match connected {
        Err(ConnectError::Tls(error)) => error,
        other => panic!("{host}: {other:?}"),
    }
}

/// A certificate for these names, and for none but in its subject.
fn subject(authority: &Authority, name: &str, alternatives: &[&str]) -> Identity {
    let names: Vec<String> = alternatives.iter().map(|name| (*name).into()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    authority.issue_params(params)
}

/// A certificate of a trusted authority for somebody else (RFC 9110 §4.3.4, RFC 9525 §6;
/// CVE-2020-11050, CVE-2020-15133).
#[tokio::test]
async fn a_certificate_for_another_name_is_refused_before_any_http() {
    let authority = Authority::new("a");
    for (name, host) in [
        ("evil.example", "localhost"),
        ("localhost.evil.example", "localhost"),
        ("*.example.com", "example.com"),
        ("*.example.com", "a.b.example.com"),
        ("good.example", "good.example.evil.example"),
        ("127.0.0.2", "127.0.0.1"),
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
    ] {
        let error = refused(&authority, authority.issue(name), host).await;
        assert!(matches!(error, TlsError::WrongName(_)), "{host}: {error:?}");
    }
}

/// The subject is no place for a name, and an address needs an alternative name of its own
/// (RFC 9525 §6.3, §6.5; CVE-2020-11050).
#[tokio::test]
async fn an_address_or_a_name_in_the_subject_alone_is_refused() {
    let authority = Authority::new("a");
    for (common, alternatives, host) in [
        ("127.0.0.1", &["localhost"][..], "127.0.0.1"),
        ("localhost", &["other.example"], "localhost"),
        ("localhost", &["127.0.0.1"], "localhost"),
        ("localhost", &[], "localhost"),
    ] {
        let identity = subject(&authority, common, alternatives);
        let error = refused(&authority, identity, host).await;
        assert!(matches!(error, TlsError::WrongName(_)), "{host}: {error:?}");
    }
}

/// Expired, not yet valid, signed by nobody or by somebody unknown (RFC 5280 §6.1;
/// CVE-2020-15133).
#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_before_any_http() {
    let (authority, other) = (Authority::new("a"), Authority::new("b"));
    let expired = authority.issue_for_years("localhost", 2000, 2001);
    let error = refused(&authority, expired, "localhost").await;
    assert!(
        matches!(error, TlsError::CertificateExpired(_)),
        "{error:?}"
    );

    let early = authority.issue_for_years("localhost", 3999, 4000);
    let error = refused(&authority, early, "localhost").await;
    assert!(
        matches!(error, TlsError::CertificateNotYetValid(_)),
        "{error:?}"
    );

    let error = refused(&authority, other.issue("localhost"), "localhost").await;
    assert!(matches!(error, TlsError::UnknownIssuer(_)), "{error:?}");

    let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificate, key) = (own.cert.pem(), own.signing_key.serialize_pem());
    let own = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
    let error = refused(&authority, own, "localhost").await;
    assert!(matches!(error, TlsError::UnknownIssuer(_)), "{error:?}");

    // An authority of the same name with another key.
    let impostor = Authority::new("a").issue("localhost");
    let error = refused(&authority, impostor, "localhost").await;
    assert!(
        matches!(error, TlsError::UnknownIssuer(_) | TlsError::Certificate(_)),
        "{error:?}"
    );
}
