//! A client on tokio-tungstenite: a burst is fed and flushed once.

use std::process::ExitCode;

use futures_util::{SinkExt, StreamExt};
use socket_flow_bench::client;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::Message;

fn main() -> ExitCode {
    client::run(|stream, task| async move {
        let (mut ws, _response) = client_async("ws://127.0.0.1/", stream).await?;
        while task.goes_on() {
            for payload in task.payloads.iter() {
                ws.feed(Message::binary(payload.clone())).await?;
            }
            ws.flush().await?;
            for number in 0..task.payloads.len() {
                let reply = ws.next().await.ok_or("closed")??;
                task.replied(number, &reply.into_data())?;
            }
        }
        Ok(ws.close(None).await?)
    })
}
