//! The loop of the README: owned messages, `recv` and `queue`.

use std::process::ExitCode;

use socket_flow::{Acceptor, Config, ServerStream};
use socket_flow_bench::{MAX_MESSAGE, server};

fn main() -> ExitCode {
    let acceptor = Acceptor::new().config(Config::new().max_message(MAX_MESSAGE));
    server::run(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
            while let Some(message) = ws.recv().await? {
                ws.queue(message)?;
            }
            Ok(())
        }
    })
}
