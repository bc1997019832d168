use futures_util::{SinkExt, StreamExt};
use socket_flow_connection::{Error, WebSocket};
use tokio::net::TcpStream;

async fn echo(mut ws: WebSocket<TcpStream>) -> Result<(), Error> {
    while let Some(message) = StreamExt::next(&mut ws).await {
        SinkExt::send(&mut ws, message?).await?;
    }
    Ok(())
}
