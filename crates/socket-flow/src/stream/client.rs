use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

use crate::stream::carrier::Carrier;
use crate::stream::delegate::delegate_io;
#[cfg(feature = "rustls")]
use crate::tls::TlsInfo;

/// The transport under a connection that [`connect`](crate::connect) opened.
///
/// What it is made of is not part of its type: TCP, TLS, or either through a proxy. To bring a
/// stream of your own, use [`ClientBuilder::connect_on`](crate::ClientBuilder::connect_on).
#[derive(Debug)]
pub struct ClientStream {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    Plain(Carrier),
    #[cfg(feature = "rustls")]
    Tls(Box<tokio_rustls::client::TlsStream<Carrier>>),
}

impl ClientStream {
    /// `TCP_NODELAY` is set by whoever opened the socket.
    pub(crate) fn plain(carrier: Carrier) -> Self {
        Self {
            inner: Inner::Plain(carrier),
        }
    }

    #[cfg(feature = "rustls")]
    pub(crate) fn encrypted(tls: tokio_rustls::client::TlsStream<Carrier>) -> Self {
        Self {
            inner: Inner::Tls(Box::new(tls)),
        }
    }

    /// The address of the other end: the server's, or the proxy's where there is one.
    ///
    /// # Errors
    /// Where the system knows none, for instance because the connection is gone.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().peer_addr()
    }

    /// The address of this end.
    ///
    /// # Errors
    /// Where the system knows none.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp().local_addr()
    }

    /// What the TLS handshake with the server agreed on; `None` for `ws://`.
    #[cfg(feature = "rustls")]
    pub fn tls(&self) -> Option<TlsInfo> {
        match &self.inner {
            Inner::Plain(_) => None,
            Inner::Tls(tls) => Some(TlsInfo::new(tls.get_ref().1, None)),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.inner {
            Inner::Plain(carrier) => carrier.tcp(),
            #[cfg(feature = "rustls")]
            Inner::Tls(tls) => tls.get_ref().0.tcp(),
        }
    }
}

delegate_io!(ClientStream, this => this.inner, Inner {
    Plain,
    #[cfg(feature = "rustls")]
    Tls,
});
