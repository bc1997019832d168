//! A private authority for one run, and the certificate it issues: files that both ends read.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use serde::Serialize;

use crate::error::Error;

/// The address of every server of a run.
const ADDRESS: &str = "127.0.0.1";

/// The files, PEM all of them.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Authority {
    /// Its own certificate, which clients trust alone.
    pub(crate) authority: PathBuf,
    /// The servers' certificate.
    pub(crate) certificate: PathBuf,
    /// The servers' key.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Makes one and writes its files.
    pub(crate) fn write(directory: &Path) -> Result<Self, Error> {
        let files = Self {
            authority: directory.join("authority.pem"),
            certificate: directory.join("certificate.pem"),
            key: directory.join("key.pem"),
        };
        let [authority, certificate, key] = issue().map_err(|error| Error::Program {
            program: "the certificate authority".into(),
            detail: error.to_string(),
        })?;
        fs::create_dir_all(directory).map_err(Error::file(directory))?;
        for (path, pem) in [
            (&files.authority, authority),
            (&files.certificate, certificate),
            (&files.key, key),
        ] {
            fs::write(path, pem).map_err(Error::file(path))?;
        }
        Ok(files)
    }
}

/// The authority's certificate, a server's and its key. They say all that strict clients ask for:
/// Python refuses an authority without key usages.
fn issue() -> Result<[String; 3], rcgen::Error> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
        .distinguished_name
        .push(DnType::CommonName, "socket-flow test authority");
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::new([ADDRESS.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, ADDRESS);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = date_time_ymd(2000, 1, 1);
    params.not_after = date_time_ymd(4000, 1, 1);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    Ok([authority, certificate.pem(), key.serialize_pem()])
}
