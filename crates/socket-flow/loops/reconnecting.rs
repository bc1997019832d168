use socket_flow::{ReconnectEvent, Reconnecting, SendError};

async fn echo(mut client: Reconnecting) -> Result<(), SendError<socket_flow::Message>> {
    while let Some(event) = client.next().await {
        match event {
            ReconnectEvent::Connected(_) => println!("connected"),
            ReconnectEvent::Message(message) => client.send(message).await?,
            ReconnectEvent::Disconnected { cause, retry_in } => {
                println!("{cause}, next attempt: {retry_in:?}");
            }
            _ => {}
        }
    }
    Ok(())
}
