use http::Response;
use socket_flow::{AcceptError, Acceptor, WebSocket};
use tokio::net::TcpStream;

async fn open(stream: TcpStream) -> Result<WebSocket<TcpStream>, AcceptError> {
    let pending = Acceptor::new().subprotocols(["v1"]).read(stream).await?;
    if pending.request().uri().path() != "/chat" {
        let mut answer = Response::new("no such room");
        *answer.status_mut() = http::StatusCode::NOT_FOUND;
        return pending.deny(answer).accept().await;
    }
    pending.header("x-room", "chat").accept().await
}
