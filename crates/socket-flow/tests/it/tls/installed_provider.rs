//! Whose cryptography is used.

use socket_flow::tls::rustls::CipherSuite;
use socket_flow::tls::rustls::crypto::{CryptoProvider, ring};
use socket_flow::tls::{self, ServerTls};

use crate::alone;
use crate::pki::{Authority, client, listen};

const CHOSEN: CipherSuite = CipherSuite::TLS13_CHACHA20_POLY1305_SHA256;

#[test]
fn a_provider_of_the_applications_is_used() {
    alone::run("tls::installed_provider::in_its_own_process", &[]);
}

#[tokio::test]
#[ignore = "installs a provider for the process: run by the test above"]
async fn in_its_own_process() {
    // Nothing was installed by what was used before.
    assert!(tls::provider().cipher_suites.len() > 1);
    assert!(CryptoProvider::get_default().is_none());
    let mut provider = ring::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() == CHOSEN);
    provider.install_default().unwrap();

    let authority = Authority::new("a");
    let (listener, port) = listen(ServerTls::new(authority.issue("localhost"))).await;
    let (connected, accepted) = tokio::join!(
        client("localhost", port, authority.client()).connect(),
        async { socket_flow::accept(listener.accept().await.0).await }
    );
    let ((client, _), server) = (connected.unwrap(), accepted.unwrap());
    assert_eq!(client.get_ref().tls().unwrap().cipher_suite(), Some(CHOSEN));
    assert_eq!(server.get_ref().tls().unwrap().cipher_suite(), Some(CHOSEN));
}
