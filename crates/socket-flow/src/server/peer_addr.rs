use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::stream::canonical;

/// Where a connection comes from.
///
/// A [`Server`](crate::Server) puts it into the extensions of each request:
/// `request.extensions().get::<PeerAddr>()`. Behind a proxy it is the proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerAddr {
    /// The other end of a TCP connection: IPv4 as such, also on a socket of both families.
    Ip(SocketAddr),
    /// A process on this machine, which has no address.
    Unix,
}

impl PeerAddr {
    /// The address of the machine, where there is one.
    pub fn ip(&self) -> Option<IpAddr> {
        self.socket_addr().map(|addr| addr.ip())
    }

    /// Address and port, where there are any.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Ip(addr) => Some(*addr),
            Self::Unix => None,
        }
    }
}

impl From<SocketAddr> for PeerAddr {
    /// An IPv4 address that a socket of both families shows as `::ffff:127.0.0.1` is one.
    fn from(addr: SocketAddr) -> Self {
        Self::Ip(canonical(addr))
    }
}

impl fmt::Display for PeerAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(addr) => addr.fmt(f),
            Self::Unix => f.write_str("unix"),
        }
    }
}
