use socket_flow_connection::{Error, WebSocket};
use tokio::net::TcpStream;

async fn relay(mut from: WebSocket<TcpStream>, mut to: WebSocket<TcpStream>) -> Result<(), Error> {
    let (reader, own) = from.halves();
    let (_, other) = to.halves();
    while let Some(message) = reader.recv(own).await? {
        other.send(message).await?;
    }
    Ok(())
}
