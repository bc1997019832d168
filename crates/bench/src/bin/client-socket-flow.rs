//! A client on socket-flow: a burst is queued, and leaves in one write before its replies are
//! awaited.

use std::process::ExitCode;

use socket_flow::{ClientBuilder, CloseCode};
use socket_flow_bench::client;

fn main() -> ExitCode {
    client::run(|stream, task| async move {
        let (mut ws, _response) = ClientBuilder::new("ws://127.0.0.1/")
            .connect_on(stream)
            .await?;
        while task.goes_on() {
            for payload in task.payloads.iter() {
                ws.queue(payload.as_slice())
                    .map_err(|error| error.to_string())?;
            }
            for number in 0..task.payloads.len() {
                let reply = ws.recv().await?.ok_or("closed")?;
                task.replied(number, reply.as_bytes())?;
            }
        }
        ws.close(CloseCode::NORMAL, "").await?;
        Ok(())
    })
}
