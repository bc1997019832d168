use tokio::net::TcpStream;

use crate::stream::delegate::delegate_io;

/// What a client's connection travels on: TCP, or TLS to a proxy.
#[derive(Debug)]
pub(crate) enum Carrier {
    Tcp(TcpStream),
    /// It encrypts the way to the proxy, and says nothing about the server.
    #[cfg(feature = "rustls")]
    Tls(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

impl Carrier {
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Tcp(tcp) => tcp,
            #[cfg(feature = "rustls")]
            Self::Tls(tls) => tls.get_ref().0,
        }
    }
}

delegate_io!(Carrier, this => *this, Carrier {
    Tcp,
    #[cfg(feature = "rustls")]
    Tls,
});
