use std::fmt;
use std::sync::Arc;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{CipherSuite, CommonState, ProtocolVersion};

/// What a TLS handshake agreed on, and who the peer is. Cheap to clone.
///
/// It is read from [`ClientStream::tls`](crate::ClientStream::tls) and
/// [`ServerStream::tls`](crate::ServerStream::tls).
#[derive(Clone)]
pub struct TlsInfo {
    alpn: Option<Arc<[u8]>>,
    cipher_suite: Option<CipherSuite>,
    peer_certificates: Arc<[CertificateDer<'static>]>,
    server_name: Option<Arc<str>>,
    version: Option<ProtocolVersion>,
}

impl TlsInfo {
    pub(crate) fn new(state: &CommonState, server_name: Option<&str>) -> Self {
        Self {
            alpn: state.alpn_protocol().map(Into::into),
            cipher_suite: state.negotiated_cipher_suite().map(|suite| suite.suite()),
            peer_certificates: state.peer_certificates().unwrap_or_default().into(),
            server_name: server_name.map(Into::into),
            version: state.protocol_version(),
        }
    }

    /// The protocol agreed on by ALPN (RFC 7301): `http/1.1`, or `None` where one side knows no
    /// ALPN.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.alpn.as_deref()
    }

    /// The cipher suite.
    pub fn cipher_suite(&self) -> Option<CipherSuite> {
        self.cipher_suite
    }

    /// The peer's certificate and those it sent along to lead to its authority, verified. Empty
    /// on a server that demands none.
    pub fn peer_certificates(&self) -> &[CertificateDer<'static>] {
        &self.peer_certificates
    }

    /// On a server: the name the client asked for (SNI, RFC 6066 §3). `None` on a client, and
    /// where the client asked for an address.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The version of TLS.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }
}

impl fmt::Debug for TlsInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsInfo")
            .field("version", &self.version)
            .field("cipher_suite", &self.cipher_suite)
            .field("alpn", &self.alpn().map(String::from_utf8_lossy))
            .field("server_name", &self.server_name)
            .field("peer_certificates", &self.peer_certificates.len())
            .finish()
    }
}
