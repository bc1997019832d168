//! The loop of the README: owned messages, `recv` and `queue`.

use std::process::ExitCode;

use socket_flow::ServerStream;
use socket_flow_bench::ours::acceptor;
use socket_flow_bench::server::{self, Feature};

fn main() -> ExitCode {
    server::run(&[Feature::Deflate], |options| {
        let acceptor = acceptor(options);
        move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
                while let Some(message) = ws.recv().await? {
                    ws.queue(message)?;
                }
                Ok(())
            }
        }
    })
}
