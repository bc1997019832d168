//! Broadcast on yawc.

use std::process::ExitCode;

use futures_util::StreamExt;
use socket_flow_bench::server;
use socket_flow_bench_peers::fan_out::Topic;
use socket_flow_bench_peers::upgrade::upgraded;
use yawc::{Frame, OpCode, Options, WebSocket, WebSocketError};

fn main() -> ExitCode {
    server::run(&[], |_| {
        let options = Options::default().with_utf8().without_compression();
        let topic = Topic::default();
        move |stream| {
            let (options, topic) = (options.clone(), topic.clone());
            let published = topic.listen();
            async move {
                let upgrade =
                    |request: &mut _| WebSocket::upgrade_with_options(request, options.clone());
                let ws = upgraded(stream, upgrade).await?.await?;
                let mut ws = ws.map(Ok::<_, WebSocketError>);
                topic.serve(&mut ws, published, is_data).await
            }
        }
    })
}

fn is_data(frame: &Frame) -> bool {
    matches!(frame.opcode(), OpCode::Text | OpCode::Binary)
}
