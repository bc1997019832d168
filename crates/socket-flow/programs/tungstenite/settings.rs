use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, accept_async_with_config, connect_async_with_config,
};

fn settings() -> WebSocketConfig {
    WebSocketConfig::default()
        .max_message_size(Some(1 << 20))
        .max_frame_size(Some(1 << 20))
        .write_buffer_size(0)
        .max_write_buffer_size(256 << 10)
}

async fn connect(url: &str) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, Error> {
    let disable_nagle = true;
    let (ws, _response) = connect_async_with_config(url, Some(settings()), disable_nagle).await?;
    Ok(ws)
}

async fn accept(stream: TcpStream) -> Result<WebSocketStream<TcpStream>, Error> {
    accept_async_with_config(stream, Some(settings())).await
}
