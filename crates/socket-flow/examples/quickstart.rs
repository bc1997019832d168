//! A server and a client in one process: starts the one, talks to it with the other, and prints
//! the conversation.
//!
//! ```text
//! cargo run --release --example quickstart
//! ```

#![allow(clippy::print_stdout)] // a program's output

use std::error::Error;

use socket_flow::{Acceptor, ClientBuilder, CloseCode, Listener, Message, ServerStream};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

#[tokio::main]
async fn main() -> Result<()> {
    // Port 0: the system chooses a free one.
    let listener = Listener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/quickstart", listener.local_addr()?);
    println!("server: listening on {url}");
    let server = tokio::spawn(async move {
        let (stream, _peer) = listener.accept().await;
        serve(stream).await
    });

    let (mut ws, response) = ClientBuilder::new(&url)
        .subprotocols(["shout"])
        .connect()
        .await?;
    let subprotocol = ws.negotiated().subprotocol().unwrap_or("none");
    println!(
        "client: connected, {}, subprotocol {subprotocol}",
        response.status()
    );

    for text in ["hello", "is anybody there?", "grüße"] {
        println!("client: -> {text}");
        ws.send(text).await?;
        if let Some(message) = ws.recv().await? {
            println!(
                "client: <- {}",
                message.as_text().unwrap_or("something binary")
            );
        }
    }

    ws.send(&[0xde, 0xad, 0xbe, 0xef][..]).await?;
    println!("client: -> 4 bytes");
    if let Some(Message::Binary(bytes)) = ws.recv().await? {
        println!("client: <- {} bytes: {:02x?}", bytes.len(), &bytes[..]);
    }

    let outcome = ws.close(CloseCode::NORMAL, "that is all").await?;
    println!(
        "client: closed {}",
        if outcome.clean {
            "cleanly"
        } else {
            "abnormally"
        }
    );
    server.await?
}

/// Answers text in capitals, and bytes backwards.
pub(crate) async fn serve(stream: ServerStream) -> Result<()> {
    let pending = Acceptor::new().subprotocols(["shout"]).read(stream).await?;
    println!("server: request for {}", pending.request().uri());
    let mut ws = pending.accept().await?;
    while let Some(message) = ws.recv().await? {
        match message {
            Message::Text(text) => ws.queue(text.to_uppercase())?,
            Message::Binary(bytes) => ws.queue(bytes.iter().rev().copied().collect::<Vec<_>>())?,
        }
    }
    if let Some(close) = ws.close_frame() {
        println!("server: closed with {}, \"{}\"", close.code, &*close.reason);
    }
    Ok(())
}
