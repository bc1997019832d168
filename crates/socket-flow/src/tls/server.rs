use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};

use crate::tls::alpn::ALPN;
use crate::tls::client::store;
use crate::tls::error::TlsError;
use crate::tls::pem::Identity;
use crate::tls::provider::provider;

/// Makes a server's TLS configuration: who it is, and whether clients must say who they are.
///
/// What this does not know, rustls does: [`build`](Self::build) returns a plain [`ServerConfig`],
/// and [`Listener::tls`](crate::Listener::tls) takes any.
///
/// ```no_run
/// use socket_flow::Listener;
/// use socket_flow::tls::{Identity, ServerTls};
///
/// # async fn listen() -> Result<(), Box<dyn std::error::Error>> {
/// let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
/// let listener = Listener::bind("[::]:443")
///     .await?
///     .tls(ServerTls::new(identity).build()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServerTls {
    identity: Identity,
    clients: Clients,
}

#[derive(Clone, Debug)]
enum Clients {
    Anybody,
    Asked(Vec<CertificateDer<'static>>),
    Required(Vec<CertificateDer<'static>>),
}

impl ServerTls {
    /// Shows this certificate, and asks clients for none.
    pub fn new(identity: Identity) -> Self {
        Self {
            identity,
            clients: Clients::Anybody,
        }
    }

    /// Demands a certificate of every client, issued by one of these authorities. It is in
    /// [`TlsInfo::peer_certificates`](crate::tls::TlsInfo::peer_certificates).
    #[must_use]
    pub fn require_client_certificate(
        mut self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.clients = Clients::Required(roots.into_iter().collect());
        self
    }

    /// Asks every client for a certificate issued by one of these authorities; a client may show
    /// none, but no other.
    #[must_use]
    pub fn ask_client_certificate(
        mut self,
        roots: impl IntoIterator<Item = CertificateDer<'static>>,
    ) -> Self {
        self.clients = Clients::Asked(roots.into_iter().collect());
        self
    }

    /// Makes the configuration: TLS 1.2 and 1.3, ALPN `http/1.1`, cryptography by
    /// [`provider`].
    ///
    /// # Errors
    /// [`TlsError::Setup`]: key and certificate do not belong together, or an authority cannot
    /// be used; [`TlsError::NoRoots`]: client certificates without an authority.
    pub fn build(self) -> Result<ServerConfig, TlsError> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let (roots, optional) = match self.clients {
            Clients::Anybody => (None, false),
            Clients::Asked(roots) => (Some(roots), true),
            Clients::Required(roots) => (Some(roots), false),
        };
        let builder = match roots {
            None => builder.with_no_client_auth(),
            Some(roots) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(store(roots)?, provider());
                let verifier = if optional {
                    verifier.allow_unauthenticated()
                } else {
                    verifier
                };
                builder.with_client_cert_verifier(verifier.build().map_err(no_roots)?)
            }
        };
        let mut config = builder
            .with_single_cert(self.identity.chain, self.identity.key)
            .map_err(TlsError::Setup)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

/// No revocation lists are given, so that nothing else can be wrong with a verifier.
fn no_roots(_: VerifierBuilderError) -> TlsError {
    TlsError::NoRoots
}

/// What a [`Server`](crate::Server) charges its [`Budget`](crate::Budget) for each connection that speaks TLS, beside
/// [`Budget::SHARE`](crate::Budget::SHARE), in bytes: 8 KiB. An idle one takes 7,512 bytes for it.
///
/// What rustls takes for a moment is not charged: up to 77 KB for a handshake, which has the deadline of
/// [`Acceptor::handshake_timeout`](crate::Acceptor::handshake_timeout), and up to 100 KB where the peer
/// does not read.
pub const BUDGET_SHARE: usize = 8 << 10;
