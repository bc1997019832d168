//! A client on tokio-websockets: a burst is fed and flushed once.

use std::process::ExitCode;

use futures_util::{SinkExt, StreamExt};
use socket_flow_bench::client;
use tokio_websockets::{ClientBuilder, Message};

fn main() -> ExitCode {
    client::run(|stream, task| async move {
        let (mut ws, _response) = ClientBuilder::new()
            .uri("ws://127.0.0.1/")?
            .connect_on(stream)
            .await?;
        while task.goes_on() {
            for payload in task.payloads.iter() {
                ws.feed(Message::binary(payload.clone())).await?;
            }
            ws.flush().await?;
            for number in 0..task.payloads.len() {
                let reply = ws.next().await.ok_or("closed")??;
                task.replied(number, reply.as_payload())?;
            }
        }
        Ok(ws.close().await?)
    })
}
