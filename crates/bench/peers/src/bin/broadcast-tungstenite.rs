//! Broadcast on tokio-tungstenite.

use std::process::ExitCode;

use socket_flow_bench::server;
use socket_flow_bench_peers::fan_out::Topic;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

fn main() -> ExitCode {
    server::run(&[], |_| {
        let topic = Topic::default();
        move |stream| {
            let topic = topic.clone();
            let published = topic.listen();
            async move {
                let mut ws = accept_async(stream).await?;
                topic.serve(&mut ws, published, is_data).await
            }
        }
    })
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
