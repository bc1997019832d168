use std::error::Error;
use std::fmt;
use std::io;

use tokio_rustls::rustls;
use tokio_rustls::rustls::{AlertDescription, CertificateError};

/// Why there is no TLS connection, one variant per cause. `source()` holds what rustls says.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer gave up and said why: it does not like our certificate, misses one, or has no
    /// version in common with us.
    Alert(AlertDescription),
    /// The peer's certificate is not accepted, for a reason without a variant of its own.
    Certificate(rustls::Error),
    /// The peer's certificate has expired.
    CertificateExpired(rustls::Error),
    /// The peer's certificate is not valid yet.
    CertificateNotYetValid(rustls::Error),
    /// The client shows no certificate, and the server demands one.
    CertificateRequired,
    /// The peer's certificate has been revoked.
    CertificateRevoked(rustls::Error),
    /// The peer sent what is no TLS; often it does not speak TLS at all.
    InvalidMessage(rustls::Error),
    /// The stream failed in the middle of the handshake.
    Io(io::Error),
    /// Client certificates are to be verified, but there is no authority to do it by.
    NoRoots,
    /// Anything else that rustls reports.
    Other(rustls::Error),
    /// The URL's host can be the name on no certificate.
    ServerName,
    /// A configuration cannot be made of what was given.
    Setup(rustls::Error),
    /// The peer closed the stream in the middle of the handshake.
    UnexpectedEof,
    /// The peer's certificate was issued by nobody we trust.
    UnknownIssuer(rustls::Error),
    /// The server's certificate is for other names.
    WrongName(rustls::Error),
}

impl TlsError {
    /// What a stream reports while it shakes hands.
    pub(crate) fn from_io(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return Self::UnexpectedEof;
        }
        match find(&error) {
            Some(found) => Self::from_rustls(found.clone()),
            None => Self::Io(error),
        }
    }

    /// The error of TLS in what a stream reports, if TLS it was: a peer may also fail the
    /// handshake after it was complete for us (RFC 8446 §4.4.2.4).
    pub(crate) fn inside(error: &io::Error) -> Option<Self> {
        find(error).cloned().map(Self::from_rustls)
    }

    fn from_rustls(error: rustls::Error) -> Self {
        use CertificateError::{
            Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet,
            NotValidYetContext, Revoked, UnknownIssuer,
        };
        match error {
            rustls::Error::AlertReceived(alert) => Self::Alert(alert),
            rustls::Error::NoCertificatesPresented => Self::CertificateRequired,
            rustls::Error::InvalidMessage(_) => Self::InvalidMessage(error),
            rustls::Error::InvalidCertificate(ref cause) => match cause {
                Expired | ExpiredContext { .. } => Self::CertificateExpired(error),
                NotValidYet | NotValidYetContext { .. } => Self::CertificateNotYetValid(error),
                NotValidForName | NotValidForNameContext { .. } => Self::WrongName(error),
                Revoked => Self::CertificateRevoked(error),
                UnknownIssuer => Self::UnknownIssuer(error),
                _ => Self::Certificate(error),
            },
            _ => Self::Other(error),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Alert(alert) => return write!(f, "peer sent the tls alert {alert:?}"),
            Self::Certificate(_) => "peer's certificate is not accepted",
            Self::CertificateExpired(_) => "peer's certificate has expired",
            Self::CertificateNotYetValid(_) => "peer's certificate is not valid yet",
            Self::CertificateRequired => "client shows no certificate",
            Self::CertificateRevoked(_) => "peer's certificate has been revoked",
            Self::InvalidMessage(_) => "peer does not speak tls",
            Self::Io(_) => "stream failed during the tls handshake",
            Self::NoRoots => "no authority to verify client certificates by",
            Self::Other(_) => "tls handshake failed",
            Self::ServerName => "host of the url can be the name on no certificate",
            Self::Setup(_) => "tls cannot be set up",
            Self::UnexpectedEof => "peer closed the connection during the tls handshake",
            Self::UnknownIssuer(_) => "peer's certificate was issued by nobody we trust",
            Self::WrongName(_) => "server's certificate is for other names",
        })
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Certificate(error)
            | Self::CertificateExpired(error)
            | Self::CertificateNotYetValid(error)
            | Self::CertificateRevoked(error)
            | Self::InvalidMessage(error)
            | Self::Other(error)
            | Self::Setup(error)
            | Self::UnknownIssuer(error)
            | Self::WrongName(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Alert(_)
            | Self::CertificateRequired
            | Self::NoRoots
            | Self::ServerName
            | Self::UnexpectedEof => None,
        }
    }
}

fn find(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}
