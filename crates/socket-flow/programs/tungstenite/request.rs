use http::{HeaderValue, StatusCode};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};

async fn open(stream: TcpStream) -> Result<WebSocketStream<TcpStream>, Error> {
    accept_hdr_async(stream, |request: &Request, mut response: Response| {
        if request.uri().path() != "/chat" {
            let mut answer = ErrorResponse::new(Some("no such room".into()));
            *answer.status_mut() = StatusCode::NOT_FOUND;
            return Err(answer);
        }
        let headers = response.headers_mut();
        headers.insert("x-room", HeaderValue::from_static("chat"));
        let asked = request.headers().get("sec-websocket-protocol");
        let mut names = asked
            .map_or(&b""[..], HeaderValue::as_bytes)
            .split(|byte| *byte == b',');
        if names.any(|name| name.trim_ascii() == b"v1") {
            headers.insert("sec-websocket-protocol", HeaderValue::from_static("v1"));
        }
        Ok(response)
    })
    .await
}
