use socket_flow::{Error, Server, ServerStream, WebSocket};

async fn echo(ws: &mut WebSocket<ServerStream>) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.queue(message)?; // leaves with the other replies, before the next wait
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:9001")
        // The request ends here: an idle connection does not keep it.
        .serve_with(|mut ws, _request| async move { echo(&mut ws).await })
        .await?;
    server.closed().await;
    Ok(())
}
