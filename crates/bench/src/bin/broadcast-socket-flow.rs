//! Broadcast through the hub: whoever says something is heard by everyone.

use std::process::ExitCode;

use socket_flow::{Hub, ServerStream, SlowPolicy};
use socket_flow_bench::ours::acceptor;
use socket_flow_bench::server;

const TOPIC: &str = "all";

fn main() -> ExitCode {
    server::run(&[], |options| {
        let acceptor = acceptor(options);
        let hub = Hub::new(SlowPolicy::Wait);
        move |stream| {
            let (acceptor, hub) = (acceptor.clone(), hub.clone());
            async move {
                let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
                hub.join(TOPIC, &ws.sender());
                while let Some(message) = ws.recv().await? {
                    hub.publish_from(&mut ws, TOPIC, message).await;
                }
                Ok(())
            }
        }
    })
}
