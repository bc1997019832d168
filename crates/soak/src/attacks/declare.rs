//! Clients that declare a large message and send nothing of it.

use std::sync::Arc;

use tokio::io::AsyncWriteExt;

use crate::board::Board;
use crate::dial::Dial;
use crate::options::Options;
use crate::raw;
use crate::signals::Phase;

/// Declares on each connection, and holds it until the last phase or the server's patience ends.
#[allow(clippy::print_stderr)] // a program's output
pub async fn run(options: Options, mut phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let mut streams = Vec::new();
    for number in 0..options.connections {
        let opened = async {
            let mut stream = dial.tcp(number).await?;
            raw::open(&mut stream, options.addr).await?;
            std::io::Result::Ok(stream)
        };
        match opened.await {
            Ok(stream) => streams.push(stream),
            Err(error) => {
                eprintln!("connection {number}: {error}");
                board.counter("failed").add(1);
            }
        }
    }
    board.counter("open").set(streams.len() as u64);
    phase.reached(1).await;
    for stream in &mut streams {
        let declared = raw::header(0x82, options.mib << 20, [1, 2, 3, 4]);
        if stream.write_all(&declared).await.is_ok() {
            board.counter("declared").add(1);
        }
    }
    phase.ended().await;
}
