//! This library as an end of `cargo xtask replay`: it is given bytes nobody thought of, sends
//! nothing of its own, and says what it made of them.
//!
//! ```text
//! cargo run -p socket-flow-fuzz --example replay -- server          listens until it is killed
//! cargo run -p socket-flow-fuzz --example replay -- client SCRIPT   makes the connections of SCRIPT,
//!                                                                   some at a time
//! ```
//!
//! Both print a line of JSON for each connection; the server `listening on ADDR` before them. The
//! programs of `interop/` do the same with the libraries of others.

#![forbid(unsafe_code)]
// The output of a command line tool is its purpose.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

use serde_json::{Value, json};
use socket_flow::{Acceptor, ClientBuilder, Deflate, Listener, Message, ServerStream, WebSocket};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;

/// What the server speaks, the best first.
const SUBPROTOCOLS: [&str; 2] = ["chat", "superchat"];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["server"] => server().await,
        ["client", path] => client(&serde_json::from_slice(&fs::read(path)?)?).await,
        _ => Err("replay server | replay client SCRIPT".into()),
    }
}

async fn server() -> Result<()> {
    let listener = Listener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    let acceptor = Acceptor::new()
        .subprotocols(SUBPROTOCOLS)
        // Whom a page may belong to is this library's rule alone.
        .allow_any_origin();
    loop {
        let (stream, peer) = listener.accept().await;
        let port = peer.socket_addr().map(|address| address.port());
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let mut report = accepted(&acceptor, stream).await;
            report["port"] = json!(port);
            println!("{report}");
        });
    }
}

async fn accepted(acceptor: &Acceptor, stream: ServerStream) -> Value {
    match acceptor.accept(stream).await {
        Ok(mut ws) => received(&mut ws).await,
        Err(error) => json!({"messages": [], "error": chain(&error)}),
    }
}

async fn client(script: &Value) -> Result<()> {
    let exchanges = script["exchanges"].as_array().ok_or("no exchanges")?;
    let exchanges: Arc<Vec<Value>> = Arc::new(exchanges.clone());
    let next = Arc::new(AtomicUsize::new(0));
    let mut some = JoinSet::new();
    for _ in 0..script["parallel"].as_u64().unwrap_or(1) {
        let (exchanges, next) = (Arc::clone(&exchanges), Arc::clone(&next));
        some.spawn(async move {
            while let Some(exchange) = exchanges.get(next.fetch_add(1, Ordering::Relaxed)) {
                println!("{}", attempt(exchange).await);
            }
        });
    }
    while let Some(ended) = some.join_next().await {
        ended?;
    }
    Ok(())
}

/// Makes a connection. What goes wrong is part of the report.
async fn attempt(exchange: &Value) -> Value {
    let subprotocols = exchange["subprotocols"].as_array().into_iter().flatten();
    let mut builder = ClientBuilder::new(exchange["url"].as_str().unwrap_or_default())
        .subprotocols(subprotocols.filter_map(Value::as_str));
    if exchange["deflate"] == true {
        builder = builder.deflate(Deflate::balanced());
    }
    let mut report = match builder.connect().await {
        Ok((mut ws, _)) => received(&mut ws).await,
        Err(error) => json!({
            "opened": null,
            "status": error.status().map(|status| status.as_u16()),
            "messages": [],
            "error": chain(&error),
        }),
    };
    report["id"] = exchange["id"].clone();
    report
}

/// What was agreed on, every message until the end, and why it ended.
async fn received<S>(ws: &mut WebSocket<S>) -> Value
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let negotiated = ws.negotiated();
    let opened = json!({
        "subprotocol": negotiated.subprotocol(),
        "deflate": negotiated.deflate().is_some(),
    });
    let mut messages = Vec::new();
    let error = loop {
        match ws.recv().await {
            Ok(Some(Message::Text(text))) => messages.push(json!(["text", hex(text.as_bytes())])),
            Ok(Some(Message::Binary(data))) => messages.push(json!(["binary", hex(&data)])),
            Ok(None) => break None,
            Err(error) => break Some(chain(&error)),
        }
    };
    json!({"opened": opened, "messages": messages, "error": error})
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An error with everything behind it.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
