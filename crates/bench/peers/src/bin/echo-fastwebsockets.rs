//! Echo on fastwebsockets, as its example: through hyper, and not preempted by tokio.

use std::process::ExitCode;

use fastwebsockets::{FragmentCollector, OpCode, WebSocketError, upgrade};
use socket_flow_bench::{MAX_MESSAGE, server};
use socket_flow_bench_peers::upgrade::upgraded;

fn main() -> ExitCode {
    server::run(&[], |_| {
        |stream| async move {
            let future = upgraded(stream, |request| upgrade::upgrade(request)).await?;
            Ok(tokio::task::unconstrained(echo(future)).await?)
        }
    })
}

async fn echo(future: upgrade::UpgradeFut) -> Result<(), WebSocketError> {
    let mut ws = future.await?;
    ws.set_max_message_size(MAX_MESSAGE);
    let mut ws = FragmentCollector::new(ws);
    loop {
        let frame = ws.read_frame().await?;
        match frame.opcode {
            OpCode::Close => return Ok(()),
            OpCode::Text | OpCode::Binary => ws.write_frame(frame).await?,
            _ => {}
        }
    }
}
