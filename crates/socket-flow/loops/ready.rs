use socket_flow::{ReconnectEvent, Reconnecting};

async fn echo(mut client: Reconnecting) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    while let Some(event) = client.next().await {
        if let ReconnectEvent::Message(message) = event {
            client.ready().await?;
            client.queue(message)?;
        }
    }
    Ok(())
}
