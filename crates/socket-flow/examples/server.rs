//! A whole server: everyone hears what anyone says.
//!
//! ```text
//! cargo run --release --example server
//! ```

#![allow(clippy::print_stdout)] // a program's output

use std::collections::HashMap;

use socket_flow::{Server, ServerEvent};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let (handle, mut events) = Server::bind("127.0.0.1:9001").serve().await?;
    println!("listening on {}", handle.local_addr()?);
    let mut people = HashMap::new();
    while let Some(event) = events.next().await {
        match event {
            ServerEvent::Open { id, sender, .. } => drop(people.insert(id, sender)),
            ServerEvent::Message { message, .. } => people
                .values()
                .for_each(|sender| drop(sender.try_send(message.clone()))),
            ServerEvent::Close { id, .. } => drop(people.remove(&id)),
            _ => {}
        }
    }
    Ok(())
}
