use socket_flow::{Error, Server, ServerStream, WebSocket};

async fn echo(ws: &mut WebSocket<ServerStream>) -> Result<(), Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:9001")
        .serve_with(|mut ws, request| {
            println!("{}", request.uri().path());
            async move { echo(&mut ws).await }
        })
        .await?;
    server.closed().await;
    Ok(())
}
