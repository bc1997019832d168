use socket_flow_handshake::head::HeadLimits;
use socket_flow_handshake::target::Target;
use std::pin::pin;

use crate::client::dial::{DialFailure, dial};
use crate::client::error::ConnectError;
use crate::client::proxy::error::ProxyError;
use crate::client::proxy::{Proxy, ProxyKind, http_connect, socks};
use crate::client::stage::ConnectStage;
use crate::deadline::Deadline;
use crate::stream::Carrier;

/// Connects to the proxy and has it connect to the server.
pub(crate) async fn tunnel(
    proxy: &Proxy,
    target: &Target,
    limits: HeadLimits,
    deadline: Deadline,
) -> Result<Carrier, ConnectError> {
    #[cfg(feature = "rustls")]
    let secure = match proxy.kind {
        ProxyKind::Https => Some(
            crate::client::secure::Secure::new(&proxy.host, proxy.tls.as_ref())
                .map_err(|error| ConnectError::Proxy(ProxyError::Tls(error)))?,
        ),
        ProxyKind::Http | ProxyKind::Socks5 => None,
    };
    #[cfg(not(feature = "rustls"))]
    if proxy.kind == ProxyKind::Https {
        return Err(ConnectError::Proxy(ProxyError::TlsUnavailable));
    }
    let tcp = dial(&proxy.host, proxy.port, deadline)
        .await
        .map_err(|failure| match failure {
            DialFailure::Connect(error) => ConnectError::Proxy(ProxyError::Connect(error)),
            DialFailure::Resolve(error) => ConnectError::Proxy(ProxyError::Resolve(error)),
            DialFailure::Timeout(stage) => ConnectError::Timeout(stage),
        })?;
    let agreed = async {
        #[cfg(feature = "rustls")]
        let mut carrier = match secure {
            Some(secure) => Carrier::Tls(Box::new(
                secure.connect(tcp).await.map_err(ProxyError::Tls)?,
            )),
            None => Carrier::Tcp(tcp),
        };
        #[cfg(not(feature = "rustls"))]
        let mut carrier = Carrier::Tcp(tcp);
        match proxy.kind {
            ProxyKind::Http | ProxyKind::Https => {
                let authority = match target.host() {
                    host if host.contains(':') => format!("[{host}]:{}", target.port()),
                    host => format!("{host}:{}", target.port()),
                };
                http_connect::connect(&mut carrier, proxy, &authority, limits, deadline).await?;
            }
            ProxyKind::Socks5 => {
                let userinfo = proxy.userinfo.as_ref();
                socks::connect(&mut carrier, userinfo, target.host(), target.port()).await?;
            }
        }
        Ok(carrier)
    };
    deadline
        .run(pin!(agreed))
        .await
        .ok_or(ConnectError::Timeout(ConnectStage::Proxy))?
        .map_err(ConnectError::Proxy)
}
