//! Lists of hosts with `*`, beside certificates: `webpki` says for which names one with that name is.
//!
//! `docs/conformance.md` has the command that tries 100,000 inputs.

use std::sync::LazyLock;

use http::Request;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::server::ParsedCertificate;

use super::Acceptor;

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().unwrap());

/// Whether a certificate for this pattern is one for this host; `None` where there is no such
/// certificate, or no such name.
fn certified(pattern: &str, host: &str) -> Option<bool> {
    let certificate = CertificateParams::new([pattern.to_owned()]).ok()?;
    let certificate = certificate.self_signed(&*KEY).ok()?;
    let certificate = ParsedCertificate::try_from(certificate.der()).ok()?;
    let name = ServerName::try_from(host).ok()?;
    Some(verify_server_name(&certificate, &name).is_ok())
}

fn admitted(pattern: &str, host: &str) -> Option<bool> {
    let acceptor = Acceptor::new().hosts([pattern]).ok()?;
    let request = Request::get("/")
        .header("host", host)
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-version", "13");
    Some(acceptor.upgrade(&request.body(()).ok()?).is_ok())
}

fn name(first: &'static [&'static str]) -> impl Strategy<Value = String> {
    let rest = [
        "a.example",
        "A.Example",
        "b.a.example",
        "ba.example",
        "example",
        "localhost",
        "a.example.",
        "127.0.0.1",
        "xn--bcher-kva.example",
        "a_b.example",
        "a-b.example",
    ];
    (
        prop::sample::select(first.to_vec()),
        prop::sample::select(rest.to_vec()),
    )
        .prop_map(|(first, rest)| format!("{first}{rest}"))
}

proptest! {
    /// RFC 9525 §6.3.
    #[test]
    fn a_star_in_a_list_of_hosts_is_that_of_a_certificate(
        pattern in name(&["", "*.", "*.", "*.b.", "*", "b*.", "*.*.", "b.*."]),
        host in name(&["", "b.", "B.", "c.b.", "*.", "b-c.", "b_c.", "xn--a."]),
    ) {
        let (ours, theirs) = (admitted(&pattern, &host), certified(&pattern, &host));
        // A dot at the end changes nothing here; in a certificate it is no name.
        let is_dotted = pattern.ends_with('.') || host.ends_with('.');
        let bare = |name: &str| name.strip_suffix('.').unwrap_or(name).to_owned();
        let theirs = match is_dotted {
            true => certified(&bare(&pattern), &bare(&host)),
            false => theirs,
        };
        // `*.localhost` is no pattern of theirs, for it has one label; here such names are this
        // machine's (RFC 6761 §6.3).
        let is_local = bare(&pattern) == "*.localhost";
        // `*` is no name to them, and a label like any other in a `Host` (RFC 3986 §3.2.2).
        let is_star = host.contains('*');
        prop_assert!(
            ours.unwrap_or(false) == theirs.unwrap_or(false) || is_local || is_star,
            "{ours:?}, theirs {theirs:?}"
        );
    }
}
