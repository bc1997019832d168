//! TLS of both ends, by the files of a private authority.

use std::io;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use socket_flow::tls::rustls::ServerConfig;
use socket_flow::tls::{ClientTls, Identity, ServerTls, certificates_from_file};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The files: the authority's certificate, the server's, its key.
const AUTHORITY: &str = "authority.pem";
const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";

/// The server's side.
///
/// # Errors
/// The files are not there, or not what they should be.
pub fn server(directory: &Path) -> io::Result<ServerConfig> {
    let (certificate, key) = (directory.join(CERTIFICATE), directory.join(KEY));
    let identity = Identity::from_pem_files(certificate, key).map_err(io::Error::other)?;
    ServerTls::new(identity).build().map_err(io::Error::other)
}

/// Encrypts a client's stream.
///
/// # Errors
/// The authority's file is not there, or the handshake fails.
pub async fn connect(
    directory: &Path,
    server: IpAddr,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let roots = certificates_from_file(directory.join(AUTHORITY)).map_err(io::Error::other)?;
    let config = ClientTls::new().roots(roots).build();
    let config = Arc::new(config.map_err(io::Error::other)?);
    TlsConnector::from(config)
        .connect(server.into(), stream)
        .await
}
