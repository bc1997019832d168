use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

use crate::stream::delegate::delegate_io;

/// A socket that a server accepted.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

impl Socket {
    /// Takes over an accepted socket and sets `TCP_NODELAY`.
    pub(crate) fn tcp(tcp: TcpStream) -> Self {
        // It fails where the peer is already gone, which the first read tells better.
        let _ = tcp.set_nodelay(true);
        Self::Tcp(tcp)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.peer_addr().map(canonical),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// See [`ServerStream`](crate::ServerStream).
    pub(crate) fn keep_little_unsent(&self) {
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if let Self::Tcp(tcp) = self {
            // Without it a slow client is judged by larger steps.
            let _ = socket2::SockRef::from(tcp).set_tcp_notsent_lowat(UNSENT);
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.local_addr().map(canonical),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// IPv4 as such, also where it comes in on a socket of both families.
pub(crate) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::from((ip, addr.port())),
        // With its scope.
        IpAddr::V6(_) => addr,
    }
}

/// How much may wait unsent: less than the least rate allows in the time a client may take nothing.
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNSENT: u32 = 4 << 10;

delegate_io!(Socket, this => *this, Socket {
    Tcp,
    #[cfg(unix)]
    Unix,
});
