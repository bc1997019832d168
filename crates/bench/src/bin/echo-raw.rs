//! Sends every byte back as it came: no framing, the ceiling for all others.

use std::process::ExitCode;

use socket_flow_bench::{handshake, server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// How much one read takes.
const BUFFER: usize = 256 << 10;

fn main() -> ExitCode {
    server::run(&[], |_| {
        |mut stream| async move {
            let rest = handshake::accept(&mut stream).await?;
            stream.write_all(&rest).await?;
            let mut buf = vec![0; BUFFER];
            loop {
                match stream.read(&mut buf).await? {
                    0 => return Ok(()),
                    n => stream.write_all(&buf[..n]).await?,
                }
            }
        }
    })
}
