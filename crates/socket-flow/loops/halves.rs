use socket_flow::{Error, Message, ServerStream, WebSocket};
use tokio::sync::mpsc;

async fn echo(ws: WebSocket<ServerStream>) -> Result<(), Error> {
    let (mut reader, mut writer) = ws.into_split();
    let (replies, mut queued) = mpsc::channel::<Message>(16);
    let sending = tokio::spawn(async move {
        while let Some(message) = queued.recv().await {
            writer.send(message).await?;
        }
        Ok::<_, Error>(())
    });
    while let Some(message) = reader.recv().await? {
        if replies.send(message).await.is_err() {
            break; // sending has failed, and says why
        }
    }
    drop(replies);
    sending.await.unwrap_or(Ok(()))
}
