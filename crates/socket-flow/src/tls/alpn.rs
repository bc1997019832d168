use std::sync::Arc;

use tokio_rustls::rustls::{ClientConfig, ServerConfig};

/// The protocol of the opening handshake (RFC 7301 §6): WebSocket has no name of its own, and a
/// server that could also speak HTTP/2 must not.
pub(crate) const ALPN: &[u8] = b"http/1.1";

/// HTTP/2 in ALPN (RFC 9113 §3.1).
const H2: &[u8] = b"h2";

/// A client's configuration that offers what it will speak: not HTTP/2.
pub(crate) fn for_client(mut config: Arc<ClientConfig>) -> Arc<ClientConfig> {
    if has_h2(&config.alpn_protocols) {
        drop_h2(&mut Arc::make_mut(&mut config).alpn_protocols);
    }
    config
}

/// A server's configuration that agrees to what it will speak.
pub(crate) fn for_server(mut config: Arc<ServerConfig>) -> Arc<ServerConfig> {
    if has_h2(&config.alpn_protocols) {
        drop_h2(&mut Arc::make_mut(&mut config).alpn_protocols);
    }
    config
}

fn has_h2(names: &[Vec<u8>]) -> bool {
    names.iter().any(|name| name == H2)
}

fn drop_h2(names: &mut Vec<Vec<u8>>) {
    names.retain(|name| name != H2);
    if names.is_empty() {
        names.push(ALPN.to_vec());
    }
}
