//! The lending loop: a message is lent where it lies in the read buffer.

use std::process::ExitCode;

use socket_flow::{ServerStream, WebSocket};
use socket_flow_bench::ours::acceptor;
use socket_flow_bench::server::{self, Feature};

fn main() -> ExitCode {
    server::run(&[Feature::Deflate], |options| {
        let acceptor = acceptor(options);
        move |stream| {
            let acceptor = acceptor.clone();
            async move {
                let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
                Ok(echo(&mut ws).await?)
            }
        }
    })
}

async fn echo(ws: &mut WebSocket<ServerStream>) -> Result<(), socket_flow::Error> {
    let (reader, writer) = ws.halves();
    while let Some(message) = reader.recv(writer).await? {
        writer.queue(message)?;
    }
    Ok(())
}
