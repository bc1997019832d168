//! A private authority, and the certificates it issues.

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
    PKCS_ED25519, SignatureAlgorithm, date_time_ymd,
};
use socket_flow::tls::rustls::pki_types::CertificateDer;
use socket_flow::tls::{ClientTls, Identity, ServerTls};
use socket_flow::{ClientBuilder, Listener};

pub(crate) struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
    algorithm: &'static SignatureAlgorithm,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        Self::of(name, &PKCS_ECDSA_P256_SHA256)
    }

    /// For what is to be repeated to the byte: ECDSA's signatures are now a
    /// byte longer, now a byte shorter.
    pub(crate) fn with_signatures_of_one_length(name: &str) -> Self {
        Self::of(name, &PKCS_ED25519)
    }

    fn of(name: &str, algorithm: &'static SignatureAlgorithm) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate_for(algorithm).unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            pem,
            issuer: Issuer::new(params, key),
            algorithm,
        }
    }

    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    pub(crate) fn roots(&self) -> Vec<CertificateDer<'static>> {
        socket_flow::tls::certificates(self.pem.as_bytes()).unwrap()
    }

    /// A certificate for a name or an address, valid today.
    pub(crate) fn issue(&self, name: &str) -> Identity {
        self.issue_for_years(name, 2000, 4000)
    }

    pub(crate) fn issue_for_years(&self, name: &str, from: i32, to: i32) -> Identity {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = date_time_ymd(from, 1, 1);
        params.not_after = date_time_ymd(to, 1, 1);
        self.issue_params(params)
    }

    pub(crate) fn issue_params(&self, params: CertificateParams) -> Identity {
        let pem = self.sign(&params);
        Identity::from_pem(pem.as_bytes(), pem.as_bytes()).unwrap()
    }

    /// The same as one PEM text: the certificate, the authority's and the key.
    pub(crate) fn issue_pem(&self, name: &str) -> String {
        self.sign(&CertificateParams::new([name.to_owned()]).unwrap())
    }

    fn sign(&self, params: &CertificateParams) -> String {
        let key = KeyPair::generate_for(self.algorithm).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        certificate.pem() + &self.pem + &key.serialize_pem()
    }

    /// The configuration of a client that trusts this authority alone.
    pub(crate) fn client(&self) -> ClientTls {
        ClientTls::new().roots(self.roots())
    }
}

/// A listener on a free port of `localhost`'s IPv4 address, and what a client needs for it.
pub(crate) async fn listen(tls: ServerTls) -> (Listener, u16) {
    let listener = Listener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener.tls(tls.build().unwrap()), port)
}

pub(crate) fn client(host: &str, port: u16, tls: ClientTls) -> ClientBuilder {
    ClientBuilder::new(format!("wss://{host}:{port}/")).tls(tls.build().unwrap())
}
