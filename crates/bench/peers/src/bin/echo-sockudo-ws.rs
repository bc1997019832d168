//! Echo on sockudo-ws: its simple example, or the loop its documentation gives for batches, in
//! which reading on flushes.

use std::process::ExitCode;

use futures_util::{SinkExt, StreamExt};
use socket_flow_bench::MAX_MESSAGE;
use socket_flow_bench::server::{self, Feature, Outcome};
use sockudo_ws::server::WebSocketServer;
use sockudo_ws::{Config, Http1, Message, WebSocketStream};
use tokio::net::TcpStream;

fn main() -> ExitCode {
    server::run(&[Feature::Batch], |options| {
        let batched = options.batch;
        let config = Config::builder()
            .max_message_size(MAX_MESSAGE)
            .max_frame_size(MAX_MESSAGE)
            .build();
        let server = WebSocketServer::<Http1>::new(config);
        move |stream| {
            let server = server.clone();
            async move {
                let (ws, _handshake) = server.accept_raw(stream).await?;
                match batched {
                    false => one_by_one(ws).await,
                    true => fed(ws).await,
                }
            }
        }
    })
}

async fn one_by_one(mut ws: WebSocketStream<TcpStream>) -> Outcome {
    while let Some(message) = ws.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => ws.send(message).await?,
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}

async fn fed(mut ws: WebSocketStream<TcpStream>) -> Outcome {
    while let Some(message) = ws.next().await {
        match message? {
            message @ (Message::Text(_) | Message::Binary(_)) => ws.feed(message).await?,
            Message::Close(_) => break,
            _ => {}
        }
    }
    Ok(())
}
