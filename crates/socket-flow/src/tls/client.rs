use std::sync::{Arc, OnceLock};

use rustls_platform_verifier::BuilderVerifierExt;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::tls::alpn::ALPN;
use crate::tls::error::TlsError;
use crate::tls::pem::Identity;
use crate::tls::provider::provider;

/// Makes a client's TLS configuration: whom it trusts, and who it is.
///
/// What this does not know, rustls does: [`build`](Self::build) returns a plain [`ClientConfig`],
/// and [`ClientBuilder::tls`](crate::ClientBuilder::tls) takes any.
///
/// ```no_run
/// use socket_flow::ClientBuilder;
/// use socket_flow::tls::{self, ClientTls};
///
/// # async fn dial() -> Result<(), Box<dyn std::error::Error>> {
/// let config = ClientTls::new()
///     .roots(tls::certificates_from_file("our-ca.pem")?)
///     .build()?;
/// let (ws, _response) = ClientBuilder::new("wss://intranet.example/")
///     .tls(config)
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct ClientTls {
    roots: Roots,
    identity: Option<Identity>,
}

#[derive(Clone, Debug, Default)]
enum Roots {
    #[default]
    Platform,
    #[cfg(feature = "webpki-roots")]
    Webpki,
    Given(Vec<CertificateDer<'static>>),
}

impl ClientTls {
    /// Trusts whom the platform trusts, and shows no certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts these authorities in place of the platform's.
    #[must_use]
    pub fn roots(mut self, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Self {
        self.roots = Roots::Given(roots.into_iter().collect());
        self
    }

    /// Trusts Mozilla's list of authorities, as it was when this program was built, in place of
    /// the platform's: for where the platform has none, as in a container without files.
    #[cfg(feature = "webpki-roots")]
    #[must_use]
    pub fn webpki_roots(mut self) -> Self {
        self.roots = Roots::Webpki;
        self
    }

    /// Shows this certificate to a server that asks for one. Default: none.
    #[must_use]
    pub fn identity(mut self, identity: Identity) -> Self {
        self.identity = Some(identity);
        self
    }

    /// Makes the configuration: TLS 1.2 and 1.3, ALPN `http/1.1`, cryptography by
    /// [`provider`]. Reading the platform's authorities blocks.
    ///
    /// # Errors
    /// [`TlsError::Setup`]: an authority or the identity cannot be used, or the platform has no
    /// authorities.
    pub fn build(self) -> Result<ClientConfig, TlsError> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?;
        let builder = match self.roots {
            Roots::Platform => builder.with_platform_verifier().map_err(TlsError::Setup)?,
            #[cfg(feature = "webpki-roots")]
            Roots::Webpki => builder.with_root_certificates(Arc::new(RootCertStore::from_iter(
                webpki_roots::TLS_SERVER_ROOTS.iter().cloned(),
            ))),
            Roots::Given(given) => builder.with_root_certificates(store(given)?),
        };
        let mut config = match self.identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain, identity.key)
                .map_err(TlsError::Setup)?,
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(config)
    }
}

/// What `wss://` uses when nothing is said; made once, because it reads the platform's
/// authorities, and because its sessions can be resumed.
pub(crate) fn default_config() -> Result<Arc<ClientConfig>, TlsError> {
    static CONFIGS: [OnceLock<Arc<ClientConfig>>; 2] = [OnceLock::new(), OnceLock::new()];
    // A provider may be installed once, also after the first connection.
    let [before, installed] = &CONFIGS;
    let config = match CryptoProvider::get_default() {
        None => before,
        Some(_) => installed,
    };
    if let Some(config) = config.get() {
        return Ok(Arc::clone(config));
    }
    let made = Arc::new(ClientTls::new().build()?);
    Ok(Arc::clone(config.get_or_init(|| made)))
}

pub(crate) fn store(roots: Vec<CertificateDer<'static>>) -> Result<Arc<RootCertStore>, TlsError> {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root).map_err(TlsError::Setup)?;
    }
    Ok(Arc::new(store))
}
