use std::collections::HashMap;

use socket_flow::{Events, Server, ServerEvent};

async fn echo(mut events: Events) {
    let mut senders = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            ServerEvent::Open { id, sender, .. } => {
                senders.insert(id, sender);
            }
            ServerEvent::Message { id, message } => {
                // It has room; it is refused only where the client is gone.
                let _ = senders[&id].try_send(message);
            }
            ServerEvent::Close { id, .. } => {
                senders.remove(&id);
            }
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (_handle, events) = Server::bind("127.0.0.1:9001").serve().await?;
    echo(events).await;
    Ok(())
}
