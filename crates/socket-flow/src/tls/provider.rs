use std::sync::Arc;

use tokio_rustls::rustls::crypto::CryptoProvider;

/// The cryptography that this crate's own configurations use.
///
/// It is the one that the application installed for the process, if it did; else AWS-LC with the
/// feature `aws-lc-rs`, and *ring* without. Nothing is installed, and nothing panics.
///
/// ```
/// let provider = socket_flow::tls::provider();
/// assert!(!provider.cipher_suites.is_empty());
/// ```
pub fn provider() -> Arc<CryptoProvider> {
    match CryptoProvider::get_default() {
        Some(installed) => Arc::clone(installed),
        None => Arc::new(built_in()),
    }
}

#[cfg(feature = "aws-lc-rs")]
fn built_in() -> CryptoProvider {
    tokio_rustls::rustls::crypto::aws_lc_rs::default_provider()
}

#[cfg(not(feature = "aws-lc-rs"))]
fn built_in() -> CryptoProvider {
    tokio_rustls::rustls::crypto::ring::default_provider()
}
