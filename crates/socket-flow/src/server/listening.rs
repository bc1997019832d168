use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::server::peer_addr::PeerAddr;
use crate::stream::Socket;

/// A socket that listens.
#[derive(Debug)]
pub(crate) enum Listening {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

impl Listening {
    pub(crate) async fn accept(&self) -> io::Result<(Socket, PeerAddr)> {
        match self {
            Self::Tcp(listener) => {
                let (tcp, peer) = listener.accept().await?;
                Ok((Socket::tcp(tcp), peer.into()))
            }
            #[cfg(unix)]
            Self::Unix(listener) => {
                let (unix, _unnamed) = listener.accept().await?;
                Ok((Socket::Unix(unix), PeerAddr::Unix))
            }
        }
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr(),
            #[cfg(unix)]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}
