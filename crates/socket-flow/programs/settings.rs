use socket_flow::{
    AcceptError, Acceptor, ClientBuilder, ClientStream, Config, ConnectError, WebSocket,
};
use tokio::net::TcpStream;

fn settings() -> Config {
    Config::new().max_message(1 << 20).high_water(256 << 10)
}

async fn connect(url: &str) -> Result<WebSocket<ClientStream>, ConnectError> {
    let (ws, _response) = ClientBuilder::new(url).config(settings()).connect().await?;
    Ok(ws)
}

async fn accept(stream: TcpStream) -> Result<WebSocket<TcpStream>, AcceptError> {
    Acceptor::new().config(settings()).accept(stream).await
}
