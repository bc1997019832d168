//! What is worth another attempt: the table in `retried.md`, as code.
//!
//! No match here has a wildcard where the type is the crate's own: a new cause has to be judged.

use http::StatusCode;
use socket_flow_protocol::CloseCode;
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::AlertDescription;

use crate::client::error::ConnectError;
use crate::client::proxy::{ProxyError, SocksReply};
use crate::client::reconnect::cause::DisconnectCause;
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

impl DisconnectCause {
    /// What is worth another try where the application does not say: all but
    /// what would only end the same way.
    ///
    /// What this program was given (URL, headers, credentials, proxy, build) is
    /// not tried again: it stays what it is. What others can mend (servers,
    /// networks, certificates, clocks) is:
    ///
    #[doc = include_str!("retried.md")]
    pub fn is_worth_retrying(&self) -> bool {
        match self {
            Self::Closed(Some(frame)) => !BLAMES_US.contains(&frame.code),
            Self::Closed(None) | Self::Failed(_) => true,
            Self::Connect(error) => connecting(error),
        }
    }
}

fn connecting(error: &ConnectError) -> bool {
    match error {
        ConnectError::Proxy(error) => proxy(error),
        ConnectError::Rejected(rejected) => is_temporary(rejected.status()),
        #[cfg(feature = "rustls")]
        ConnectError::Tls(error) => tls(error),
        ConnectError::Connect(_)
        | ConnectError::Head(_)
        | ConnectError::Io(_)
        | ConnectError::Random(_)
        | ConnectError::Resolve(_)
        | ConnectError::Timeout(_)
        | ConnectError::UnexpectedEof => true,
        ConnectError::InvalidHeader(_)
        | ConnectError::Redirect(_)
        | ConnectError::Request(_)
        | ConnectError::Target(_)
        | ConnectError::TlsUnavailable
        | ConnectError::Verify(_) => false,
    }
}

fn proxy(error: &ProxyError) -> bool {
    match error {
        ProxyError::Rejected(rejected) => is_temporary(rejected.status()),
        ProxyError::Socks(reply) => socks(*reply),
        #[cfg(feature = "rustls")]
        ProxyError::Tls(error) => tls(error),
        ProxyError::Connect(_)
        | ProxyError::Head(_)
        | ProxyError::InvalidReply
        | ProxyError::Io(_)
        | ProxyError::Resolve(_)
        | ProxyError::UnexpectedData
        | ProxyError::UnexpectedEof => true,
        ProxyError::AuthenticationFailed
        | ProxyError::AuthenticationRequired
        | ProxyError::FieldLength
        | ProxyError::InvalidUrl(_)
        | ProxyError::TlsUnavailable => false,
    }
}

fn socks(reply: SocksReply) -> bool {
    match reply {
        SocksReply::ConnectionRefused
        | SocksReply::GeneralFailure
        | SocksReply::HostUnreachable
        | SocksReply::NetworkUnreachable
        | SocksReply::Other(_)
        | SocksReply::TtlExpired => true,
        SocksReply::AddressTypeNotSupported
        | SocksReply::CommandNotSupported
        | SocksReply::NotAllowed => false,
    }
}

#[cfg(feature = "rustls")]
fn tls(error: &TlsError) -> bool {
    match error {
        TlsError::Alert(alert) => !REFUSES_US.contains(alert),
        TlsError::Certificate(_)
        | TlsError::CertificateExpired(_)
        | TlsError::CertificateNotYetValid(_)
        | TlsError::CertificateRevoked(_)
        | TlsError::InvalidMessage(_)
        | TlsError::Io(_)
        | TlsError::Other(_)
        | TlsError::UnexpectedEof
        | TlsError::UnknownIssuer(_)
        | TlsError::WrongName(_) => true,
        TlsError::CertificateRequired
        | TlsError::NoRoots
        | TlsError::ServerName
        | TlsError::Setup(_) => false,
    }
}

fn is_temporary(status: StatusCode) -> bool {
    match status {
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS => true,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => false,
        status => !(status.is_redirection() || status.is_client_error()),
    }
}

const BLAMES_US: [CloseCode; 6] = [
    CloseCode::PROTOCOL_ERROR,
    CloseCode::UNSUPPORTED_DATA,
    CloseCode::INVALID_PAYLOAD,
    CloseCode::POLICY_VIOLATION,
    CloseCode::MESSAGE_TOO_BIG,
    CloseCode::MANDATORY_EXTENSION,
];

/// Alerts about a client's certificate, or its lack, and about access (RFC 8446 §6.2).
#[cfg(feature = "rustls")]
const REFUSES_US: [AlertDescription; 8] = [
    AlertDescription::AccessDenied,
    AlertDescription::BadCertificate,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateRequired,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::UnsupportedCertificate,
];

#[cfg(all(test, feature = "rustls"))]
mod tests;
