use std::error::Error;
use std::fmt;
use std::io;

use socket_flow_handshake::head::HeadError;

use crate::client::dial::DialError;
use crate::client::proxy::url::InvalidProxyUrl;
use crate::client::rejected::Rejected;
use crate::head_io::ReadHeadError;
use crate::stream_failure::StreamFailure;
#[cfg(feature = "rustls")]
use crate::tls::TlsError;

/// Why a proxy opened no way to the server, one variant per cause.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy wants credentials that it was not given: SOCKS accepts none of our methods.
    AuthenticationRequired,
    /// The proxy refused user and password (RFC 1929).
    AuthenticationFailed,
    /// No address of the proxy took a TCP connection.
    Connect(DialError),
    /// SOCKS carries user, password and host of 1 to 255 bytes each.
    FieldLength,
    /// The head of the proxy's answer to `CONNECT` cannot be read.
    Head(HeadError),
    /// A variable of the environment names no proxy. It is not gone around.
    InvalidUrl(InvalidProxyUrl),
    /// The proxy's answer is not SOCKS 5.
    InvalidReply,
    /// The stream to the proxy failed.
    Io(io::Error),
    /// The proxy answered `CONNECT` with another status than 2xx; 407 asks for credentials.
    Rejected(Box<Rejected>),
    /// The proxy's name cannot be resolved.
    Resolve(io::Error),
    /// The SOCKS proxy did not reach the server.
    Socks(SocksReply),
    /// There is no TLS connection to the `https://` proxy.
    #[cfg(feature = "rustls")]
    Tls(TlsError),
    /// The proxy is `https://`, and this build cannot encrypt. Nothing was sent.
    TlsUnavailable,
    /// The proxy sent data behind its answer, before the server was asked for any.
    UnexpectedData,
    /// The proxy closed the stream before its answer was complete.
    UnexpectedEof,
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthenticationRequired => "proxy wants credentials",
            Self::AuthenticationFailed => "proxy refused user and password",
            Self::Connect(_) => "no tcp connection to the proxy",
            Self::FieldLength => "user, password or host do not fit into socks",
            Self::Head(_) => "proxy's answer cannot be read",
            Self::InvalidUrl(_) => "environment names an invalid proxy",
            Self::InvalidReply => "proxy does not speak socks 5",
            Self::Io(_) => "stream to the proxy failed",
            Self::Rejected(rejected) => {
                return write!(f, "proxy answered with status {}", rejected.status());
            }
            Self::Resolve(_) => "proxy cannot be resolved",
            Self::Socks(reply) => return write!(f, "proxy answered: {reply}"),
            #[cfg(feature = "rustls")]
            Self::Tls(_) => "no tls connection to the proxy",
            Self::TlsUnavailable => {
                "an https:// proxy needs the feature `rustls`, which this build of socket-flow lacks"
            }
            Self::UnexpectedData => "proxy sent data behind its answer",
            Self::UnexpectedEof => "proxy closed the connection",
        })
    }
}

impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connect(error) => Some(error),
            Self::Head(error) => Some(error),
            Self::InvalidUrl(error) => Some(error),
            Self::Io(error) | Self::Resolve(error) => Some(error),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => Some(error),
            Self::AuthenticationRequired
            | Self::AuthenticationFailed
            | Self::FieldLength
            | Self::InvalidReply
            | Self::Rejected(_)
            | Self::Socks(_)
            | Self::TlsUnavailable
            | Self::UnexpectedData
            | Self::UnexpectedEof => None,
        }
    }
}

impl From<io::Error> for ProxyError {
    fn from(error: io::Error) -> Self {
        match error.into() {
            #[cfg(feature = "rustls")]
            StreamFailure::Tls(error) => Self::Tls(error),
            StreamFailure::UnexpectedEof => Self::UnexpectedEof,
            StreamFailure::Io(error) => Self::Io(error),
        }
    }
}

impl From<ReadHeadError> for ProxyError {
    fn from(error: ReadHeadError) -> Self {
        match error {
            ReadHeadError::Eof => Self::UnexpectedEof,
            ReadHeadError::Head(error) => Self::Head(error),
            ReadHeadError::Io(error) => error.into(),
        }
    }
}

/// Why a SOCKS proxy did not reach the server (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksReply {
    /// 1: the proxy failed.
    GeneralFailure,
    /// 2: the proxy's rules do not allow it.
    NotAllowed,
    /// 3: the network cannot be reached.
    NetworkUnreachable,
    /// 4: the host cannot be reached, or its name not be resolved.
    HostUnreachable,
    /// 5: the server refused the connection.
    ConnectionRefused,
    /// 6: a packet lived too long.
    TtlExpired,
    /// 7: the proxy cannot connect.
    CommandNotSupported,
    /// 8: the proxy does not know the kind of address.
    AddressTypeNotSupported,
    /// Another number, without a meaning.
    Other(u8),
}

impl SocksReply {
    pub(crate) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::GeneralFailure,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressTypeNotSupported,
            code => Self::Other(code),
        }
    }
}

impl fmt::Display for SocksReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::GeneralFailure => "general failure",
            Self::NotAllowed => "not allowed",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ConnectionRefused => "connection refused",
            Self::TtlExpired => "ttl expired",
            Self::CommandNotSupported => "command not supported",
            Self::AddressTypeNotSupported => "address type not supported",
            Self::Other(code) => return write!(f, "code {code}"),
        })
    }
}
