//! Echo on tokio-tungstenite: as its example, or batched by hand.

use std::process::ExitCode;

use socket_flow_bench::MAX_MESSAGE;
use socket_flow_bench::server::{self, Feature};
use socket_flow_bench_peers::batch;
use tokio_tungstenite::accept_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

fn main() -> ExitCode {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    server::run(&[Feature::Batch], |options| {
        let batched = options.batch;
        move |stream| async move {
            let mut ws = accept_async_with_config(stream, Some(config)).await?;
            match batched {
                false => batch::one_by_one(&mut ws, is_data).await?,
                true => batch::fed(&mut ws, is_data).await?,
            }
            Ok(())
        }
    })
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
