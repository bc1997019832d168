//! Echo on wtx, as its own benchmark: the frame that was read is written back.

use std::process::ExitCode;

use socket_flow_bench::server;
use tokio::net::TcpStream;
use wtx::collection::Vector;
use wtx::web_socket::{OpCode, WebSocketAcceptor, WebSocketPayloadOrigin};

fn main() -> ExitCode {
    server::run(&[], |_| {
        // Not preempted by tokio, as its example.
        |stream| tokio::task::unconstrained(echo(stream))
    })
}

async fn echo(stream: TcpStream) -> server::Outcome {
    // Its limit is 64 MiB by itself.
    let mut ws = WebSocketAcceptor::default().accept(stream).await?;
    let (mut common, mut reader, mut writer) = ws.split_mut();
    let mut buffer = Vector::new();
    loop {
        let mut frame = reader
            .read_frame(&mut buffer, &mut common, WebSocketPayloadOrigin::Adaptive)
            .await?;
        match frame.op_code() {
            OpCode::Binary | OpCode::Text => {
                writer.write_frame(&mut common, &mut frame).await?;
            }
            OpCode::Close => return Ok(()),
            _ => {}
        }
    }
}
