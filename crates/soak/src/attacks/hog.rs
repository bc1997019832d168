//! More connections than the server has descriptors for.

use std::io;
use std::sync::Arc;

use crate::board::Board;
use crate::dial::Dial;
use crate::options::Options;
use crate::raw::{self, Compression};
use crate::signals::Phase;

/// Opens them all and holds them until the next phase.
pub async fn run(options: Options, phase: Phase, board: &Arc<Board>) {
    let dial = Dial::new(&options);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..options.connections {
        let (dial, mut phase) = (dial.clone(), phase.clone());
        let request = raw::request_for(options.addr, &options.path, Compression::None);
        let (asked, open) = (board.counter("asked"), board.counter("open"));
        tasks.spawn(async move {
            let hogged = async {
                let mut stream = dial.tcp(number).await?;
                asked.add(1);
                raw::open_by(&mut stream, &request).await?;
                let _open = open.hold();
                std::future::pending::<io::Result<()>>().await
            };
            tokio::select! {
                _ = hogged => {}
                () = phase.reached(1) => {}
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}
