use http::Request;
use socket_flow::{Error, Server, ServerStream, WebSocket};

async fn echo(mut ws: WebSocket<ServerStream>, _request: Request<()>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?; // leaves with the other replies, before the next wait
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:9001").serve_with(echo).await?;
    server.closed().await;
    Ok(())
}
