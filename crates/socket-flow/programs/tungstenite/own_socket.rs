use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

async fn dial(
    url: &str,
    address: SocketAddr,
    trust: ClientConfig,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let connector = Connector::Rustls(Arc::new(trust));
    let (ws, _response) = client_async_tls_with_config(url, stream, None, Some(connector)).await?;
    Ok(ws)
}
