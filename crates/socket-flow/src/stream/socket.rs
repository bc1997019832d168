use std::io;
use std::net::SocketAddr;

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
            Self::Tcp(tcp) => tcp.peer_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(tcp) => tcp.local_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

delegate_io!(Socket, this => *this, Socket {
    Tcp,
    #[cfg(unix)]
    Unix,
});
