use http::Request;
use socket_flow::{Error, Server, ServerStream, WebSocket};

async fn echo(mut ws: WebSocket<ServerStream>, request: Request<()>) -> Result<(), Error> {
    println!("{}", request.uri().path());
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::bind("127.0.0.1:9001").serve_with(echo).await?;
    server.closed().await;
    Ok(())
}
