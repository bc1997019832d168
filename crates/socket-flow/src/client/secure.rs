use std::sync::Arc;

use socket_flow_handshake::target::Target;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::client::error::{ConnectError, ConnectStage};
use crate::deadline::Deadline;
use crate::tls::{TlsError, default_config};

/// How to encrypt a connection, and to whom: settled before a socket is opened.
pub(crate) struct Secure {
    connector: TlsConnector,
    name: ServerName<'static>,
}

impl Secure {
    /// A host that is an address is verified as one, and not sent as SNI (RFC 6066 §3).
    pub(crate) fn new(host: &str, config: Option<&Arc<ClientConfig>>) -> Result<Self, TlsError> {
        let config = match config {
            Some(config) => Arc::clone(config),
            None => default_config()?,
        };
        Ok(Self {
            connector: config.into(),
            name: ServerName::try_from(host.to_owned()).map_err(|_| TlsError::ServerName)?,
        })
    }

    /// For `wss`; `None` for `ws`.
    pub(crate) fn for_target(
        target: &Target,
        config: Option<&Arc<ClientConfig>>,
    ) -> Result<Option<Self>, TlsError> {
        target
            .is_secure()
            .then(|| Self::new(target.host(), config))
            .transpose()
    }

    pub(crate) async fn connect<S>(
        self,
        stream: S,
        deadline: Deadline,
    ) -> Result<TlsStream<S>, ConnectError>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        deadline
            .run(self.connector.connect(self.name, stream))
            .await
            .ok_or(ConnectError::Timeout(ConnectStage::Tls))?
            .map_err(|error| ConnectError::Tls(TlsError::from_io(error)))
    }
}
