//! Echo on tokio-websockets: as its example, or batched by hand.

use std::process::ExitCode;

use socket_flow_bench::MAX_MESSAGE;
use socket_flow_bench::server::{self, Feature};
use socket_flow_bench_peers::batch;
use tokio_websockets::{Config, Limits, Message, ServerBuilder};

fn main() -> ExitCode {
    server::run(&[Feature::Batch], |options| {
        let batched = options.batch;
        move |stream| async move {
            let (_request, mut ws) = ServerBuilder::new()
                .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)))
                // Its default splits what is larger than 4 MiB.
                .config(Config::default().frame_size(MAX_MESSAGE))
                .accept(stream)
                .await?;
            match batched {
                false => batch::one_by_one(&mut ws, is_data).await?,
                true => batch::collected(&mut ws, is_data).await?,
            }
            Ok(())
        }
    })
}

fn is_data(message: &Message) -> bool {
    message.is_text() || message.is_binary()
}
