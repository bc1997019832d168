//! Broadcast on tokio-websockets.

use std::process::ExitCode;

use socket_flow_bench::server;
use socket_flow_bench_peers::fan_out::Topic;
use tokio_websockets::{Message, ServerBuilder};

fn main() -> ExitCode {
    server::run(&[], |_| {
        let topic = Topic::default();
        move |stream| {
            let topic = topic.clone();
            let published = topic.listen();
            async move {
                let (_request, mut ws) = ServerBuilder::new().accept(stream).await?;
                topic.serve(&mut ws, published, is_data).await
            }
        }
    })
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
