use std::error::Error;

use futures_util::{SinkExt, StreamExt, TryStreamExt, stream};
use socket_flow::{CloseCode, Message, accept, connect};
use tokio::net::TcpStream;

async fn ask(url: &str, lines: &[&str]) -> Result<Vec<Message>, Box<dyn Error>> {
    let (mut socket, _response) = connect(url).await?;
    let messages = lines.iter().map(|line| Ok(Message::text(*line)));
    socket.send_all(&mut stream::iter(messages)).await?;
    let replies = socket.by_ref().take(lines.len()).try_collect().await?;
    socket.close(CloseCode::NORMAL, "").await?;
    Ok(replies)
}

async fn shout(stream: TcpStream) -> Result<(), Box<dyn Error>> {
    let (sink, stream) = accept(stream).await?.split();
    stream
        .try_filter_map(|message| async move { Ok(message.as_text().map(str::to_uppercase)) })
        .map_ok(Message::text)
        .forward(sink)
        .await?;
    Ok(())
}
