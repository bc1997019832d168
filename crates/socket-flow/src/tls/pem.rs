use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate with the chain that leads to its authority, and its private key: what one side
/// shows to the other. `Debug` does not show the key.
///
/// ```no_run
/// use socket_flow::tls::{Identity, ServerTls};
///
/// let identity = Identity::from_pem_files("fullchain.pem", "privkey.pem")?;
/// let config = ServerTls::new(identity).build()?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct Identity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Identity {
    /// A certificate chain, the own certificate first, and the key to it, in DER.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Self {
        Self { chain, key }
    }

    /// Reads both from PEM: every certificate in `chain`, the own one first, and the first private
    /// key in `key` (PKCS #8, PKCS #1 or SEC 1). Both may be the same text.
    ///
    /// # Errors
    /// [`PemError`], one variant per cause. Whether the key fits is found out when the
    /// configuration is built.
    pub fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, PemError> {
        Ok(Self {
            chain: certificates(chain)?,
            key: PrivateKeyDer::from_pem_slice(key).map_err(|error| match error {
                pem::Error::NoItemsFound => PemError::NoPrivateKey,
                error => syntax(error),
            })?,
        })
    }

    /// Reads both from PEM files, see [`from_pem`](Self::from_pem). It blocks.
    ///
    /// # Errors
    /// [`PemError`], one variant per cause.
    pub fn from_pem_files(
        chain: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, PemError> {
        Self::from_pem(&read(chain.as_ref())?, &read(key.as_ref())?)
    }
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            chain: self.chain.clone(),
            key: self.key.clone_key(),
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificates", &self.chain.len())
            .finish_non_exhaustive()
    }
}

/// Reads all certificates of a PEM text, for instance the authorities to trust.
///
/// ```no_run
/// use socket_flow::tls::{self, ClientTls};
///
/// let pem = std::env::var("OUR_CA")?;
/// let config = ClientTls::new().roots(tls::certificates(pem.as_bytes())?).build()?;
/// # let _ = config;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PemError`], also where there is none.
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(syntax)?;
    if certificates.is_empty() {
        return Err(PemError::NoCertificate);
    }
    Ok(certificates)
}

/// Reads all certificates of a PEM file, see [`certificates`]. It blocks.
///
/// ```no_run
/// use socket_flow::tls::{self, ClientTls};
///
/// let roots = tls::certificates_from_file("our-ca.pem")?;
/// let config = ClientTls::new().roots(roots).build()?;
/// # let _ = config;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`PemError`], also where there is none.
pub fn certificates_from_file(
    path: impl AsRef<Path>,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    certificates(&read(path.as_ref())?)
}

/// Why certificates or a key could not be read.
#[derive(Debug)]
#[non_exhaustive]
pub enum PemError {
    /// A file cannot be read.
    Io(io::Error),
    /// There is no `CERTIFICATE` section.
    NoCertificate,
    /// There is no private key, or only an encrypted one.
    NoPrivateKey,
    /// It is not PEM (RFC 7468). The line that is wrong is not shown: it may hold the key.
    Syntax(pem::Error),
}

/// Forgets the line that is wrong: it may hold the key.
fn syntax(error: pem::Error) -> PemError {
    PemError::Syntax(match error {
        pem::Error::IllegalSectionStart { .. } => {
            pem::Error::IllegalSectionStart { line: Vec::new() }
        }
        pem::Error::MissingSectionEnd { .. } => pem::Error::MissingSectionEnd {
            end_marker: Vec::new(),
        },
        error => error,
    })
}

impl fmt::Display for PemError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(_) => "pem file cannot be read",
            Self::NoCertificate => "no certificate in the pem text",
            Self::NoPrivateKey => "no private key in the pem text",
            Self::Syntax(_) => "invalid pem text",
        })
    }
}

impl Error for PemError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Syntax(error) => Some(error),
            Self::NoCertificate | Self::NoPrivateKey => None,
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, PemError> {
    std::fs::read(path).map_err(PemError::Io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mistake_has_its_own_error() {
        let generated = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let (chain, key) = (generated.cert.pem(), generated.signing_key.serialize_pem());
        let (chain, key) = (chain.as_bytes(), key.as_bytes());
        let both = [chain, key, chain].concat();
        let identity = Identity::from_pem(&both, &both).unwrap();
        assert_eq!(identity.chain.len(), 2);
        assert_eq!(
            format!("{identity:?}"),
            "Identity { certificates: 2, .. }",
            "the key is a secret"
        );
        let error = |chain, key| Identity::from_pem(chain, key).unwrap_err();
        assert!(matches!(error(key, key), PemError::NoCertificate));
        assert!(matches!(error(b"", key), PemError::NoCertificate));
        assert!(matches!(error(chain, chain), PemError::NoPrivateKey));
        let cut = &chain[..chain.len() / 2];
        assert!(matches!(error(cut, key), PemError::Syntax(_)));
        assert!(matches!(
            Identity::from_pem_files("/does/not/exist", "/neither").unwrap_err(),
            PemError::Io(_)
        ));
    }
}
