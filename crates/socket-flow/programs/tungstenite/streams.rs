use futures_util::{SinkExt, StreamExt, TryStreamExt, future, stream};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{accept_async, connect_async};

async fn ask(url: &str, lines: &[&str]) -> Result<Vec<Message>, Error> {
    let (mut socket, _response) = connect_async(url).await?;
    let messages = lines.iter().map(|line| Ok(Message::text(*line)));
    socket.send_all(&mut stream::iter(messages)).await?;
    let replies = socket.by_ref().take(lines.len()).try_collect().await?;
    socket.close(None).await?;
    Ok(replies)
}

async fn shout(stream: TcpStream) -> Result<(), Error> {
    let (sink, stream) = accept_async(stream).await?.split();
    stream
        .try_filter(|message| future::ready(message.is_text()))
        .and_then(|message| async move { Ok(message.to_text()?.to_uppercase()) })
        .map_ok(Message::text)
        .forward(sink)
        .await
}
