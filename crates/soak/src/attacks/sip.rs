//! Clients that read a byte now and then of all that they are sent.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::time::interval;

use crate::board::Board;
use crate::dial::Dial;
use crate::options::Options;
use crate::raw::Compression;
use crate::signals::Phase;

/// How often a client reads a byte.
const SIP: Duration = Duration::from_secs(1);

/// Opens the connections on `--path`, and reads on each until the last phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let (dial, path, mut phase) = (dial.clone(), options.path.clone(), phase.clone());
        let (open, failed) = (board.counter("open"), board.counter("failed"));
        let read = board.counter("read");
        tasks.spawn(async move {
            let Ok(reader) = dial.raw(number, &path, Compression::None).await else {
                return failed.add(1);
            };
            let _open = open.hold();
            let mut stream = reader.into_inner();
            let sipping = async {
                let mut ticks = interval(SIP);
                loop {
                    ticks.tick().await;
                    if stream.read_u8().await.is_err() {
                        // What is left of the connection is held.
                        std::future::pending::<()>().await;
                    }
                    read.add(1);
                }
            };
            tokio::select! {
                () = sipping => {}
                () = phase.ended() => {}
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
