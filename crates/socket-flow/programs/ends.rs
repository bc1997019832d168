use socket_flow::{ClientBuilder, CloseCode, ConnectError, Error, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};

async fn dial<S>(stream: S, token: &'static str) -> Result<WebSocket<S>, String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let builder = ClientBuilder::new("ws://chat.example/").header("authorization", token);
    match builder.connect_on(stream).await {
        Ok((socket, _response)) => Ok(socket),
        Err(ConnectError::Rejected(rejected)) => Err(format!("refused with {}", rejected.status())),
        Err(error) => Err(error.to_string()),
    }
}

async fn end<S>(socket: &mut WebSocket<S>) -> String
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        match socket.recv().await {
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(Error::Closed { code: 1006 }) => return "cut off".into(),
            Err(Error::Protocol(_)) => return "broken".into(),
            Err(error) => return error.to_string(),
        }
    }
    match socket.close_frame() {
        Some(frame) if frame.code == CloseCode::NORMAL => "in order".into(),
        Some(frame) => format!("{}: {}", frame.code.as_u16(), frame.reason),
        None => "without a code".into(),
    }
}
