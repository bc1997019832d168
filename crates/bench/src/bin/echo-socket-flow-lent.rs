//! The lending loop: a message is lent where it lies in the read buffer.

use std::process::ExitCode;

use socket_flow::{Acceptor, Config, ServerStream, WebSocket};
use socket_flow_bench::{MAX_MESSAGE, server};

fn main() -> ExitCode {
    let acceptor = Acceptor::new().config(Config::new().max_message(MAX_MESSAGE));
    server::run(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            let mut ws = acceptor.accept(ServerStream::from(stream)).await?;
            Ok(echo(&mut ws).await?)
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
