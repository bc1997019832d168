use tokio::net::TcpStream;

use crate::stream::delegate::delegate_io;

/// What a client's connection travels on: TCP, or TLS to a proxy.
#[derive(Debug)]
pub(crate) enum Carrier {
    Tcp(TcpStream),
}

impl Carrier {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
        }
    }
}

delegate_io!(Carrier, this => *this, Carrier { Tcp });
