//! The way to the server: directly or through a proxy, encrypted or not.

use std::net::SocketAddr;
#[cfg(feature = "rustls")]
use std::sync::Arc;
use std::time::Duration;

use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::target::Target;
use socket_flow_protocol::NEVER;
#[cfg(feature = "rustls")]
use tokio_rustls::rustls::ClientConfig;

use crate::client::dial::{DialFailure, dial, dial_addresses};
use crate::client::error::ConnectError;
use crate::client::proxy::{Environment, Proxy, ProxyError, tunnel};
#[cfg(feature = "rustls")]
use crate::client::secure::Secure;
#[cfg(feature = "rustls")]
use crate::client::stage::ConnectStage;
use crate::deadline::Deadline;
use crate::stream::{Carrier, ClientStream};

/// How a client gets to a server.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    pub(crate) addresses: Option<Vec<SocketAddr>>,
    pub(crate) connect_timeout: Duration,
    pub(crate) proxy: ProxyChoice,
    #[cfg(feature = "rustls")]
    pub(crate) tls: Option<Arc<ClientConfig>>,
    #[cfg(feature = "rustls")]
    pub(crate) tls_timeout: Duration,
}

#[derive(Clone, Debug)]
pub(crate) enum ProxyChoice {
    Direct,
    Environment(Box<Environment>),
    Given(Box<Proxy>),
}

impl Transport {
    /// Opens the way; the deadline is that of everything, stages may have shorter ones.
    pub(crate) async fn open(
        &self,
        target: &Target,
        limits: HeadLimits,
        deadline: Deadline,
    ) -> Result<ClientStream, ConnectError> {
        // What cannot work is told before a socket is opened.
        let proxy = self.proxy.pick(target)?;
        #[cfg(feature = "rustls")]
        let secure = if target.is_secure() {
            let secure = Secure::new(target.host(), self.tls.as_ref());
            Some(secure.map_err(ConnectError::Tls)?)
        } else {
            None
        };
        #[cfg(not(feature = "rustls"))]
        if target.is_secure() {
            return Err(ConnectError::TlsUnavailable);
        }

        let by = deadline.or(Deadline::after(self.connect_timeout));
        let carrier = match proxy {
            Some(proxy) => tunnel(&proxy, target, limits, by).await?,
            None => {
                let dialled = match &self.addresses {
                    Some(addresses) => dial_addresses(addresses.iter().copied(), by).await,
                    None => dial(target.host(), target.port(), by).await,
                };
                Carrier::Tcp(dialled.map_err(|failure| match failure {
                    DialFailure::Connect(error) => ConnectError::Connect(error),
                    DialFailure::Resolve(error) => ConnectError::Resolve(error),
                    DialFailure::Timeout(stage) => ConnectError::Timeout(stage),
                })?)
            }
        };
        #[cfg(feature = "rustls")]
        if let Some(secure) = secure {
            let by = deadline.or(Deadline::after(self.tls_timeout));
            let tls = by
                .run(std::pin::pin!(secure.connect(carrier)))
                .await
                .ok_or(ConnectError::Timeout(ConnectStage::Tls))?
                .map_err(ConnectError::Tls)?;
            return Ok(ClientStream::encrypted(tls));
        }
        Ok(ClientStream::plain(carrier))
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self {
            addresses: None,
            connect_timeout: NEVER,
            proxy: ProxyChoice::Direct,
            #[cfg(feature = "rustls")]
            tls: None,
            #[cfg(feature = "rustls")]
            tls_timeout: NEVER,
        }
    }
}

impl ProxyChoice {
    fn pick(&self, target: &Target) -> Result<Option<Proxy>, ConnectError> {
        match self {
            Self::Direct => Ok(None),
            Self::Given(proxy) => Ok(Some(Proxy::clone(proxy))),
            Self::Environment(environment) => environment
                .proxy_for(target)
                .map_err(|error| ConnectError::Proxy(ProxyError::InvalidUrl(error))),
        }
    }
}
