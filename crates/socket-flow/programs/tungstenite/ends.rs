use futures_util::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

async fn dial<S>(stream: S, token: &'static str) -> Result<WebSocketStream<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = "ws://chat.example/".into_client_request().unwrap();
    let headers = request.headers_mut();
    headers.insert("authorization", token.parse().unwrap());
    match client_async(request, stream).await {
        Ok((socket, _response)) => Ok(socket),
        Err(Error::Http(response)) => Err(format!("refused with {}", response.status())),
        Err(error) => Err(error.to_string()),
    }
}

async fn end<S>(socket: &mut WebSocketStream<S>) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut end = "without a code".to_owned();
    loop {
        match socket.next().await {
            Some(Ok(Message::Close(Some(frame)))) if frame.code == CloseCode::Normal => {
                end = "in order".into();
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                end = format!("{}: {}", u16::from(frame.code), frame.reason);
            }
            Some(Ok(_)) => {}
            Some(Err(Error::ConnectionClosed)) | None => return end,
            Some(Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))) => {
                return "cut off".into();
            }
            Some(Err(Error::Protocol(_))) => return "broken".into(),
            Some(Err(error)) => return error.to_string(),
        }
    }
}
