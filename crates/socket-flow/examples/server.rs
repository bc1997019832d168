//! A whole server: everyone hears what anyone says.
//!
//! ```text
//! cargo run --release --example server
//! ```

#![allow(clippy::print_stdout)] // a program's output

use socket_flow::{Events, Hub, Server, ServerEvent, SlowPolicy};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (handle, events) = Server::bind("127.0.0.1:9001").serve().await?;
    println!("listening on {}", handle.local_addr()?);
    chat(events).await;
    Ok(())
}

/// Connections that end leave the hub by themselves; those that do not keep up are closed.
pub(crate) async fn chat(mut events: Events) {
    let hub = Hub::new(SlowPolicy::Close);
    while let Some(event) = events.next().await {
        match event {
            ServerEvent::Open { sender, .. } => drop(hub.join("all", &sender)),
            ServerEvent::Message { message, .. } => drop(hub.publish("all", message).await),
            _ => {}
        }
    }
}
