use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;
use socket_flow::{ClientBuilder, WebSocket};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

async fn dial(
    url: &str,
    address: SocketAddr,
    trust: ClientConfig,
) -> Result<WebSocket<TlsStream<TcpStream>>, Box<dyn Error>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url: Uri = url.parse()?;
    let name = ServerName::try_from(url.host().unwrap_or_default().to_owned())?;
    let stream = TlsConnector::from(Arc::new(trust))
        .connect(name, stream)
        .await?;
    let (ws, _response) = ClientBuilder::new(url.to_string())
        .connect_on(stream)
        .await?;
    Ok(ws)
}
