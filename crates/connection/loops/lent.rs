use socket_flow_connection::{Error, WebSocket};
use tokio::net::TcpStream;

async fn echo(mut ws: WebSocket<TcpStream>) -> Result<(), Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}
