use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::{TlsError, default_config};

/// How to encrypt a connection, and to whom: settled before a socket is opened.
pub(crate) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Secure {
    /// A host that is an address is verified as one, and not sent as SNI (RFC 6066 §3).
    pub(crate) fn new(host: &str, config: Option<&Arc<ClientConfig>>) -> Result<Self, TlsError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName)?;
        let config = match config {
            Some(config) => Arc::clone(config),
            None => default_config()?,
        };
        Ok(Self {
            connector: config.into(),
            name,
        })
    }

    pub(crate) async fn connect<S>(self, stream: S) -> Result<TlsStream<S>, TlsError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.connector
            .connect(self.name, stream)
            .await
            .map_err(TlsError::from_io)
    }
}
