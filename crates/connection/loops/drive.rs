use socket_flow_connection::{Error, Message, WebSocket};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

async fn hand_over(
    mut ws: WebSocket<TcpStream>,
    messages: mpsc::Sender<Message>,
) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        tokio::select! {
            biased;
            // Whoever takes the message may be waiting to send one.
            result = messages.send(message) => if result.is_err() { break },
            result = ws.drive() => { result?; break }
        }
    }
    Ok(())
}
