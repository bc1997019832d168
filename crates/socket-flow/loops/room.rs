use socket_flow::{Error, Hub, ServerStream, WebSocket};

async fn chat(hub: &Hub, room: &str, ws: &mut WebSocket<ServerStream>) -> Result<(), Error> {
    hub.join(room, &ws.sender());
    while let Some(message) = ws.recv().await? {
        // Runs this connection while it waits for others.
        hub.publish_from(ws, room, message).await;
    }
    Ok(())
}
